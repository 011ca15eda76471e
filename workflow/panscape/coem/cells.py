"""Mini-batches of sparse cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from panscape.coem.entries import Entries, SparseInput, split
from panscape.coem.likelihoods import SPARSE, Target
from panscape.coem.modality import Modality
from panscape.coem.module import Batch
from panscape.training.device import moved

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
    """

    modalities: list[Modality]
    batch: np.ndarray
    label: np.ndarray | None
    device: torch.device
    depth_scale: np.ndarray | None = None

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
        noise: Tensor | None = None,
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
        noise
            See :class:`Batch`.
        """
        present = self.present[rows]
        # the fraction varies between cells, so that the encoder is trained on a range of depths
        spread = SPREAD * min(thin, 1 - thin)
        fraction = None if random is None or not thin else thin + spread * random.uniform(-1, 1, len(rows))
        shown = present if shown is None else shown & present
        seen, target, exposure = [], [], []
        for modality in self.modalities:
            kept, withheld = self._parts(modality, rows, fraction, random)
            seen.append(self._seen(modality, kept))
            target.append(self._target(withheld, modality))
            exposure.append(self._move(modality.exposure(withheld.total), torch.float32))
        return Batch(
            seen,
            target,
            exposure,
            self._move(shown, torch.float32),
            self._move(present, torch.float32),
            self._move(self.batch[rows], torch.int64),
            self._move(self.depth[rows], torch.float32),
            None if self.label is None else self._move(self.label[rows], torch.int64),
            None if noise is None else noise.to(self.device),
            1 / thin if thin else 1.0,
        )

    def _parts(
        self,
        modality: Modality,
        rows: np.ndarray,
        fraction: np.ndarray | None,
        random: np.random.Generator | None,
    ) -> tuple[Entries, Entries]:
        """Return input and target of cells: two parts of their counts, or all as both."""
        if random is not None and fraction is not None:
            return split(modality.counts, rows, fraction, random)
        kept, _ = split(modality.counts, rows, np.zeros(len(rows)), np.random.default_rng(0))
        return kept, kept

    def _move(self, array: np.ndarray, kind: torch.dtype) -> Tensor:
        return moved(array, self.device, kind)

    def _seen(self, modality: Modality, counts: Entries) -> SparseInput:
        value = modality.encoded(counts.value, counts.column, counts.total[counts.row])
        start, row, column = (
            self._move(array, torch.int64) for array in (counts.start[:-1], counts.row, counts.column)
        )
        return SparseInput(start, row, column, self._move(value, torch.float32), modality.counts.shape[1])

    def _target(self, counts: Entries, modality: Modality) -> Target:
        row, column = (self._move(array, torch.int64) for array in (counts.row, counts.column))
        value = self._move(counts.value, torch.float32)
        if modality.likelihood in SPARSE:
            return Target(row=row, column=column, value=value)
        dense = torch.zeros(len(counts.total), modality.counts.shape[1], device=self.device)
        return Target(dense=dense.index_put_((row, column), value))
