"""Compiled sums of products of chosen pairs of columns over groups of rows.

Imported only where needed: compilation takes about a second.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(nogil=True)
def add_pair_products(starts, rows, data, factor, bins, groups, times, common, rare, total, first, step):
    """Add the products of both columns of each pair, by group of rows, to ``total[group, pair]``.

    The more frequent column of a pair is spread over a dense vector, along which the rarer one is read: a
    pair costs the number of values of its rarer column.

    Parameters
    ----------
    starts, rows, data
        CSC (int64, int32, float32).
    factor
        (n_columns, n_bins) float64 by which a value is multiplied, given the bin of its row.
    bins, groups
        int64 (n_rows,) bin and group of each row.
    times
        (n_rows,) float64 how often each row counts.
    common, rare
        int64 (n_pairs,) columns of each pair; pairs with the same `common` must follow each other.
    total
        (n_groups, n_pairs) float64, changed in place.
    first, step
        Only the runs of pairs of the same `common` whose number leaves `first` when divided by `step`, so
        that threads never write to the same place and every sum has one fixed order.
    """
    spread = np.zeros(len(bins))
    run, begin = 0, 0
    while begin < len(common):
        end = begin
        while end < len(common) and common[end] == common[begin]:
            end += 1
        if run % step == first:
            column = common[begin]
            for q in range(starts[column], starts[column + 1]):
                row = rows[q]
                spread[row] = data[q] * factor[column, bins[row]] * times[row]
            for pair in range(begin, end):
                other = rare[pair]
                for q in range(starts[other], starts[other + 1]):
                    row = rows[q]
                    total[groups[row], pair] += spread[row] * data[q] * factor[other, bins[row]]
            for q in range(starts[column], starts[column + 1]):
                spread[rows[q]] = 0.0
        run += 1
        begin = end


@numba.njit(nogil=True)
def low_rank_entries(left, right, first, second):
    """Return the entries (first, second) of ``left @ right.T`` of float64 (n, rank) matrices."""
    entries = np.empty(len(first))
    rank = left.shape[1]
    for pair in range(len(first)):
        one, other = left[first[pair]], right[second[pair]]
        total = 0.0
        for part in range(rank):
            total += one[part] * other[part]
        entries[pair] = total
    return entries
