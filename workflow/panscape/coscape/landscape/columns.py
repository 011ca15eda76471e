"""Correlations of the columns of a matrix with one vector."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import sparse

from panscape.coscape.landscape.features import value_runs
from panscape.stats.ranks import average_ranks, centred_ranks

SHORT = 64  # mean number of values of a column, above which a sort of each is faster than one of all


def sparse_column_correlations(
    matrix: sparse.csr_matrix, y: np.ndarray, *, method: str = "spearman"
) -> np.ndarray:
    """Correlate each column of a sparse matrix with y.

    For Spearman, values are replaced by their rank minus the rank of zero, which preserves sparsity and
    correlations.

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
        raise ValueError(f"method must be spearman or pearson, not {method!r}")
    columns = sparse.csc_matrix(matrix)
    weight = average_ranks(y) if method == "spearman" else np.asarray(y, dtype=np.float64)
    weight = weight - weight.mean()
    parts = []
    for start, stop in value_runs(columns.indptr):
        block = columns[:, start:stop].astype(np.float64)
        block.eliminate_zeros()
        if method == "spearman":
            _rank_nonzeros(block)
        parts.append(_column_correlations(block, weight))
    return np.concatenate(parts) if parts else np.empty(0)


def sparse_within_correlations(
    matrix: sparse.csr_matrix, y: np.ndarray, groups: np.ndarray, *, method: str = "spearman"
) -> np.ndarray:
    """Correlate each column of a sparse matrix with y after removing the groups' means (or mean ranks).

    Parameters
    ----------
    matrix
        (n, p) CSR.
    y
        (n,) finite.
    groups
        (n,) labels; ranks are computed within groups and scaled by the group's size.
    method
        ``"spearman"`` or ``"pearson"``.

    Returns
    -------
    (p,) correlations, NaN for columns that are constant in every group.
    """
    if method not in ("spearman", "pearson"):
        raise ValueError(f"method must be spearman or pearson, not {method!r}")
    inner, spread, square = np.zeros((3, matrix.shape[1]))
    length = 0.0
    for group in np.unique(groups):
        inside = np.flatnonzero(groups == group)
        size = len(inside) if method == "spearman" else 1
        values = np.asarray(y[inside], dtype=float)
        weight = average_ranks(values) / size if method == "spearman" else values
        weight = weight - weight.mean()
        length += weight @ weight
        columns = sparse.csc_matrix(matrix[inside])
        for start, stop in value_runs(columns.indptr):
            block = columns[:, start:stop].astype(np.float64)
            block.eliminate_zeros()
            if method == "spearman":
                _rank_nonzeros(block)
                block.data /= size
            place = slice(start, stop)
            for total, part in zip((inner, spread, square), _column_sums(block, weight), strict=True):
                total[place] += part
    return _correlation(inner, spread, square, length)


def centred_within(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return centred ranks of each column within groups, divided by group size; ties are averaged."""
    ranks = np.empty(values.shape)
    for group in np.unique(groups):
        inside = groups == group
        ranks[inside] = centred_ranks(values[inside]) / inside.sum()
    return ranks


def _column_correlations(columns: sparse.csc_matrix, weight: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of each column with centred weights; NaN for constant columns."""
    return _correlation(*_column_sums(columns, weight), weight @ weight)


def _column_sums(columns: sparse.csc_matrix, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each column's product with centred weights, sum of squares about the mean, sum of squares."""
    total = np.asarray(columns.sum(axis=0)).ravel()
    square = np.asarray(columns.multiply(columns).sum(axis=0)).ravel()
    return columns.T @ weight, square - total**2 / columns.shape[0], square


def _correlation(inner, spread, square, length: float) -> np.ndarray:
    scale = np.sqrt(np.maximum(spread, 0) * length)
    usable = (spread > 1e-12 * square) & (scale > 0)
    return np.divide(inner, scale, out=np.full(len(inner), np.nan), where=usable).clip(-1, 1)


def _rank_nonzeros(columns: sparse.csc_matrix) -> None:
    """Replace, in place, each stored value by (its average rank in the column) - (the average rank of 0)."""
    count, width = columns.shape
    if columns.nnz == 0:
        return
    owner = np.repeat(np.arange(width), np.diff(columns.indptr))
    order = _sorted_within(columns, owner)  # tied values get the same rank in any order
    values = columns.data[order]
    place = np.arange(len(values)) - columns.indptr[owner]
    first = np.flatnonzero(np.r_[True, (np.diff(owner) != 0) | (np.diff(values) != 0)])
    length = np.diff(np.r_[first, len(values)])
    average = np.repeat(place[first] + (length + 1) / 2, length)
    zeros = count - np.diff(columns.indptr)
    negative = np.bincount(owner, values < 0, minlength=width)
    rank = np.where(values > 0, average + zeros[owner], average)
    columns.data[order] = rank - (negative + (zeros + 1) / 2)[owner]


def _sorted_within(columns: sparse.csc_matrix, owner: np.ndarray) -> np.ndarray:
    """Return an order that sorts the values of each column; `owner` is the column of each value."""
    single = columns.data.astype(np.float32)
    if columns.nnz < SHORT * columns.shape[1] and np.array_equal(single, columns.data):
        bits = single.view(np.int32).astype(np.int64)
        # single-precision numbers order like their bits, negative ones the other way round
        return (owner.astype(np.int64) << 32 | (bits ^ (bits >> 31 & 0x7FFFFFFF)) + (1 << 31)).argsort()
    order = np.empty(columns.nnz, dtype=np.int64)
    for start, stop in pairwise(columns.indptr.tolist()):
        order[start:stop] = start + columns.data[start:stop].argsort()
    return order
