"""Compiled loop that copies the cells of a mini-batch and splits their counts."""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S27, S30, S31, S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)


@compiled(nogil=True)
def split_rows(indptr, indices, data, rows, fraction, state):
    """Copy rows of a CSR matrix in two parts: each count unit is withheld with its row's probability.

    Parameters
    ----------
    indptr, indices, data
        CSR matrix of whole numbers.
    rows
        Numbers of the rows, (n,).
    fraction
        Probability that a unit is withheld, float64 (n,).
    state
        Start of the random numbers, SplitMix64 [steele2014fast]_, uint64; each gives two of 32 bits.

    Returns
    -------
    For the part that is kept and for the part that is withheld: place of each row's first entry (int64,
    n + 1), row and column (int64) and count (float32) of every entry that is not 0, and the sum of each row
    (float32, n).
    """
    n = len(rows)
    most = 1  # and a place for an entry that is 0
    for row in rows:
        most += indptr[row + 1] - indptr[row]
    starts = np.zeros((2, n + 1), np.int64)
    of, column = np.empty((2, most), np.int64), np.empty((2, most), np.int64)
    value, total = np.empty((2, most), np.float32), np.zeros((2, n), np.float32)
    size_kept = size_withheld = 0
    word, unused = np.uint64(0), False
    for i in range(n):
        limit = np.uint64(fraction[i] * 4294967296.0)
        all_kept = all_withheld = 0
        for place in range(indptr[rows[i]], indptr[rows[i] + 1]):
            count = int(data[place])
            withheld = 0
            for _ in range(count):
                if not unused:
                    state += GOLDEN
                    word = state
                    word = (word ^ (word >> S30)) * FIRST
                    word = (word ^ (word >> S27)) * SECOND
                    word = word ^ (word >> S31)
                    part = word & LOW
                else:
                    part = word >> S32
                unused = not unused
                withheld += part < limit
            kept = count - withheld
            # both are written, and the next entry takes the place of a 0: a branch could not be foreseen
            of[0, size_kept], column[0, size_kept], value[0, size_kept] = i, indices[place], kept
            of[1, size_withheld], column[1, size_withheld] = i, indices[place]
            value[1, size_withheld] = withheld
            size_kept += kept > 0
            size_withheld += withheld > 0
            all_kept += kept
            all_withheld += withheld
        total[0, i], total[1, i] = all_kept, all_withheld
        starts[0, i + 1], starts[1, i + 1] = size_kept, size_withheld
    kept_part = (starts[0], of[0, :size_kept], column[0, :size_kept], value[0, :size_kept], total[0])
    withheld_part = (
        starts[1],
        of[1, :size_withheld],
        column[1, :size_withheld],
        value[1, :size_withheld],
        total[1],
    )
    return kept_part, withheld_part
