"""Correlations of the columns of a matrix with one vector."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.stats import rankdata

from panscape.landscape._features import runs
from panscape.landscape._statistics import centred_ranks


def spearman_columns(values: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Spearman's rho of each column with y; NaN for constant columns.

    Parameters
    ----------
    values
        (n, p) dense, finite.
    y
        (n,) finite.
    """
    ranks = centred_ranks(np.asarray(values, dtype=np.float64))
    other = centred_ranks(y)
    scale = np.sqrt((ranks**2).sum(axis=0) * (other @ other))
    return np.divide(other @ ranks, scale, out=np.full(ranks.shape[1], np.nan), where=scale > 0).clip(-1, 1)


def sparse_column_correlations(
    matrix: sparse.csr_matrix, y: np.ndarray, *, method: str = "spearman"
) -> np.ndarray:
    """Correlate each column of a sparse matrix with y by one matrix-vector product.

    For Spearman the values are replaced by their rank minus the rank of zero, which keeps the matrix sparse
    and changes no correlation.

    Parameters
    ----------
    matrix
        (n, p) CSR.
    y
        (n,) finite.
    method
        ``"spearman"`` or ``"pearson"``.

    Returns
    -------
    (p,) correlations, NaN for constant columns.
    """
    if method not in ("spearman", "pearson"):
        raise ValueError(f"method must be spearman or pearson, found {method!r}")
    columns = sparse.csc_matrix(matrix)
    weight = rankdata(y) if method == "spearman" else np.asarray(y, dtype=np.float64)
    weight = weight - weight.mean()
    parts = []
    for start, stop in runs(columns.indptr):
        block = columns[:, start:stop].astype(np.float64)
        block.eliminate_zeros()
        if method == "spearman":
            _rank_nonzeros(block)
        parts.append(_column_correlations(block, weight))
    return np.concatenate(parts) if parts else np.empty(0)


def _column_correlations(columns: sparse.csc_matrix, weight: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of each column with centred weights; NaN for constant columns."""
    count = columns.shape[0]
    total = np.asarray(columns.sum(axis=0)).ravel()
    square = np.asarray(columns.multiply(columns).sum(axis=0)).ravel()
    spread = square - total**2 / count
    scale = np.sqrt(np.maximum(spread, 0) * (weight @ weight))
    usable = (spread > 1e-12 * square) & (scale > 0)
    found = np.full(columns.shape[1], np.nan)
    return np.divide(columns.T @ weight, scale, out=found, where=usable).clip(-1, 1)


def _rank_nonzeros(columns: sparse.csc_matrix) -> None:
    """Replace, in place, each stored value by (its average rank in the column) - (the average rank of 0)."""
    count, width = columns.shape
    if columns.nnz == 0:
        return
    owner = np.repeat(np.arange(width), np.diff(columns.indptr))
    order = np.lexsort((columns.data, owner))
    values, owner = columns.data[order], owner[order]
    place = np.arange(len(values)) - columns.indptr[owner]
    first = np.flatnonzero(np.r_[True, (np.diff(owner) != 0) | (np.diff(values) != 0)])
    length = np.diff(np.r_[first, len(values)])
    average = np.repeat(place[first] + (length + 1) / 2, length)
    zeros = count - np.diff(columns.indptr)
    negative = np.bincount(owner, values < 0, minlength=width)
    rank = np.where(values > 0, average + zeros[owner], average)
    columns.data[order] = rank - (negative + (zeros + 1) / 2)[owner]
