"""Blocks of a study's scaled values, for algorithms with several passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy import sparse

from panscape.coscape.columns import places_of, sorted_rows, take
from panscape.data.counts import Counts, index_type, narrow, smaller
from panscape.data.normalise import cell_factors

CACHED_BYTES = 1_000_000_000  # of counts kept between passes: 330 million values of 3 bytes
BLOCK_VALUES = 1 << 20  # read at a time, with up to 24 bytes each
BLOCK_CELLS = 4096


@dataclass(frozen=True)
class PackedCounts:
    """Counts of some cells in the fewest bytes, and what scales them.

    Attributes
    ----------
    indptr, columns, counts
        CSR; the smallest types of integers that hold the columns and the counts, float32 for fractions.
    scale
        (n,) float64 that each cell's counts are multiplied by.
    """

    indptr: np.ndarray
    columns: np.ndarray
    counts: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, block: sparse.csr_matrix, scale: np.ndarray) -> PackedCounts:
        """Pack the counts of a CSR block."""
        columns = block.indices.astype(index_type(block.shape[1]))
        return cls(block.indptr, columns, narrow(block.data), scale)

    def values(self, n_genes: int, logarithm: bool) -> sparse.csr_matrix:
        """Return the scaled counts, or log(1 + scaled counts), as CSR float32."""
        data = np.empty(len(self.counts), dtype=np.float32)
        if logarithm:
            from panscape.stats.value_kernel import log_counts

            log_counts(self.indptr, self.counts, self.scale, data)
        else:
            np.multiply(self.counts, np.repeat(self.scale, np.diff(self.indptr)), out=data, casting="unsafe")
        return sorted_rows(data, self.columns.astype(np.int32), self.indptr, n_genes)

    @property
    def nbytes(self) -> int:
        """Return the memory of the arrays."""
        return self.indptr.nbytes + self.columns.nbytes + self.counts.nbytes + self.scale.nbytes


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
        self._kept: list[tuple[slice, PackedCounts]] | None = None

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
        for cells, packed in self._packed() if self._kept is None else self._kept:
            yield cells, packed.values(self.shape[1], self.scaling != "l2")

    def _packed(self) -> Iterator[tuple[slice, PackedCounts]]:
        """Read the counts, and keep them if there is room."""
        kept: list[tuple[slice, PackedCounts]] | None = []
        n_bytes = 0
        blocks, self._begun = self._begun or self.counts.blocks(BLOCK_VALUES), None
        for cells, raw in smaller(blocks, BLOCK_CELLS):
            part = take(raw, self._place, self.shape[1])
            packed = PackedCounts.of(part, self._scale(part, cells))
            n_bytes += packed.nbytes
            if n_bytes > CACHED_BYTES:
                kept = None
            if kept is not None:
                kept.append((cells, packed))
            yield cells, packed
        self._kept = kept

    def _scale(self, block: sparse.csr_matrix, cells: slice) -> np.ndarray:
        """Return the factor of each cell's counts."""
        if self.scaling == "l2":
            squares = np.square(block.data, dtype=np.float64)
            rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
            return 1 / np.sqrt(np.maximum(np.bincount(rows, squares, block.shape[0]), 1e-300))
        return cell_factors(self.scaling, np.diff(block.indptr), self._totals[cells], self._target)
