"""Compiled passes over the rows of sparse matrices.

Imported only where needed: compilation takes about a second.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled

SUB_VALUES = 100_000  # values per pass, to fit the second-level cache of a core


@compiled(nogil=True)
def add_sparse_products(indptr, indices, data, total, n_sparse, first, step):
    """Add the products of each row's values to ``total[i, j]``, j >= i, for a subset of genes i.

    Parameters
    ----------
    indptr, indices, data
        CSR with sorted indices (int64, int32, float32 or float64); products are in float64.
    total
        (n_genes, n_genes) float64, changed in place: only rows i < n_sparse with ``i % step == first``, so
        that threads with different `first` never touch the same row and each sum has one fixed order.
    """
    n_rows = len(indptr) - 1
    start = 0
    while start < n_rows:
        stop = start + 1
        while stop < n_rows and indptr[stop + 1] - indptr[start] <= SUB_VALUES:
            stop += 1
        # gene-major list of the entries: one row of `total` (16 kB at 2000 genes) is then hot at a time
        heads = np.zeros(n_sparse + 1, np.int64)
        for q in range(indptr[start], indptr[stop]):
            gene = indices[q]
            if gene < n_sparse and gene % step == first:
                heads[gene + 1] += 1
        for gene in range(n_sparse):
            heads[gene + 1] += heads[gene]
        fill = heads[:-1].copy()
        entry = np.empty(heads[n_sparse], np.int64)
        end = np.empty(heads[n_sparse], np.int64)
        for row in range(start, stop):
            for q in range(indptr[row], indptr[row + 1]):
                gene = indices[q]
                if gene >= n_sparse:
                    break
                if gene % step == first:
                    entry[fill[gene]] = q
                    end[fill[gene]] = indptr[row + 1]
                    fill[gene] += 1
        for gene in range(first, n_sparse, step):
            sums = total[gene]
            for at in range(heads[gene], heads[gene + 1]):
                value = np.float64(data[entry[at]])
                for q in range(entry[at], end[at]):
                    sums[indices[q]] += value * data[q]
        start = stop


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


@compiled(nogil=True)
def times_transposed(indptr, indices, data, vectors, image):
    """Add the transpose of sparse rows times their product with some vectors, in single precision.

    Both products of a row are made while its part of the first one is at hand. Sums are in the order of the
    rows, without fused operations: they are the same on every processor.

    Parameters
    ----------
    indptr, indices, data
        CSR, float32.
    vectors
        (n_columns, k) float32.
    image
        (n_columns, k) float32, added to.
    """
    k = vectors.shape[1]
    product = np.empty(k, np.float32)
    for row in range(len(indptr) - 1):
        product[:] = 0
        for q in range(indptr[row], indptr[row + 1]):
            value, line = data[q], vectors[indices[q]]
            for at in range(k):
                product[at] += value * line[at]
        for q in range(indptr[row], indptr[row + 1]):
            value, line = data[q], image[indices[q]]
            for at in range(k):
                line[at] += value * product[at]
