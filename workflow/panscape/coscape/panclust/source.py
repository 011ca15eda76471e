"""Blocks of a study's scaled values, for algorithms with several passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.counts import Counts, smaller

CACHED_VALUES = 60_000_000  # maximum number of raw values cached between passes (0.5 GB)
BLOCK_CELLS = 4096


class CellValues:
    """Scaled values of a study in blocks; can be iterated repeatedly.

    Parameters
    ----------
    counts
        The study.
    genes
        Gene names in order; None for all genes of the file.
    scaling
        ``"depth-log1p"``, ``"log1p"`` or ``"l2"``.

    Raises
    ------
    KeyError
        If a gene is not in the file.
    """

    def __init__(self, counts: Counts, genes: Sequence[str] | np.ndarray | None, scaling: str):
        self.counts, self.scaling = counts, scaling
        self._columns = None
        if genes is not None:
            self._columns = counts.genes.get_indexer(pd.Index(genes))
            if (self._columns < 0).any():
                missing = pd.Index(genes)[self._columns < 0]
                raise KeyError(
                    f"{counts.path}: {len(missing)} genes are not in the file, e.g. {missing[0]!r}"
                )
        self.shape = (counts.shape[0], counts.shape[1] if genes is None else len(genes))
        self._totals = counts.obs["n_counts"].to_numpy(dtype=np.float64)
        self._target = float(np.median(self._totals)) if len(self._totals) else 1.0
        self._cache: list[tuple[slice, sparse.csr_matrix]] | None = None

    def __iter__(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (cells, CSR float64) blocks of a few thousand cells in file order."""
        for cells, part in smaller(self._raw(), BLOCK_CELLS):
            yield cells, self._scale(part.astype(np.float64), cells)

    def _raw(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        if self._cache is not None:
            yield from self._cache
            return
        kept: list[tuple[slice, sparse.csr_matrix]] | None = []
        n_values = 0
        for rows, block in self.counts.blocks():
            if self._columns is not None:
                block = block[:, self._columns]
                block.sort_indices()
            n_values += block.nnz
            if n_values > CACHED_VALUES:
                kept = None
            if kept is not None:
                kept.append((rows, block))
            yield rows, block
        self._cache = kept

    def _scale(self, block: sparse.csr_matrix, cells: slice) -> sparse.csr_matrix:
        if self.scaling == "l2":
            norms = np.sqrt(np.asarray(block.multiply(block).sum(axis=1)).ravel())
            block.data /= np.repeat(np.maximum(norms, 1e-300), np.diff(block.indptr))
            return block
        from panscape.data.normalise import normalise

        return sparse.csr_matrix(normalise(block, self._totals[cells], self.scaling, self._target))
