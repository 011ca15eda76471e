"""Compiled passes over the rows of sparse matrices.

Imported only where needed: compilation takes about a second.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled


@compiled(nogil=True)
def spread_rows(indptr, indices, data, n_sparse, dense, total, detected):
    """Write the later genes of sparse rows to a dense array, and add up all genes.

    Parameters
    ----------
    indptr, indices, data
        CSR with sorted indices.
    n_sparse
        First gene that is written.
    dense
        (n_rows, n_genes - n_sparse) to write to, zeros included.
    total, detected
        (n_genes,) float64: sums of the values and numbers of the rows that have one, added to in row order.
    """
    for row in range(len(indptr) - 1):
        values = dense[row]
        values[:] = 0
        for q in range(indptr[row], indptr[row + 1]):
            gene = indices[q]
            total[gene] += data[q]
            detected[gene] += 1
            if gene >= n_sparse:
                values[gene - n_sparse] = data[q]


@compiled(nogil=True)
def take_columns(indptr, indices, data, place, n_columns, heads, columns, values):
    """Copy some columns of sparse rows, renumbered and sorted, without stored zeros.

    Parameters
    ----------
    indptr, indices, data
        CSR.
    place
        int32: new number of each column, -1 to leave it out.
    n_columns
        Number of new columns.
    heads
        int64 (n_rows + 1,), to write to: where each new row begins.
    columns, values
        Of the new rows, to write to; they may be `indices` and `data` themselves.

    Returns
    -------
    int: number of values written.
    """
    wide = np.zeros(n_columns, data.dtype)  # of one row: the scan that sorts it costs less than comparisons
    written = 0
    heads[0] = 0
    for row in range(len(indptr) - 1):
        for q in range(indptr[row], indptr[row + 1]):
            column = place[indices[q]]
            if column >= 0:
                wide[column] = data[q]
        for column in range(n_columns):
            if wide[column] != 0:
                columns[written] = column
                values[written] = wide[column]
                wide[column] = 0
                written += 1
        heads[row + 1] = written
    return written


@compiled(nogil=True)
def add_squares(indices, data, squares):
    """Add the square of every value to ``squares`` of its gene, in float64 and in the order of the values."""
    for q in range(len(data)):
        value = np.float64(data[q])
        squares[indices[q]] += value * value
