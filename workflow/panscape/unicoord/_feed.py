"""Mini-batches of training cells: from memory, or from files in shuffled blocks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from scipy import sparse

from panscape import seeds, training
from panscape.unicoord._cells import Cells

_DENSE_BYTES = 300_000_000  # up to here the training cells are kept dense, which saves time


class Scale:
    """The depth normalisation of a model.

    Parameters
    ----------
    how
        ``"depth-log1p"``, ``"log1p"`` or ``"none"``.
    target
        Total that cells are scaled to.
    """

    def __init__(self, how: str, target: float):
        self.how, self.target = how, float(target)

    def __call__(self, block: sparse.csr_matrix, totals: np.ndarray) -> sparse.csr_matrix:
        """Return normalised expression of a block of counts whose cells have these totals."""
        if self.how == "none":
            return block
        block = sparse.csr_matrix(block, dtype=np.float32, copy=True)
        if self.how == "depth-log1p":
            factor = np.divide(self.target, totals, out=np.zeros(len(totals)), where=totals > 0)
            block.data *= np.repeat(factor, np.diff(block.indptr)).astype(np.float32)
        np.log1p(block.data, out=block.data)
        return block


class MemoryFeed:
    """Random mini-batches of a matrix in memory.

    Parameters
    ----------
    matrix
        CSR, training cells x genes, normalised.
    rows
        The cells' numbers in the whole data.
    size, seed
        Cells in a batch, and what their order derives from.
    """

    def __init__(self, matrix: sparse.csr_matrix, rows: np.ndarray, size: int, seed: int):
        small = 4 * matrix.shape[0] * matrix.shape[1] <= _DENSE_BYTES
        self._matrix = matrix.toarray() if small else matrix
        self.rows, self._size, self._seed = rows, size, seed
        self.steps = -(-len(rows) // size)
        self._epoch, self._batches = -1, []

    def batch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the cells' numbers and their dense expression at step `number`."""
        epoch, place = divmod(number, self.steps)
        if epoch != self._epoch:
            self._epoch = epoch
            self._batches = training.batches(len(self.rows), self._size, self._seed, epoch, "unicoord")
        chosen = self._batches[place]
        return self.rows[chosen], training.dense_rows(self._matrix, chosen)

    def positions(self, number: int) -> np.ndarray:
        """Return where the cells of step `number` are among the training cells."""
        self.batch(number)
        return self._batches[number % self.steps]

    def expression(self, positions: np.ndarray) -> np.ndarray:
        """Return the dense expression of some training cells."""
        return training.dense_rows(self._matrix, positions)

    def close(self) -> None:
        """Nothing is open."""


class StreamFeed:
    """Mini-batches of cells in files: random contiguous pieces are read, mixed and cut into batches.

    Every epoch shuffles the pieces anew and mixes `mixed` of them at a time, so cells that lie sorted by type
    in their file come in mixed batches. The next group is read while the current one is used.

    Parameters
    ----------
    cells, train
        All cells and the mask of those to train on.
    genes, scale
        The model's.
    size, seed
        Cells in a batch, and what their order derives from.
    max_values
        Stored values of a piece.
    mixed
        Pieces in memory at a time (and as many again that are being read).
    """

    def __init__(
        self,
        cells: Cells,
        train: np.ndarray,
        genes: Sequence[str],
        scale: Scale,
        size: int,
        seed: int,
        max_values: int,
        mixed: int = 16,
    ):
        self._cells, self._train, self._genes, self._scale = cells, train, list(genes), scale
        self._size, self._seed, self._mixed = size, seed, mixed
        pieces = [(number, rows) for number, rows in cells.pieces(max_values)]
        counts = [int(train[self._where(*piece)].sum()) for piece in pieces]
        self._pieces = [piece for piece, count in zip(pieces, counts, strict=True) if count]
        self._counts = np.array([count for count in counts if count])
        # equal in every epoch, so that a step's number tells its epoch
        self.steps = int(-(-self._counts.sum() // size))
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._group: tuple[int, int] | None = None
        self._current = (np.empty(0, np.int64), sparse.csr_matrix((0, len(self._genes)), dtype=np.float32))
        self._ahead: tuple[tuple[int, int], Future] | None = None
        self._order: dict[int, np.ndarray] = {}

    def _where(self, number: int, rows: slice) -> slice:
        start = self._cells.starts[number]
        return slice(start + rows.start, start + rows.stop)

    def batch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the cells' numbers and their dense expression at step `number`."""
        epoch, place = divmod(number, self.steps)
        low = place * self._size
        bounds = self._bounds(epoch)
        high = min(low + self._size, int(bounds[-1]))
        names, parts = [], []
        while low < high:
            group = int(np.searchsorted(bounds, low, side="right")) - 1
            cells, matrix = self._load(epoch, group)
            stop = min(high, int(bounds[group + 1]))
            here = slice(low - int(bounds[group]), stop - int(bounds[group]))
            names.append(cells[here])
            parts.append(matrix[here].toarray())
            low = stop
        return np.concatenate(names), np.concatenate(parts)

    def _pieces_of(self, epoch: int) -> np.ndarray:
        if epoch not in self._order:
            self._order = {epoch: seeds.stream(self._seed, "pieces", epoch).permutation(len(self._pieces))}
        return self._order[epoch]

    def _bounds(self, epoch: int) -> np.ndarray:
        """Return where each group of pieces starts among the epoch's cells, and the end."""
        counts = self._counts[self._pieces_of(epoch)]
        ends = np.add.reduceat(counts, np.arange(0, len(counts), self._mixed))
        return np.concatenate([[0], np.cumsum(ends)])

    def _load(self, epoch: int, group: int) -> tuple[np.ndarray, sparse.csr_matrix]:
        key = (epoch, group)
        if self._group != key:
            ahead = self._ahead if self._ahead and self._ahead[0] == key else None
            self._current = ahead[1].result() if ahead else self._read(epoch, group)
            self._group, self._ahead = key, None
            if (group + 1) * self._mixed < len(self._pieces):
                self._ahead = ((epoch, group + 1), self._pool.submit(self._read, epoch, group + 1))
        return self._current

    def _read(self, epoch: int, group: int) -> tuple[np.ndarray, sparse.csr_matrix]:
        order = self._pieces_of(epoch)[group * self._mixed : (group + 1) * self._mixed]
        names, parts = [], []
        for piece in order:
            rows, block = self._cells.piece(*self._pieces[piece], self._genes)
            kept = np.flatnonzero(self._train[rows])
            names.append(rows[kept])
            parts.append(self._scale(block[kept], self._cells.totals[rows[kept]]))
        rows, matrix = np.concatenate(names), sparse.vstack(parts, format="csr")
        mix = seeds.stream(self._seed, "mix", epoch, group).permutation(len(rows))
        return rows[mix], matrix[mix]

    def close(self) -> None:
        """End the reading thread."""
        self._pool.shutdown(wait=True, cancel_futures=True)
