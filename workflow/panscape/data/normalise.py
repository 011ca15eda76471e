"""Normalisation of counts."""

from __future__ import annotations

import numpy as np
from scipy import sparse

HOW = ("log1p", "depth-log1p")


def normalise(
    counts: sparse.csr_matrix, totals: np.ndarray, how: str = "depth-log1p", target: float | None = None
) -> sparse.csr_matrix:
    """Return log-transformed expression.

    Parameters
    ----------
    counts
        CSR, cells x genes: raw counts.
    totals
        (n_cells,): counts of each cell over all genes that passed quality control, which may be more genes
        than `counts` has.
    how
        ``"log1p"``: log(1 + count), as in the Coscape paper and its released code.
        ``"depth-log1p"``: log(1 + count / total * target).
    target
        Total that cells are scaled to; None uses the median of `totals`. Give the study's median when
        `counts` contains only some of its cells.

    Returns
    -------
    CSR with the sparsity of `counts`, float64 if `counts` is float64, else float32.

    Raises
    ------
    ValueError
        If `how` is unknown or `totals` do not match `counts`.
    """
    if how not in HOW:
        raise ValueError(f"normalisation {how!r} is not one of {HOW}")
    dtype = np.float64 if counts.dtype == np.float64 else np.float32
    values = counts.data.astype(dtype)  # copies
    if how != "log1p":
        filled = np.diff(counts.indptr)
        values *= np.repeat(cell_factors(how, filled, totals, target), filled).astype(dtype)
    np.log1p(values, out=values)
    return sparse.csr_matrix((values, counts.indices.copy(), counts.indptr.copy()), shape=counts.shape)


def cell_factors(how: str, filled: np.ndarray, totals: np.ndarray, target: float | None = None) -> np.ndarray:
    """Return what the counts of each cell are multiplied by before the logarithm, float64 (n_cells,).

    Parameters
    ----------
    how
        ``"log1p"``: 1; otherwise what scales each cell to the same total, 0 for empty cells.
    filled
        int (n_cells,): number of counts of each cell.
    totals, target
        As in :func:`normalise`.

    Raises
    ------
    ValueError
        If there is not one total per cell, or none for a cell with counts.
    """
    if how == "log1p":
        return np.ones(len(filled))
    totals = np.asarray(totals, dtype=np.float64)
    if totals.shape != filled.shape:
        raise ValueError(f"{totals.shape} totals for {len(filled)} cells")
    if not (totals[filled > 0] > 0).all():
        raise ValueError("a cell with counts has no total")
    if target is None:
        target = float(np.median(totals)) if len(totals) else 1.0
    # empty cells have no values to scale
    return np.divide(target, totals, out=np.zeros_like(totals), where=totals > 0)
