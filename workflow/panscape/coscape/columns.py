"""Columns of counts that are read in blocks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.counts import Counts

BLOCK_VALUES = 2_000_000  # values read at a time


def places_of(counts: Counts, genes: Iterable[str]) -> np.ndarray:
    """Return the place of every gene of the file among the given ones, int32; -1 for the others.

    Raises
    ------
    KeyError
        If a gene is not in the file.

    Examples
    --------
    >>> from panscape.coscape.cells import MemoryCounts
    >>> cells, names = pd.DataFrame(index=["c"]), pd.DataFrame(index=["Actb", "Sox2", "Gata1"])
    >>> places_of(MemoryCounts(sparse.csr_matrix([[1, 2, 3]]), cells, names), ["Gata1", "Actb"]).tolist()
    [1, -1, 0]
    """
    names = pd.Index(genes)
    columns = counts.genes.get_indexer(names)
    if (columns < 0).any():
        missing = names[columns < 0]
        raise KeyError(f"{counts.path}: {len(missing)} genes are not in the file, e.g. {missing[0]!r}")
    place = np.full(counts.shape[1], -1, dtype=np.int32)
    place[columns] = np.arange(len(names), dtype=np.int32)
    return place


def take(block: sparse.csr_matrix, place: np.ndarray, n_genes: int) -> sparse.csr_matrix:
    """Return the genes of a block at their places, sorted and without stored zeros.

    Parameters
    ----------
    block
        CSR (n, n_genes_of_file).
    place
        From :func:`places_of`.
    n_genes
        Number of genes that have a place.
    """
    from panscape.stats.row_kernel import take_columns

    heads = np.empty(block.shape[0] + 1, dtype=np.int64)
    columns, values = np.empty_like(block.indices), np.empty_like(block.data)
    starts = block.indptr.astype(np.int64)
    n = take_columns(starts, block.indices, block.data, place, n_genes, heads, columns, values)
    return sorted_rows(values[:n], columns[:n], heads, n_genes)


def load_columns(counts: Counts, genes: Iterable[str]) -> sparse.csr_matrix:
    """Load the given genes, in their order, of all cells: CSR float32, sorted, without stored zeros.

    Only the result and one small block are in memory.

    Parameters
    ----------
    counts
        The study.
    genes
        Names.

    Raises
    ------
    KeyError
        If a gene is not in the file.
    """
    from panscape.stats.row_kernel import take_columns

    names = list(genes)
    place = places_of(counts, names)
    values, columns = np.empty(counts.nnz, dtype=np.float32), np.empty(counts.nnz, dtype=np.int32)
    heads, n = np.zeros(counts.shape[0] + 1, dtype=np.int64), 0
    for rows, block in counts.blocks(BLOCK_VALUES):
        starts, own = block.indptr.astype(np.int64), np.empty(block.shape[0] + 1, dtype=np.int64)
        given = starts, block.indices, block.data, place, len(names)
        more = take_columns(*given, own, columns[n:], values[n:])
        heads[rows.start + 1 : rows.stop + 1] = n + own[1:]
        n += more
    return sorted_rows(values[:n], columns[:n], heads, len(names))


def sorted_rows(
    values: np.ndarray, columns: np.ndarray, heads: np.ndarray, n_columns: int
) -> sparse.csr_matrix:
    """Return a CSR matrix of sorted rows, which shares `values` and `columns`."""
    if heads[-1] <= np.iinfo(np.int32).max:
        heads = heads.astype(np.int32)
    matrix = sparse.csr_matrix((values, columns, heads), shape=(len(heads) - 1, n_columns))
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix
