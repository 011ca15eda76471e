"""Compiled logarithms of counts, sums of them, and permutations.

Imported only where needed: compilation takes about a second. Most counts of a cell are the same few whole
numbers, whose logarithms are computed once for the cell.
"""

from __future__ import annotations

import math

import numpy as np

from panscape.stats.compiled import compiled

SMALL = 64  # counts below are looked up


@compiled(nogil=True)
def log_counts(indptr, counts, scale, out):
    """Write ``log(1 + count * scale)`` of every value, in single precision.

    Parameters
    ----------
    indptr, counts
        CSR pointers and float32 values, >= 0.
    scale
        (n_rows,) float64.
    out
        float32 to write to, which may be `counts` itself.
    """
    table, known = np.empty(SMALL, np.float32), np.full(SMALL, -1)
    for row in range(len(indptr) - 1):
        for q in range(indptr[row], indptr[row + 1]):
            count = np.float64(counts[q])
            whole = int(count) if count < SMALL else SMALL
            if whole == SMALL or whole != count:
                out[q] = math.log1p(count * scale[row])
                continue
            if known[whole] != row:
                known[whole] = row
                table[whole] = math.log1p(count * scale[row])
            out[q] = table[whole]


@compiled(nogil=True)
def add_expression(indptr, indices, counts, scale, rows, sets, normalised, logged, plain, detected):
    """Add up the values of some rows by set of rows.

    Parameters
    ----------
    indptr, indices, counts
        CSR, values float32.
    scale
        (n_rows,) float64.
    rows, sets
        int64 (n,): the rows, and the set of each; fastest if those of a set follow each other.
    normalised, logged, plain, detected
        (n_sets, n_columns) float64, changed in place: sums of ``log(1 + count * scale)``, of
        ``log(1 + count)``, of the counts, and numbers of values.
    """
    table, known = np.empty(SMALL), np.full(SMALL, -1)
    once = np.array([math.log1p(whole) for whole in range(SMALL)])
    for at in range(len(rows)):
        row, here = rows[at], sets[at]
        for q in range(indptr[row], indptr[row + 1]):
            count, column = np.float64(counts[q]), indices[q]
            whole = int(count) if count < SMALL else SMALL
            plain[here, column] += count
            detected[here, column] += 1.0
            if whole == SMALL or whole != count:
                normalised[here, column] += math.log1p(count * scale[row])
                logged[here, column] += math.log1p(count)
                continue
            if known[whole] != row:
                known[whole] = row
                table[whole] = math.log1p(count * scale[row])
            normalised[here, column] += table[whole]
            logged[here, column] += once[whole]


@compiled(nogil=True)
def place_values(indptr, indices, data, strata, edges, chance, dense):
    """Write the values of each row to random distinct places within their strata of columns.

    Every arrangement of a row within its strata is as likely, and zeros take no time.

    Parameters
    ----------
    indptr, indices, data
        CSR, values float32.
    strata
        int64 (n_columns,) stratum of each column.
    edges
        int64 (n_strata + 1,): where the places of each stratum begin in `dense`.
    chance
        float64 (n_values,), 0 <= chance < 1: independent uniform numbers.
    dense
        float32 (n_rows, n_columns) to write to, 0 on entry.
    """
    place = np.arange(edges[-1])
    used = np.zeros(len(edges) - 1, np.int64)
    for row in range(len(indptr) - 1):
        used[:] = 0
        for q in range(indptr[row], indptr[row + 1]):
            stratum = strata[indices[q]]
            # the next place of a random order, which is continued from that of the row before
            start = edges[stratum] + used[stratum]
            other = start + int(chance[q] * (edges[stratum + 1] - start))
            place[start], place[other] = place[other], place[start]
            dense[row, place[start]] = data[q]
            used[stratum] += 1
