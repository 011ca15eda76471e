"""Average ranks of sparse columns, with zeros as one tied block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from panscape.stats.column_counts import column_counts

BLOCK_VALUES = 4_000_000
TABLE_SHARE = 4  # integers whose ranges sum to at most this many times the values are counted, not sorted


def tied_ranks(
    values: sparse.csr_matrix, width: np.ndarray | None = None, *, compiled: bool = False
) -> sparse.csr_matrix:
    """Return the ranks of every column, ties averaged, shifted so that zeros have rank 0.

    Only the non-zero values are sorted: if z of n values are zero, their shared rank is (z + 1) / 2 and the
    p-th smallest non-zero value has rank z + p. Pearson's correlation of the shifted ranks is exactly
    Spearman's, since it is invariant to shifts.

    Parameters
    ----------
    values
        CSR float32, cells x genes, non-negative.
    width
        (n_genes,) int64, for integer values (int32): exclusive upper bound of each gene's values. Ranks are
        then computed by counting, much faster than by sorting.
    compiled
        Sort by compiled loops, which need sorted rows without stored zeros: the same ranks in a quarter of
        the time, worth a compilation for tens of millions of values.

    Returns
    -------
    CSR float32 with the shifted ranks (multiples of 1/2, exact below 2**23 cells), same pattern without
    stored zeros; if compiled, its places are shared with `values`.

    Raises
    ------
    ValueError
        If a value is negative or there are too many cells.
    """
    n = values.shape[0]
    if n >= 1 << 23:
        raise ValueError(f"{n} cells: ranks are exact below {1 << 23} cells only")
    if values.nnz and values.data.min() < 0:
        raise ValueError("ranks with zeros as the smallest block need values >= 0")
    if width is not None and width.sum() <= TABLE_SHARE * values.nnz:
        return _counted(values, width, compiled)
    if compiled:
        return _sorted(values)
    columns = sparse.csc_matrix(values, dtype=np.float32, copy=True)
    columns.eliminate_zeros()
    row_bits = _row_bits(n)
    for start, stop in _column_blocks(columns.indptr, row_bits):
        _rank_columns(columns, start, stop, row_bits)
    ranks = columns.tocsr()
    ranks.sort_indices()
    return ranks


def _row_bits(n_rows: int) -> int:
    return max(int(n_rows - 1).bit_length(), 1)


def _column_blocks(heads: np.ndarray, row_bits: int) -> Iterator[tuple[int, int]]:
    """Yield (first column, end) of blocks of a few million values; `heads` is where columns begin."""
    widest = 1 << (63 - 31 - row_bits)  # columns that fit into one 63-bit sorting key
    start, n_columns = 0, len(heads) - 1
    while start < n_columns:
        stop = int(np.searchsorted(heads, heads[start] + BLOCK_VALUES, side="right")) - 1
        stop = min(max(stop, start + 1), start + widest, n_columns)
        yield start, stop
        start = stop


def _sorted(values: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rank by sorting keys that are written in the order of the rows, without a transposed copy."""
    from panscape.stats.rank_kernel import write_keys, write_ranks

    n, indices = values.shape[0], values.indices
    # positive floats order like their bit patterns
    bits = values.data.astype(np.float32, copy=False).view(np.int32)
    stored = column_counts(indices, values.shape[1])
    heads = np.concatenate([[0], np.cumsum(stored)])
    ranks = np.empty(len(bits), dtype=np.float32)
    ahead, ends = values.indptr[:-1].astype(np.int64), values.indptr[1:].astype(np.int64)
    row_bits = _row_bits(n)
    for start, stop in _column_blocks(heads, row_bits):
        keys, back = np.empty(heads[stop] - heads[start], dtype=np.int64), ahead.copy()
        write_keys(indices, bits, ahead, ends, start, stop, row_bits, keys)
        keys.sort()
        write_ranks(keys, row_bits, stored[start:stop], n, back, ranks)
    return sparse.csr_matrix((ranks, indices, values.indptr), shape=values.shape)


def _counted(values: sparse.csr_matrix, width: np.ndarray, compiled: bool) -> sparse.csr_matrix:
    """Rank integers below each column's `width` by counting."""
    starts = np.concatenate([[0], np.cumsum(width)[:-1]])
    if compiled:
        from panscape.stats.rank_kernel import count_levels, take_levels

        often = np.zeros(int(width.sum()), dtype=np.int64)
        count_levels(values.indices, values.data, starts, often)
        ranks = np.empty(values.nnz, dtype=np.float32)
        take_levels(
            values.indices, values.data, starts, _places(often, starts, width, values.shape[0]), ranks
        )
        return sparse.csr_matrix((ranks, values.indices, values.indptr), shape=values.shape)
    at = starts[values.indices]
    at += values.data
    often = np.bincount(at, minlength=int(width.sum()))
    ranks = _places(often, starts, width, values.shape[0])[at]
    result = sparse.csr_matrix((ranks, values.indices, values.indptr), shape=values.shape, copy=True)
    result.eliminate_zeros()
    result.sort_indices()
    return result


def _places(often: np.ndarray, starts: np.ndarray, width: np.ndarray, n: int) -> np.ndarray:
    """Return the shifted rank of every level from how often it occurs, float32; zeros may not be stored."""
    often[starts] = 0
    often[starts] = n - np.add.reduceat(often, starts)  # most zeros are not stored
    place = np.cumsum(often) - (often - 1) / 2
    place -= np.repeat(place[starts], width)
    return place.astype(np.float32)


def _rank_columns(columns: sparse.csc_matrix, start: int, stop: int, row_bits: int) -> None:
    """Replace the values of some columns by ranks, in place; entries are reordered by value."""
    low, high = int(columns.indptr[start]), int(columns.indptr[stop])
    if low == high:
        return
    counts = np.diff(columns.indptr[start : stop + 1]).astype(np.int64)
    column = np.repeat(np.arange(stop - start, dtype=np.int64), counts)
    # positive floats order like their bit patterns, so one integer sort orders (column, value, row)
    key = columns.data[low:high].view(np.int32).astype(np.int64)
    key |= column << 31
    key <<= row_bits
    key |= columns.indices[low:high]
    key.sort()
    rows = key & ((1 << row_bits) - 1)
    key >>= row_bits
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    size = np.diff(np.concatenate([first, [len(key)]]))
    column = key[first] >> 31
    base = columns.indptr[start:stop].astype(np.int64) - low
    zeros = columns.shape[0] - counts
    place = first - base[column] + 1 + (size - 1) / 2  # mean place of a tied group among the non-zeros
    place += (zeros[column] - 1) / 2
    columns.data[low:high] = np.repeat(place, size)
    columns.indices[low:high] = rows
