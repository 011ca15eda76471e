"""Compiled random placement of the values of sparse rows.

Imported only where needed: compilation takes about a second.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled


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
