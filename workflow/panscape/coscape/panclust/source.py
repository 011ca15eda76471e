"""Blocks of a study's scaled values, for algorithms with several passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from scipy import sparse

from panscape.coscape.columns import BLOCK_VALUES, places_of, take
from panscape.data.counts import Counts, smaller

CACHED_VALUES = 60_000_000  # maximum number of values kept between passes (0.5 GB)
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
        self._place = places_of(counts, counts.genes if genes is None else genes)
        self.shape = (counts.shape[0], counts.shape[1] if genes is None else len(genes))
        self._totals = counts.obs["n_counts"].to_numpy(dtype=np.float64)
        self._target = float(np.median(self._totals)) if len(self._totals) else 1.0
        self._begun: Iterator[tuple[slice, sparse.csr_matrix]] | None = None
        self._kept: list[tuple[slice, sparse.csr_matrix]] | None = None

    def detection(self) -> np.ndarray:
        """Return the fraction of the first cells in which each gene is detected; call it before iterating."""
        blocks = self.counts.blocks(BLOCK_VALUES)
        first = next(blocks)
        self._begun = chain([first], blocks)  # so that it is not read again
        part = take(first[1], self._place, self.shape[1])
        return np.bincount(part.indices, minlength=self.shape[1]) / max(part.shape[0], 1)

    def ordered(self, order: np.ndarray) -> CellValues:
        """Return these values with gene ``order[i]`` at place i, to be called before iterating."""
        place = np.empty(len(order), dtype=np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        self._place = np.where(self._place >= 0, place[self._place], -1).astype(np.int32)
        return self

    def __iter__(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (cells, CSR float32) blocks of a few thousand cells in file order."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[tuple[slice, sparse.csr_matrix]] | None = []
        n_values = 0
        for cells, part in self._scaled():
            n_values += part.nnz
            if n_values > CACHED_VALUES:
                kept = None
            if kept is not None:
                kept.append((cells, part))
            yield cells, part
        self._kept = kept

    def _scaled(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        blocks, self._begun = self._begun or self.counts.blocks(BLOCK_VALUES), None
        for cells, raw in smaller(blocks, BLOCK_CELLS):
            part = take(raw, self._place, self.shape[1])
            part.data = self._scale(part.astype(np.float64), cells).data.astype(np.float32)
            yield cells, part

    def _scale(self, block: sparse.csr_matrix, cells: slice) -> sparse.csr_matrix:
        if self.scaling == "l2":
            norms = np.sqrt(np.asarray(block.multiply(block).sum(axis=1)).ravel())
            block.data /= np.repeat(np.maximum(norms, 1e-300), np.diff(block.indptr))
            return block
        from panscape.data.normalise import normalise

        return sparse.csr_matrix(normalise(block, self._totals[cells], self.scaling, self._target))
