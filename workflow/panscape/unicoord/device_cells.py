"""Training cells that stay on the device: expression as it is stored, made dense when a batch is taken."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from panscape.training.device import moved
from panscape.unicoord.store import CompressedCounts


class DeviceCells:
    """Normalised expression of cells on the device, 6 or 8 bytes per value that is not 0.

    Parameters
    ----------
    cells
        The cells; their values are normalised once, on the host.
    device
        Where they stay.

    Examples
    --------
    >>> from scipy import sparse
    >>> from panscape.unicoord.store import Scale
    >>> counts = sparse.csr_matrix(np.array([[1.0, 0.0], [0.0, 3.0]], dtype=np.float32))
    >>> cells = CompressedCounts([(counts, np.array([1.0, 3.0]))], 2, Scale("none", 1.0))
    >>> DeviceCells(cells, torch.device("cpu")).dense(np.array([1, 0]))
    tensor([[0., 3.],
            [1., 0.]])
    """

    def __init__(self, cells: CompressedCounts, device: torch.device):
        kind = np.dtype(np.int16 if cells.n_genes <= 1 << 15 else np.int32)
        value, gene = np.empty(cells.nnz, np.float32), np.empty(cells.nnz, kind)
        # on the host: sizes of batches, so that it need not ask the device for them
        self._lengths, filled = np.zeros(len(cells), np.int64), 0
        for part, block in cells.blocks():
            self._lengths[part] = np.diff(block.indptr)
            value[filled : filled + block.nnz], gene[filled : filled + block.nnz] = block.data, block.indices
            filled += block.nnz
        start = np.cumsum(self._lengths) - self._lengths
        parts = (value, gene, start, self._lengths)
        self._value, self._gene, self._start, self._length = (
            torch.from_numpy(part).to(device) for part in parts
        )
        self._genes, self._device = cells.n_genes, device

    @staticmethod
    def nbytes(cells: CompressedCounts) -> int:
        """Return the memory that cells take on the device."""
        return cells.nnz * (6 if cells.n_genes <= 1 << 15 else 8) + 16 * len(cells)

    def dense(self, positions: np.ndarray) -> Tensor:
        """Return the expression of some cells, float32 (n, genes)."""
        size, places = int(self._lengths[positions].sum()), moved(positions, self._device)
        length = self._length[places]
        cell = torch.repeat_interleave(length, output_size=size)
        at = (
            torch.arange(size, device=self._device)
            + (self._start[places] - (length.cumsum(0) - length))[cell]
        )
        result = torch.zeros(len(positions), self._genes, device=self._device)
        # every place once: the order does not matter
        result.view(-1).scatter_(0, cell * self._genes + self._gene[at].long(), self._value[at])
        return result
