"""Compiled inner products of sparse columns over the rows that can measure them.

Imported only where needed: compilation takes about a second.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled


@compiled(nogil=True)
def add_common(starts, rows, values, first, second, number, fraction, least, inner, norm):
    """Add the inner products of all pairs of rows, and the squared norms of each over the other's columns.

    Where few of a column's values are not 0, this takes less time than dense products.

    Parameters
    ----------
    starts, rows, values
        CSC pointers, sorted rows, float32 values.
    first, second
        int64 (n_columns,): genes of each column.
    number, fraction
        (n_genes, n_rows) float64: a row measures a column if ``number[first] * fraction[second] >= least``;
        other values count as 0.
    least
        See there.
    inner, norm
        (n_rows, n_rows) float64, changed in place; the upper triangle of `inner`.
    """
    n_rows = len(inner)
    seen = np.empty(n_rows)
    for column in range(len(first)):
        one, other = number[first[column]], fraction[second[column]]
        for row in range(n_rows):
            seen[row] = 1.0 if one[row] * other[row] >= least else 0.0
        for at in range(starts[column], starts[column + 1]):
            row, value = rows[at], np.float64(values[at])
            if seen[row] == 0.0:
                continue
            into, square = norm[row], value * value
            for place in range(n_rows):
                into[place] += square * seen[place]
            for q in range(at, starts[column + 1]):
                inner[row, rows[q]] += value * values[q] * seen[rows[q]]
