"""Mini-batches of sparse cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from panscape.coem.likelihoods import SPARSE, Target
from panscape.coem.modality import Modality
from panscape.coem.module import Batch

SPREAD = 0.8  # how far the share withheld of a cell may lie from the mean one, of what is possible


@dataclass(frozen=True)
class Cells:
    """All cells of a training run; only mini-batches are ever dense.

    Attributes
    ----------
    modalities
        Counts and what was fixed before training.
    batch
        Batch number of each cell.
    label
        Number of the label that the prior is conditioned on, or None.
    device
        Where mini-batches go.
    """

    modalities: list[Modality]
    batch: np.ndarray
    label: np.ndarray | None
    device: torch.device

    @property
    def n(self) -> int:
        """Return the number of cells."""
        return len(self.batch)

    @property
    def present(self) -> np.ndarray:
        """Tell which modalities each cell has, cells x modalities."""
        return np.stack([modality.present for modality in self.modalities], 1)

    @cached_property
    def depth(self) -> np.ndarray:
        """Log depth of each cell by modality, standardised over those that have it and 0 in the others."""
        result = np.zeros((self.n, len(self.modalities)), dtype=np.float32)
        for m, modality in enumerate(self.modalities):
            logs = np.log(modality.depth[modality.present].astype(float))
            result[modality.present, m] = (logs - logs.mean()) / max(float(logs.std()), 1e-6)
        return result

    def take(
        self,
        rows: np.ndarray,
        *,
        shown: np.ndarray | None = None,
        thin: float = 0.0,
        random: np.random.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Batch:
        """Return some cells as tensors.

        Parameters
        ----------
        rows
            Numbers of the cells.
        shown
            Modalities that the encoder is shown, cells x modalities; None for those that the cell has.
        thin
            Mean share of the counts that are taken from what the encoder sees and become the target. 0: it
            sees all and has to predict all.
        random
            Source of that choice.
        noise
            See :class:`Batch`.
        """
        present = self.present[rows]
        # shares differ between cells, so that the encoder meets all depths and learns to do without
        share = thin + SPREAD * min(thin, 1 - thin) * random.uniform(-1, 1, len(rows)) if thin else 0.0
        shown = present if shown is None else shown & present
        seen, target, exposure = [], [], []
        for modality in self.modalities:
            counts = modality.counts[rows]
            kept, held = thinned(counts, share, random) if thin else (counts, counts)
            seen.append(self._dense(modality.seen(kept)))
            target.append(self._target(held, modality.likelihood))
            exposure.append(
                self._move(modality.exposure(np.asarray(held.sum(axis=1)).ravel()), torch.float32)
            )
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

    def _move(self, array: np.ndarray, kind: torch.dtype) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device, kind)

    def _target(self, counts: sparse.csr_matrix, likelihood: str) -> Target:
        if likelihood not in SPARSE:
            return Target(dense=self._dense(counts))
        counts = counts.copy()
        counts.eliminate_zeros()
        row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        row, column = (self._move(place, torch.int64) for place in (row, counts.indices))
        return Target(row=row, column=column, value=self._move(counts.data, torch.float32))

    def _dense(self, counts: sparse.csr_matrix) -> Tensor:
        """Return a dense tensor; only what is not 0 travels to the device."""
        n, p = counts.shape
        place = np.repeat(np.arange(n, dtype=np.int64) * p, np.diff(counts.indptr)) + counts.indices
        out = torch.zeros(n * p, device=self.device)
        out[torch.from_numpy(place).to(self.device)] = torch.from_numpy(counts.data).to(self.device)
        return out.reshape(n, p)


def thinned(
    counts: sparse.csr_matrix, share: float | np.ndarray, random: np.random.Generator
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Divide each count at random: each of its units is held with probability `share`, else kept.

    `share` is one number or one per row. Of Poisson counts the two parts are independent given the rate, so
    that what predicts one from the other is signal (count splitting).

    Returns
    -------
    Kept and held counts; they add up to `counts`.
    """
    held = counts.copy()
    if np.ndim(share):
        share = np.repeat(share, np.diff(counts.indptr))
    held.data = random.binomial(counts.data.astype(np.int64), share).astype(np.float32)
    kept = counts.copy()
    kept.data = counts.data - held.data
    return kept, held
