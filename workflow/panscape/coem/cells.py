"""Mini-batches of sparse cells."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from panscape.coem.device_cells import DeviceCounts
from panscape.coem.entries import WHOLE, Entries, SparseInput, draw_state, split
from panscape.coem.likelihoods import SPARSE, Target
from panscape.coem.modality import Modality
from panscape.coem.module import Batch
from panscape.training.device import log1p, moved

SPREAD = 0.8  # relative range of the withheld fraction among cells


@dataclass(frozen=True)
class Cells:
    """Cells of a training run, sparse; only mini-batches are dense.

    Attributes
    ----------
    modalities
        Counts of each modality and the quantities fixed before training.
    batch
        Batch number of each cell.
    label
        Number of the label that the prior is conditioned on, or None.
    device
        Device of the mini-batches.
    depth_scale
        Mean and standard deviation of the log depth, modalities x 2, used to standardise depths; None
        computes them from these cells.
    stored
        Counts of each modality on the device, from :meth:`on_device`.
    """

    modalities: list[Modality]
    batch: np.ndarray
    label: np.ndarray | None
    device: torch.device
    depth_scale: np.ndarray | None = None
    stored: tuple[DeviceCounts, ...] = field(default=(), repr=False)

    @property
    def nbytes(self) -> int:
        """Return the memory that the counts take on the device."""
        return sum(map(DeviceCounts.nbytes, self.modalities))

    def on_device(self) -> Cells:
        """Return the cells with their counts on the device; mini-batches are the same, but for zeros."""
        return replace(self, stored=tuple(DeviceCounts(m, self.device) for m in self.modalities))

    @property
    def n(self) -> int:
        """Return the number of cells."""
        return len(self.batch)

    @property
    def present(self) -> np.ndarray:
        """Return which modalities each cell has, bool, cells x modalities."""
        return np.stack([modality.present for modality in self.modalities], 1)

    @cached_property
    def depth(self) -> np.ndarray:
        """Log depth of each cell by modality, standardised over cells with the modality, 0 elsewhere."""
        result = np.zeros((self.n, len(self.modalities)), dtype=np.float32)
        for m, (mean, sd) in enumerate(self.depth_scales):
            modality = self.modalities[m]
            logs = np.log(modality.depth[modality.present].astype(float))
            result[modality.present, m] = (logs - mean) / sd
        return result

    @property
    def depth_scales(self) -> np.ndarray:
        """Mean and standard deviation of the log depth by modality, modalities x 2."""
        if self.depth_scale is not None:
            return self.depth_scale
        logs = [np.log(modality.depth[modality.present].astype(float)) for modality in self.modalities]
        return np.array([[values.mean(), max(float(values.std()), 1e-6)] for values in logs])

    def take(
        self,
        rows: np.ndarray,
        *,
        shown: np.ndarray | None = None,
        thin: float = 0.0,
        random: np.random.Generator | None = None,
    ) -> Batch:
        """Return a mini-batch of cells as tensors.

        Parameters
        ----------
        rows
            Numbers of the cells.
        shown
            Modalities shown to the encoder, bool, cells x modalities; None shows all that a cell has.
        thin
            Mean fraction of the counts withheld from the encoder, which form the target; with 0 all counts
            are both input and target.
        random
            Random number generator of the thinning.
        """
        present = self.present[rows]
        # the fraction varies between cells, so that the encoder is trained on a range of depths
        spread = SPREAD * min(thin, 1 - thin)
        fraction = None if random is None or not thin else thin + spread * random.uniform(-1, 1, len(rows))
        shown = present if shown is None else shown & present
        take = self._stored if self.stored else self._sent
        parts = [take(number, rows, fraction, random) for number in range(len(self.modalities))]
        return Batch(
            [seen for seen, _, _ in parts],
            [target for _, target, _ in parts],
            [exposure for _, _, exposure in parts],
            self._move(shown, torch.float32),
            self._move(present, torch.float32),
            self._move(self.batch[rows], torch.int64),
            self._move(self.depth[rows], torch.float32),
            None if self.label is None else self._move(self.label[rows], torch.int64),
            target_scale=1 / thin if thin else 1.0,
        )

    def _sent(
        self, m: int, rows: np.ndarray, fraction: np.ndarray | None, random: np.random.Generator | None
    ) -> tuple[SparseInput, Target, Tensor]:
        """Return input, target and its exposure of cells: two parts of their counts, or all as both."""
        modality = self.modalities[m]
        if random is not None and fraction is not None:
            kept, withheld = split(modality.counts, rows, fraction, random)
        else:
            kept, _ = split(modality.counts, rows, np.zeros(len(rows)), np.random.default_rng(0))
            withheld = kept
        exposure = self._move(modality.exposure(withheld.total), torch.float32)
        return self._seen(modality, kept), self._target(withheld, modality), exposure

    def _stored(
        self, m: int, rows: np.ndarray, fraction: np.ndarray | None, random: np.random.Generator | None
    ) -> tuple[SparseInput, Target, Tensor]:
        """Return the same of counts on the device, to which only the numbers of the cells are sent."""
        modality, counts = self.modalities[m], self.stored[m]
        limit, state = None, 0
        if random is not None and fraction is not None:
            limit, state = self._move((fraction * WHOLE).astype(np.int64), torch.int64), draw_state(random)
        entries = counts.split(rows, self._move(rows, torch.int64), limit, state)
        value = counts.scaled(entries)
        if modality.logged:
            value = log1p(value)
        seen = SparseInput(entries.start, entries.row, entries.column, value, modality.counts.shape[1])
        target = self._as_target(modality, entries.row, entries.column, entries.withheld.float(), len(rows))
        return seen, target, counts.exposure(entries.withheld_total)

    def _move(self, array: np.ndarray, kind: torch.dtype) -> Tensor:
        return moved(array, self.device, kind)

    def _seen(self, modality: Modality, counts: Entries) -> SparseInput:
        value = self._move(
            modality.scaled(counts.value, counts.column, counts.total[counts.row]), torch.float32
        )
        start, row, column = (
            self._move(array, torch.int64) for array in (counts.start[:-1], counts.row, counts.column)
        )
        value = log1p(value) if modality.logged else value
        return SparseInput(start, row, column, value, modality.counts.shape[1])

    def _target(self, counts: Entries, modality: Modality) -> Target:
        row, column = (self._move(array, torch.int64) for array in (counts.row, counts.column))
        value = self._move(counts.value, torch.float32)
        return self._as_target(modality, row, column, value, len(counts.total))

    def _as_target(self, modality: Modality, row: Tensor, column: Tensor, value: Tensor, n: int) -> Target:
        """Return entries as the likelihood reads them."""
        if modality.likelihood in SPARSE:
            return Target(row=row, column=column, value=value)
        dense = torch.zeros(n, modality.counts.shape[1], device=self.device)
        return Target(dense=dense.index_put_((row, column), value))
