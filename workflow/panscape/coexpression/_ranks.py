"""Average ranks of sparse columns, with the zeros as one tied block."""

from __future__ import annotations

import numpy as np
from scipy import sparse

BLOCK_VALUES = 4_000_000


def tied_ranks(values: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rank every column, ties averaged, shifted so that a zero's rank is 0.

    Only the non-zero values are sorted: if z of n values are zero, their shared rank is (z + 1) / 2 and the
    p-th smallest non-zero value has rank z + p. Pearson's correlation of the shifted ranks is exactly
    Spearman's, since a column's shift does not change it.

    Parameters
    ----------
    values
        CSR float32, cells x genes, no negative value.

    Returns
    -------
    CSR float32 with the shifted ranks (multiples of 1/2, exact below 2**23 cells), same pattern without
    stored zeros.

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
    columns = sparse.csc_matrix(values, dtype=np.float32, copy=True)
    columns.eliminate_zeros()
    row_bits = max(int(n - 1).bit_length(), 1)
    widest = 1 << (63 - 31 - row_bits)  # columns that fit into one 63-bit sorting key
    start = 0
    while start < values.shape[1]:
        stop = int(np.searchsorted(columns.indptr, columns.indptr[start] + BLOCK_VALUES, side="right")) - 1
        stop = min(max(stop, start + 1), start + widest, values.shape[1])
        _rank_columns(columns, start, stop, row_bits)
        start = stop
    ranks = columns.tocsr()
    ranks.sort_indices()
    return ranks


def _rank_columns(columns: sparse.csc_matrix, start: int, stop: int, row_bits: int) -> None:
    """Replace the values of some columns by ranks, in place (their entries end up sorted by value)."""
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
    base = np.repeat(columns.indptr[start:stop].astype(np.int64) - low, counts)
    place = first - base[first] + 1 + (size - 1) / 2  # mean place of a tied group among the non-zeros
    zeros = columns.shape[0] - counts
    shift = np.repeat((zeros - 1) / 2, counts)
    columns.data[low:high] = np.repeat(place, size) + shift
    columns.indices[low:high] = rows
