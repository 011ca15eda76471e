"""Counts of a modality that stay on the device, where mini-batches are taken and split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from panscape.coem.modality import Modality
from panscape.training.noise import words

LOW = (1 << 32) - 1


@dataclass(frozen=True)
class DeviceEntries:
    """Counts of the n cells of a mini-batch, each of which is the sum of a kept and a withheld part.

    Attributes
    ----------
    start
        Place of each cell's first entry, int64 (n,).
    row, column
        Cell and feature of each entry, int64.
    kept, withheld
        Counts of each entry, int64; either may be 0.
    kept_total, withheld_total
        Sums of each cell, int64 (n,).
    """

    start: Tensor
    row: Tensor
    column: Tensor
    kept: Tensor
    withheld: Tensor
    kept_total: Tensor
    withheld_total: Tensor


class DeviceCounts:
    """Counts of a modality on the device.

    A mini-batch equals, bit for bit, that of :func:`panscape.coem.entries.split`, except that entries of
    which nothing is left stay, as zeros: how many there are would have to be known on the host.

    Parameters
    ----------
    modality
        The counts.
    device
        Where they stay.
    """

    def __init__(self, modality: Modality, device: torch.device):
        def placed(array: np.ndarray, kind: torch.dtype) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device, kind)

        counts = modality.counts
        # on the host: sizes of batches, so that it need not ask the device for them
        self._lengths = np.diff(counts.indptr).astype(np.int64)
        self._totals = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel().astype(np.int64)
        self._column, self._count = placed(counts.indices, torch.int32), placed(counts.data, torch.int32)
        self._start = placed(counts.indptr[:-1], torch.int64)
        self._length, self._total = placed(self._lengths, torch.int64), placed(self._totals, torch.int64)
        self._weight = placed(modality.weight, torch.float32)
        every = np.arange(int(self._totals.max(initial=0)) + 1)
        self._exposure = placed(modality.exposure(every), torch.float32)

    @staticmethod
    def nbytes(modality: Modality) -> int:
        """Return the memory that the counts take on the device."""
        return 8 * modality.counts.nnz + 24 * modality.counts.shape[0]

    def split(self, rows: np.ndarray, places: Tensor, limit: Tensor | None, state: int) -> DeviceEntries:
        """Split the counts of some cells at random into a kept and a withheld part.

        Parameters
        ----------
        rows, places
            Numbers of the n cells, on the host and on the device.
        limit
            Probability that a count unit is withheld, in units of 2^-32, int64 (n,); None keeps all counts,
            and takes all as the withheld part, too.
        state
            Start of the random numbers.
        """
        size, units = int(self._lengths[rows].sum()), int(self._totals[rows].sum())
        device, lengths = places.device, self._length[places]
        ends = lengths.cumsum(0)
        row = torch.repeat_interleave(lengths, output_size=size)
        at = torch.arange(size, device=device) + (self._start[places] - (ends - lengths))[row]
        column, count = self._column[at].long(), self._count[at].long()
        total = self._total[places]
        if limit is None:
            return DeviceEntries(ends - lengths, row, column, count, count, total, total)
        word = words(state, -(-units // 2), device)
        # each word has the numbers of two units
        number = torch.stack([word & LOW, (word >> 32) & LOW], 1).view(-1)[:units]
        hit = number < torch.repeat_interleave(limit, total, output_size=units)
        before = torch.cat([total.new_zeros(1), hit.cumsum(0)])
        last, last_of_cell = count.cumsum(0), total.cumsum(0)
        withheld = before[last] - before[last - count]
        out = before[last_of_cell] - before[last_of_cell - total]
        return DeviceEntries(ends - lengths, row, column, count - withheld, withheld, total - out, out)

    def scaled(self, entries: DeviceEntries) -> Tensor:
        """Return kept counts as :meth:`Modality.scaled` does, float32."""
        total = entries.kept_total[entries.row].float()
        return entries.kept.float() * (self._weight[entries.column] / total.clamp(min=1.0))

    def exposure(self, total: Tensor) -> Tensor:
        """Return the exposure of cells with these counts, as :meth:`Modality.exposure` does, float32."""
        return self._exposure[total]
