"""Compiled sums of products of chosen pairs of columns over groups of rows.

Imported only where needed: compilation takes about a second.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled

PIECE = 64  # rows at a time: 2000 dense columns of them fit in the second-level cache of a core


@compiled(nogil=True, fastmath={"reassoc", "contract"})
def add_pair_products(indptr, columns, data, factor, bins, rows, groups, times, first, second, total):
    """Add the products of both columns of each pair, by group of rows, to ``total[group, pair]``.

    A few rows at a time are made dense, column by column, so that a pair is a short product of two vectors:
    for columns that are chosen because they are often not zero this is faster than a loop over their values.

    Parameters
    ----------
    indptr, columns, data
        CSR (int64, int32, float32).
    factor
        (n_columns, n_bins) float64 by which a value is multiplied, given the bin of its row.
    bins
        int64 (n_rows,) bin of each row.
    rows
        int64 (n,): the rows to sum over, those of a group after each other.
    groups
        int64 (n,): their groups.
    times
        (n,) float64 how often each counts, > 0.
    first, second
        int64 (n_pairs,) columns of each pair; fastest if pairs of the same `first` follow each other.
    total
        (n_groups, n_pairs) float64, changed in place. A sum is in the order of the rows, whatever other pairs
        there are, so that threads may share the pairs.
    """
    dense = np.zeros((len(factor), PIECE))
    begin = 0
    while begin < len(rows):
        end = begin + 1
        while end < len(rows) and end - begin < PIECE and groups[end] == groups[begin]:
            end += 1
        dense[:] = 0.0
        for at in range(begin, end):
            row = rows[at]
            root = np.sqrt(times[at])
            for q in range(indptr[row], indptr[row + 1]):
                dense[columns[q], at - begin] = data[q] * factor[columns[q], bins[row]] * root
        width = min((end - begin + 7) // 8 * 8, PIECE)
        sums = total[groups[begin]]
        for pair in range(len(first)):
            one, other = dense[first[pair]], dense[second[pair]]
            part = 0.0
            for at in range(width):
                part += one[at] * other[at]
            sums[pair] += part
        begin = end


@compiled(nogil=True)
def pair_statistics(total, left, right, noise, detected, n, least, first, second):
    """Return the statistic T of pairs of columns from their sums of products.

    Parameters
    ----------
    total
        (n_pairs,) sums of products.
    left, right, noise
        (n_columns, rank): N is a sum of products minus the product of `left` and `right`, its variance that
        of `noise` with itself.
    detected
        (n_columns,) number of rows with a value.
    n
        Number of rows, > 0.
    least
        A pair is valid if at least so many rows would have values of both by chance.
    first, second
        int64 (n_pairs,) columns of each pair.

    Returns
    -------
    kept
        int32: pairs that are valid and whose T is not 0.
    t
        float32: their T.
    """
    kept, t = np.empty(len(total) + 1, np.int32), np.empty(len(total) + 1, np.float32)
    count = 0
    for pair in range(len(total)):
        one, other = first[pair], second[pair]
        if detected[one] * detected[other] < least * n:  # exact, in any order of the genes
            continue
        score, variance = total[pair], 0.0
        for part in range(left.shape[1]):
            score -= left[one, part] * right[other, part]
        for part in range(noise.shape[1]):
            variance += noise[one, part] * noise[other, part]
        if variance > 0:
            kept[count], t[count] = pair, score / np.sqrt(variance * n)
            count += t[count] != 0
    return kept[:count].copy(), t[:count].copy()
