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
            counts = modality.counts[rows]
            kept, withheld = counts, counts
            if random is not None and fraction is not None:
                kept, withheld = thinned(counts, fraction, random)
            seen.append(self._dense(modality.seen(kept)))
            target.append(self._target(withheld, modality.likelihood))
            exposure.append(
                self._move(modality.exposure(np.asarray(withheld.sum(axis=1)).ravel()), torch.float32)
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
        """Return a dense tensor; only nonzero values are copied to the device."""
        n, p = counts.shape
        place = np.repeat(np.arange(n, dtype=np.int64) * p, np.diff(counts.indptr)) + counts.indices
        out = torch.zeros(n * p, device=self.device)
        out[torch.from_numpy(place).to(self.device)] = torch.from_numpy(counts.data).to(self.device)
        return out.reshape(n, p)


def thinned(
    counts: sparse.csr_matrix, fraction: float | np.ndarray, random: np.random.Generator
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Split each count at random into a kept and a withheld part (binomial thinning).

    Given the rate, the two parts of a Poisson count are independent, so one predicts the other by signal
    alone.

    Parameters
    ----------
    counts
        CSR of whole numbers, cells x features.
    fraction
        Probability that a count unit is withheld, in [0, 1]; a scalar or one value per cell.
    random
        Random numbers.

    Returns
    -------
    Kept and withheld counts, which add up to `counts`.
    """
    each = np.broadcast_to(fraction, counts.shape[0]).astype(np.float32)
    each = np.repeat(each, np.diff(counts.indptr))
    # most counts are 1, for which comparing a uniform number is ten times as fast as a binomial draw
    drawn = (random.random(len(each), dtype=np.float32) < each).astype(np.float32)
    drawn[counts.data == 0] = 0
    many = np.flatnonzero(counts.data > 1)
    drawn[many] = random.binomial(counts.data[many].astype(np.int64), each[many])
    parts = (counts.data - drawn, drawn)
    kept, withheld = (
        sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape) for data in parts
    )
    return kept, withheld
