"""Compressed counts in memory, normalised on access."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator

import numpy as np
from scipy import sparse

from panscape.data.counts import index_type, narrow

BLOCK_CELLS = 256  # number of cells per dense block
TABLE = 32  # counts below are normalised once per cell


class Scale:
    """The depth normalisation of a model.

    Parameters
    ----------
    how
        ``"depth-log1p"``, ``"log1p"`` or ``"none"``.
    target
        Total that cells are scaled to.

    Examples
    --------
    >>> counts = sparse.csr_matrix(np.array([[1.0, 3.0]]))
    >>> Scale("depth-log1p", 8.0)(counts, np.array([4.0])).toarray().round(3).tolist()
    [[1.0989999771118164, 1.9459999799728394]]
    """

    def __init__(self, how: str, target: float):
        self.how, self.target = how, float(target)

    def __call__(self, block: sparse.csr_matrix, totals: np.ndarray) -> sparse.csr_matrix:
        """Return normalised expression of a block of counts whose cells have these totals."""
        if self.how == "none":
            return block
        block = sparse.csr_matrix(block, dtype=np.float32, copy=True)
        block.data *= np.repeat(self._factor(totals), np.diff(block.indptr))
        np.log1p(block.data, out=block.data)
        return block

    def values(self, counts: np.ndarray, lengths: np.ndarray, totals: np.ndarray) -> np.ndarray:
        """Return normalised values of stored ones, float32, as a call does.

        Most counts are small: their logarithms are taken once per cell and looked up.

        Parameters
        ----------
        counts
            Values of n cells, one cell after the other.
        lengths, totals
            (n,): number of the values of each cell, and its total.
        """
        if self.how == "none":
            return counts.astype(np.float32, copy=False)
        factor = self._factor(totals)
        if counts.dtype.kind != "u" or len(counts) < TABLE * len(totals):
            values = counts.astype(np.float32)
            values *= np.repeat(factor, lengths)
            return np.log1p(values, out=values)
        table = np.log1p(np.arange(TABLE, dtype=np.float32) * factor[:, None])
        place = np.repeat(np.arange(len(totals), dtype=np.int32) * TABLE, lengths)
        large = np.flatnonzero(counts >= TABLE)
        place += counts
        place[large] = 0
        values = table.ravel()[place]
        values[large] = np.log1p(counts[large].astype(np.float32) * np.repeat(factor, lengths)[large])
        return values

    def _factor(self, totals: np.ndarray) -> np.ndarray:
        """Return what counts of cells with these totals are multiplied by, float32."""
        if self.how != "depth-log1p":
            return np.ones(len(totals), np.float32)
        factor = np.divide(self.target, totals, out=np.zeros(len(totals)), where=totals > 0)
        return factor.astype(np.float32)


class CompressedCounts:
    """Expression of cells in 3 or 4 bytes per count, and 6 per other value (8 with more than 65536 genes).

    Parameters
    ----------
    blocks
        Rows as they are stored, each block with its cells' totals; they are consumed one by one, so
        that the matrix is never in memory twice.
    n_genes
        Number of columns.
    scale
        Normalisation.

    Examples
    --------
    >>> counts = sparse.csr_matrix(np.array([[1.0, 0.0], [0.0, 3.0]], dtype=np.float32))
    >>> cells = CompressedCounts([(counts, np.array([1.0, 3.0]))], 2, Scale("none", 1.0))
    >>> len(cells), cells.dense(np.array([1])).tolist()
    (2, [[0.0, 3.0]])
    """

    def __init__(self, blocks: Iterable[tuple[sparse.csr_matrix, np.ndarray]], n_genes: int, scale: Scale):
        self.n_genes, self._scale = n_genes, scale
        self._values: list[np.ndarray] = []
        self._indices: list[np.ndarray] = []
        wide = index_type(n_genes)
        rows = [(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
        for block, totals in blocks:
            number, offsets = len(self._values), block.indptr.astype(np.int64)
            self._values.append(_apart(narrow(block.data)))
            self._indices.append(_apart(block.indices.astype(wide)))
            rows.append((np.full(len(totals), number, np.int32), offsets[:-1], offsets[1:], totals))
        self._block, self._low, self._high, self.totals = map(np.concatenate, zip(*rows, strict=True))

    def __len__(self) -> int:
        return len(self.totals)

    @property
    def nnz(self) -> int:
        """Number of stored values of these cells."""
        return int((self._high - self._low).sum())

    @property
    def nbytes(self) -> int:
        """Size of values and indices in bytes."""
        return sum(part.nbytes for part in (*self._values, *self._indices))

    def take(self, positions: np.ndarray) -> CompressedCounts:
        """Return some cells; the values are shared."""
        part = CompressedCounts((), self.n_genes, self._scale)
        part._values, part._indices = self._values, self._indices
        part._block, part.totals = self._block[positions], self.totals[positions]
        part._low, part._high = self._low[positions], self._high[positions]
        return part

    def rows(self, positions: np.ndarray) -> sparse.csr_matrix:
        """Return normalised expression of some cells (CSR float32)."""
        block, low, high = self._block[positions], self._low[positions], self._high[positions]
        spans = list(zip(block.tolist(), low.tolist(), high.tolist(), strict=True))
        offsets = np.zeros(len(spans) + 1, dtype=np.int32)
        np.cumsum(high - low, out=offsets[1:])
        data, indices = np.empty(0, np.float32), np.empty(0, np.int32)
        if spans:  # converted as a whole: piece by piece takes longer
            data = np.concatenate([self._values[at][start:stop] for at, start, stop in spans])
            indices = np.concatenate([self._indices[at][start:stop] for at, start, stop in spans])
        data = self._scale.values(data, high - low, self.totals[positions])
        indices = indices.astype(np.int32, copy=False)
        return sparse.csr_matrix((data, indices, offsets), shape=(len(spans), self.n_genes))

    def dense(self, positions: np.ndarray) -> np.ndarray:
        """Return normalised expression of some cells (float32)."""
        return self.rows(positions).toarray()

    def blocks(self, size: int = BLOCK_CELLS) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (cells, normalised CSR float32) in order."""
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part, self.rows(np.arange(part.start, part.stop))


def _apart(values: np.ndarray) -> np.ndarray:
    """Return a copy in separate memory pages.

    Long-lived arrays must not lie between the large temporary arrays of a reader, whose memory the allocator
    could then not release.
    """
    pages = mmap.mmap(-1, max(values.nbytes, 1))
    copied = np.frombuffer(pages, values.dtype, len(values))
    copied[:] = values
    return copied
