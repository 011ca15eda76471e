"""Mini-batches of training cells: from memory, or from files in shuffled blocks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from panscape import seeds
from panscape.training.batches import Batches
from panscape.unicoord.cells import Cells
from panscape.unicoord.store import CompressedCounts, Scale

STREAM_VALUES = 400_000  # stored values per piece read at a time
_MIXED = 16  # number of pieces mixed


class MemoryLoader:
    """Random mini-batches of cells in memory.

    Parameters
    ----------
    cells
        The training cells.
    rows
        Positions of the cells among all cells.
    size, seed
        Cells in a batch, and the seed of their order.
    """

    def __init__(self, cells: CompressedCounts, rows: np.ndarray, size: int, seed: int):
        self.cells, self.rows = cells, rows
        # batches may be made in another thread than the one that asks for positions
        self._order, self._asked = (Batches(len(rows), size, seed, "unicoord") for _ in range(2))
        self.steps = self._order.per_epoch

    def batch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the cells' numbers and their dense expression at step `number`."""
        chosen = self._order.at(number)
        return self.rows[chosen], self.cells.dense(chosen)

    def positions(self, number: int) -> np.ndarray:
        """Return positions among the training cells of the cells of step `number`."""
        return self._asked.at(number)

    def expression(self, positions: np.ndarray) -> np.ndarray:
        """Return the dense expression of some training cells."""
        return self.cells.dense(positions)

    def close(self) -> None:
        """Do nothing: no file is open."""


class StreamLoader:
    """Mini-batches of cells in files: random contiguous pieces are read, mixed and cut into batches.

    Every epoch shuffles the pieces anew and mixes `mixed` of them at a time, so cells that lie sorted by type
    in their file come in mixed batches. The next group is read while the current one is used.

    Parameters
    ----------
    cells, train
        All cells and the mask of those to train on.
    genes, scale
        Genes and normalisation of the model.
    size, seed
        Cells in a batch, and the seed of their order.
    max_values
        Stored values of a piece; None: STREAM_VALUES.
    mixed
        Number of compressed pieces in memory (as many again are being read).
    """

    cells = None  # not all of them in memory

    def __init__(
        self,
        cells: Cells,
        train: np.ndarray,
        genes: Sequence[str],
        scale: Scale,
        size: int,
        seed: int,
        max_values: int | None = None,
        mixed: int = _MIXED,
    ):
        self._cells, self._train, self._genes, self._scale = cells, train, list(genes), scale
        self._size, self._seed, self._mixed = size, seed, mixed
        pieces = [(number, rows) for number, rows in cells.pieces(max_values or STREAM_VALUES)]
        counts = [int(train[self._where(*piece)].sum()) for piece in pieces]
        self._pieces = [piece for piece, count in zip(pieces, counts, strict=True) if count]
        self._counts = np.array([count for count in counts if count])
        # equal in every epoch, so that a step's number determines its epoch
        self.steps = int(-(-self._counts.sum() // size))
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._group: tuple[int, int] | None = None
        self._current: tuple[np.ndarray, CompressedCounts] | None = None
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
            cells, store = self._load(epoch, group)
            stop = min(high, int(bounds[group + 1]))
            here = np.arange(low, stop) - int(bounds[group])
            names.append(cells[here])
            parts.append(store.dense(here))
            low = stop
        if len(parts) == 1:
            return names[0], parts[0]
        return np.concatenate(names), np.concatenate(parts)

    def _pieces_of(self, epoch: int) -> np.ndarray:
        if epoch not in self._order:  # the read-ahead thread requests the next epoch's
            self._order[epoch] = seeds.stream(self._seed, "pieces", epoch).permutation(len(self._pieces))
            self._order.pop(epoch - 2, None)
        return self._order[epoch]

    def _bounds(self, epoch: int) -> np.ndarray:
        """Return the start of each group of pieces among the epoch's cells, and the end."""
        counts = self._counts[self._pieces_of(epoch)]
        ends = np.add.reduceat(counts, np.arange(0, len(counts), self._mixed))
        return np.concatenate([[0], np.cumsum(ends)])

    def _load(self, epoch: int, group: int) -> tuple[np.ndarray, CompressedCounts]:
        key = (epoch, group)
        if self._current is None or self._group != key:
            ahead, self._ahead, self._current = self._ahead, None, None  # free before more is read
            self._current = ahead[1].result() if ahead and ahead[0] == key else self._read(*key)
            self._group = key
            last = (group + 1) * self._mixed >= len(self._pieces)
            after = (epoch + 1, 0) if last else (epoch, group + 1)
            self._ahead = (after, self._pool.submit(self._read, *after))
        return self._current

    def _read(self, epoch: int, group: int) -> tuple[np.ndarray, CompressedCounts]:
        order = self._pieces_of(epoch)[group * self._mixed : (group + 1) * self._mixed]
        names: list[np.ndarray] = []
        store = CompressedCounts(self._stored(order, names), len(self._genes), self._scale)
        mix = seeds.stream(self._seed, "mix", epoch, group).permutation(len(store))
        return np.concatenate(names)[mix], store.take(mix)

    def _stored(self, order: np.ndarray, names: list[np.ndarray]):
        """Yield the training cells of pieces with their totals, and record their numbers."""
        for piece in order:
            number, part = self._pieces[piece]
            rows, block = self._cells.piece(number, part, self._genes)
            kept = self._train[rows]
            names.append(rows[kept])
            yield block if kept.all() else block[np.flatnonzero(kept)], self._cells.totals[rows[kept]]

    def close(self) -> None:
        """Stop the reading thread."""
        self._pool.shutdown(wait=True, cancel_futures=True)
