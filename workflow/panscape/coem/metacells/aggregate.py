"""Sums of cells: metacells as observations, with both directions of the mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coem.metacells.embed import log_normalised
from panscape.coem.metacells.enforce_sizes import centres
from panscape.coem.metacells.evaluate import label_table
from panscape.stats.means import group_means

if TYPE_CHECKING:
    from anndata import AnnData

MIN_FRACTION = 0.05  # smaller fractions are set to 0, as in SEACells
KEEP_APART = ("study", "n_counts", "n_genes")  # columns of obs with a summary of their own


def metacell_names(k: int) -> list[str]:
    """Return the names m1, m2 ..., zero-padded to equal width."""
    width = len(str(k))
    return [f"m{at + 1:0{width}d}" for at in range(k)]


def sum_cells(counts: sparse.csr_matrix, label: np.ndarray, k: int | None = None) -> sparse.csr_matrix:
    """Return sums of counts, CSR float32 (exact below 2^24), metacells x features.

    Parameters
    ----------
    counts
        CSR, cells x features.
    label
        Metacell of each cell, 0..k-1.
    k
        Number of metacells; None takes the largest label.

    Examples
    --------
    >>> sum_cells(sparse.csr_matrix([[1.0, 0.0], [2.0, 3.0]]), np.array([0, 0])).toarray()
    array([[3., 3.]], dtype=float32)
    """
    n = counts.shape[0]
    k = int(label.max()) + 1 if k is None else k
    member = sparse.csr_matrix((np.ones(n), (label, np.arange(n))), shape=(k, n))
    sums = sparse.csr_matrix(member @ sparse.csr_matrix(counts, dtype=np.float64))
    sums.sort_indices()
    exact = sums.data.max(initial=0) < 2**24
    return sums.astype(np.float32) if exact else sums


def soft_fractions(
    z: np.ndarray, label: np.ndarray, *, nearest: int = 5, min_fraction: float = MIN_FRACTION
) -> sparse.csr_matrix:
    """Return the soft assignment of cells to their nearest metacells, cells x metacells.

    Fractions fall with the squared distance to a metacell's centre, in units of the mean
    squared distance; rows sum to 1.

    Parameters
    ----------
    z
        Embedding, cells x dimensions.
    label
        Metacell of each cell, 0..k-1.
    nearest
        Number of metacells that a cell is assigned to.
    min_fraction
        Smaller fractions are set to 0.
    """
    z = np.asarray(z, dtype=float)
    mean, count = centres(label, z)
    off = ((z - mean[label]) ** 2).sum(axis=1)
    width = np.bincount(label, off) / count
    width = np.maximum(width, 1e-12 * max(float(width.mean()), 1e-300))
    nearest = min(nearest, len(count))
    rows, columns, values = [], [], []
    for start in range(0, len(z), 4096):
        part = z[start : start + 4096]
        gap = np.maximum((part**2).sum(axis=1)[:, None] - 2 * part @ mean.T + (mean**2).sum(axis=1), 0)
        near = np.sort(np.argpartition(gap, nearest - 1, axis=1)[:, :nearest], axis=1)
        gap = np.take_along_axis(gap, near, axis=1)
        power = -gap / width[label[start : start + len(part)], None]
        fraction = np.exp(power - power.max(axis=1, keepdims=True))
        fraction /= fraction.sum(axis=1, keepdims=True)
        fraction[fraction < min_fraction] = 0
        fraction /= fraction.sum(axis=1, keepdims=True)
        at, which = np.nonzero(fraction)
        rows.append(at + start)
        columns.append(near[at, which])
        values.append(fraction[at, which])
    shape = (len(z), len(count))
    return sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape
    )


def annotate(obs: pd.DataFrame, label: np.ndarray) -> pd.DataFrame:
    """Summarise the annotations of the cells of each metacell.

    Parameters
    ----------
    obs
        Annotations of the cells.
    label
        Metacell of each cell.

    Returns
    -------
    DataFrame indexed m1 ...: n_cells; per column of text the most frequent label, `<column>_purity` (its
    fraction) and `<column>_entropy` (natural log); per column of numbers the mean and `<column>_sd`.
    """
    k = int(label.max()) + 1
    table = pd.DataFrame({"n_cells": np.bincount(label, minlength=k)}, index=metacell_names(k))
    for name in obs.columns:
        if name in KEEP_APART:
            continue
        values = obs[name]
        if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
            known = values.notna().to_numpy()
            groups = pd.Series(values.to_numpy(dtype=float)[known]).groupby(label[known])
            table[name] = group_means(label, values.to_numpy(dtype=float, na_value=np.nan), k)
            table[f"{name}_sd"] = groups.std(ddof=0).reindex(range(k)).to_numpy()
            continue
        counts = label_table(label, values.to_numpy(dtype=object))
        if not counts.shape[1]:
            continue
        total = counts.sum(axis=1).to_numpy(dtype=float)
        fraction = counts.to_numpy() / np.maximum(total, 1)[:, None]
        best = fraction.argmax(axis=1)
        names = np.array(counts.columns, dtype=object)
        table[name] = pd.Categorical(np.where(total > 0, names[best], None))
        table[f"{name}_purity"] = np.where(total > 0, fraction.max(axis=1), np.nan)
        logs = np.log(fraction, out=np.zeros_like(fraction), where=fraction > 0)
        table[f"{name}_entropy"] = np.where(total > 0, 0.0 - (fraction * logs).sum(axis=1), np.nan)
    return table


def modality_table(
    counts: sparse.csr_matrix, label: np.ndarray, var: pd.DataFrame, names: list[str]
) -> AnnData:
    """Return one modality of the metacells: log-normalised X and summed `counts`.

    `obs` contains n_counts, its mean over cells and the coefficient of variation of the cells' depth.

    Parameters
    ----------
    counts
        CSR, cells x features.
    label
        Metacell of each cell, 0..k-1.
    var
        Annotations of the features.
    names
        Names of the metacells.
    """
    from anndata import AnnData

    sums = sum_cells(counts, label, len(names))
    depth = np.asarray(counts.sum(axis=1)).ravel().astype(float)
    cells = np.bincount(label, minlength=len(names))
    mean = np.bincount(label, depth, minlength=len(names)) / cells
    square = np.bincount(label, (depth - mean[label]) ** 2, minlength=len(names)) / cells
    obs = pd.DataFrame(
        {
            "n_counts": np.asarray(sums.sum(axis=1)).ravel(),
            "cell_counts_mean": mean,
            "cell_counts_cv": np.sqrt(square) / np.maximum(mean, 1e-12),
        },
        index=names,
    )
    return AnnData(X=log_normalised(sums), obs=obs, var=var, layers={"counts": sums})
