"""Normalised values of a study, computed in blocks from its counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from panscape.coscape.cells import read_counts
from panscape.coscape.columns import load_columns, sorted_rows
from panscape.data.counts import Counts

CHUNK_CELLS = 4096
LARGE = 2_000_000  # values of a study that are worth loading compiled loops


@dataclass(frozen=True)
class Values:
    """Raw counts of some genes and the parameters of their normalisation.

    Attributes
    ----------
    counts
        CSR float32, cells x genes, without stored zeros.
    totals
        (n_cells,) counts of each cell over all genes.
    how
        Normalisation, see :func:`panscape.data.normalise.normalise`.
    target
        Counts that a cell is scaled to (the study's median total).
    """

    counts: sparse.csr_matrix
    totals: np.ndarray
    how: str
    target: float

    @classmethod
    def load(cls, source: Counts | str | Path, genes: Sequence[str], how: str) -> Values:
        """Load the genes, in their order, of all cells.

        Parameters
        ----------
        source
            Counts, or the path of ``counts.h5ad``.
        genes
            Names of the genes.
        how
            Normalisation, see :func:`panscape.data.normalise.normalise`.
        """
        source = read_counts(source)
        if source.nnz >= LARGE:
            counts = load_columns(source, genes)
        else:
            counts = source.select(genes)
            counts.eliminate_zeros()
        totals = source.obs["n_counts"].to_numpy(dtype=np.float64)
        return cls(counts, totals, how, float(np.median(totals)) if len(totals) else 1.0)

    def reordered(self, order: np.ndarray, *, overwrite: bool = False) -> Values:
        """Return a copy with the genes in another order; the values themselves if it is theirs.

        Parameters
        ----------
        order
            Gene indices in the new order.
        overwrite
            Write it over these values, which are then lost.
        """
        if np.array_equal(order, np.arange(len(order))):
            return self
        from panscape.stats.row_kernel import take_columns

        place = np.empty(len(order), dtype=np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        counts, heads = self.counts, self.counts.indptr.astype(np.int64)
        data = counts.data if overwrite else counts.data.copy()
        columns = counts.indices.astype(np.int32, copy=not overwrite)
        take_columns(heads.copy(), columns, data, place, len(order), heads, columns, data)
        return Values(sorted_rows(data, columns, heads, len(order)), self.totals, self.how, self.target)

    def normalised(self, cells: np.ndarray | slice, genes: np.ndarray | None = None) -> sparse.csr_matrix:
        """Return the normalised values of some cells, and of some genes, as CSR float64."""
        from panscape.data.normalise import normalise

        block = self.counts[cells]
        block = (block if genes is None else block[:, genes]).astype(np.float64)
        return sparse.csr_matrix(normalise(block, self.totals[cells], self.how, self.target))

    @property
    def large(self) -> bool:
        """Return whether there are so many values that compiled loops are worth loading."""
        return self.counts.nnz >= LARGE

    def factors(self) -> np.ndarray:
        """Return what the counts of each cell are multiplied by before the logarithm, float64 (n_cells,)."""
        from panscape.data.normalise import cell_factors

        return cell_factors(self.how, np.diff(self.counts.indptr), self.totals, self.target)

    def all_normalised(self, *, overwrite: bool = False) -> sparse.csr_matrix:
        """Return the normalised values of all cells as CSR float32, which shares the places with `counts`.

        Parameters
        ----------
        overwrite
            Write them over the counts, which are then lost.
        """
        counts = self.counts
        data = counts.data if overwrite else np.empty_like(counts.data)
        if self.large:
            from panscape.stats.value_kernel import log_counts

            log_counts(counts.indptr, counts.data, self.factors(), data)
            return sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)
        for start in range(0, counts.shape[0], CHUNK_CELLS):
            stop = min(start + CHUNK_CELLS, counts.shape[0])
            data[counts.indptr[start] : counts.indptr[stop]] = self.normalised(slice(start, stop)).data
        return sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)


def row_blocks(matrix: sparse.csr_matrix, rows: np.ndarray | None = None) -> Iterator[sparse.csr_matrix]:
    """Yield a matrix, or some of its rows in their order, in blocks of a few thousand rows.

    Blocks of a whole matrix are views of it.
    """
    if rows is not None:
        for start in range(0, len(rows), CHUNK_CELLS):
            yield matrix[rows[start : start + CHUNK_CELLS]]
        return
    for start in range(0, matrix.shape[0], CHUNK_CELLS):
        heads = matrix.indptr[start : start + CHUNK_CELLS + 1]
        part = slice(heads[0], heads[-1])
        heads = (heads - heads[0]).astype(matrix.indices.dtype)
        shape = len(heads) - 1, matrix.shape[1]
        yield sparse.csr_matrix((matrix.data[part], matrix.indices[part], heads), shape=shape)
