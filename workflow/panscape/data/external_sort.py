"""External sort of sparse entries by cell, in bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import sparse

from panscape.data.temporary import temporary_space

_ENTRY = np.dtype([("cell", "<i4"), ("gene", "<i4"), ("value", "<f4")])


class ExternalSort:
    """Sort the entries of a matrix by row, on disk where they exceed memory.

    Entries are distributed to one scratch file per range of cells (12 bytes per entry, in ``TMPDIR``); each
    range is small enough to be sorted in memory. Small matrices are not written to disk.

    Parameters
    ----------
    shape
        (n_cells, n_genes).
    expected
        Expected number of entries, which sets the width of the ranges. A wrong value costs time, not
        memory.
    max_values
        Maximum entries of a block, and of the buffer in memory.
    """

    def __init__(self, shape: tuple[int, int], expected: int, max_values: int):
        self.shape, self.max_values = shape, max_values
        ranges = max(-(-expected // max_values), 1)
        self._width = max(-(-shape[0] // ranges), 1)
        self._memory: list[np.ndarray] = []
        self._held = 0
        self._folder: tempfile.TemporaryDirectory | None = None

    def add(self, cells: np.ndarray, genes: np.ndarray, values: np.ndarray) -> None:
        """Add entries of the matrix, in any order.

        Parameters
        ----------
        cells, genes
            int (n,): cell and gene of each entry, from 0 and within the shape.
        values
            (n,) values, stored as float32; those of the same cell and gene are summed.
        """
        entries = np.empty(len(values), dtype=_ENTRY)
        entries["cell"], entries["gene"], entries["value"] = cells, genes, values
        self._memory.append(entries)
        self._held += len(entries)
        if self._held > self.max_values:
            self._flush()

    def _flush(self) -> None:
        with temporary_space():
            self._spill()

    def _spill(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="panscape-")
        entries = np.concatenate(self._memory)
        self._memory, self._held = [], 0
        number = entries["cell"] // self._width
        if self._ranges < 1 << 16:
            number = number.astype(np.uint16)  # sorted in linear time
        entries = entries.take(np.argsort(number, kind="stable"))
        bounds = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=self._ranges))])
        for index in map(int, np.flatnonzero(np.diff(bounds))):
            with open(self._file(index), "ab") as handle:
                handle.write(entries[bounds[index] : bounds[index + 1]].tobytes())

    @property
    def _ranges(self) -> int:
        return -(-self.shape[0] // self._width)

    def _file(self, index: int) -> Path:
        assert self._folder is not None  # created by the first flush
        return Path(self._folder.name) / f"{index}.bin"

    def blocks(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (rows, CSR float32) in order, with duplicate entries summed. May be called repeatedly."""
        if self._folder is None:
            entries = np.concatenate([np.empty(0, _ENTRY), *self._memory])
            yield from self._pieces(entries, 0, self.shape[0])
            return
        if self._held:
            self._flush()
        for index in range(self._ranges):
            start, stop = index * self._width, min((index + 1) * self._width, self.shape[0])
            file = self._file(index)
            filled = file.exists() and file.stat().st_size
            entries = np.memmap(file, _ENTRY, mode="r") if filled else np.empty(0, _ENTRY)
            yield from self._pieces(entries, start, stop)

    def _pieces(
        self, entries: np.ndarray, start: int, stop: int
    ) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield cells start..stop of `entries` in one block, or several if there are many entries."""
        if len(entries) <= 2 * self.max_values or stop - start == 1:
            yield slice(start, stop), self._csr(entries, start, stop)
            return
        step = self.max_values
        parts = [entries[low : low + step] for low in range(0, len(entries), step)]
        counts = sum(np.bincount(part["cell"] - start, minlength=stop - start) for part in parts)
        ends = np.cumsum(counts)
        low = start
        while low < stop:
            before = ends[low - start - 1] if low > start else 0
            high = start + int(np.searchsorted(ends, before + self.max_values, side="right"))
            high = min(max(high, low + 1), stop)
            chosen = [part[(part["cell"] >= low) & (part["cell"] < high)] for part in parts]
            yield slice(low, high), self._csr(np.concatenate(chosen), low, high)
            low = high

    def _csr(self, entries: np.ndarray, start: int, stop: int) -> sparse.csr_matrix:
        return sparse.csr_matrix(
            (entries["value"], (entries["cell"] - start, entries["gene"])),
            shape=(stop - start, self.shape[1]),
            dtype=np.float32,
        )
