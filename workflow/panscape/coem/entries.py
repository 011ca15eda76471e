"""Entries of a mini-batch that are not 0: on the host, and as the encoder's input on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

WHOLE = 1 << 32  # random numbers of a count unit are below


@dataclass(frozen=True)
class Entries:
    """Counts of the n cells of a mini-batch.

    Attributes
    ----------
    start
        Place of each cell's first entry and the number of entries, int64 (n + 1).
    row, column, value
        Cell, feature (int64) and count (float32) of each entry; no count is 0.
    total
        Sum of each cell's counts, float32 (n,).
    """

    start: np.ndarray
    row: np.ndarray
    column: np.ndarray
    value: np.ndarray
    total: np.ndarray


def split(
    counts: sparse.csr_matrix, rows: np.ndarray, fraction: np.ndarray, random: np.random.Generator
) -> tuple[Entries, Entries]:
    """Split the counts of some cells at random into a kept and a withheld part (binomial thinning).

    Given the rate, the two parts of a Poisson count are independent, so one predicts the other by signal
    alone.

    Parameters
    ----------
    counts
        CSR float32 of whole numbers, cells x features.
    rows
        Numbers of the n cells.
    fraction
        Probability that a count unit is withheld, in [0, 1], of each cell (n,).
    random
        Random numbers.

    Returns
    -------
    Kept and withheld counts, which add up to those of the cells.

    Examples
    --------
    >>> counts = sparse.csr_matrix(np.array([[4, 0, 2]], dtype=np.float32))
    >>> kept, withheld = split(counts, np.array([0]), np.array([0.5]), np.random.default_rng(0))
    >>> float(kept.total[0] + withheld.total[0])
    6.0
    """
    from panscape.coem.split_kernel import split_rows

    state = np.uint64(draw_state(random))
    parts = split_rows(
        counts.indptr, counts.indices, counts.data, rows, np.asarray(fraction, dtype=float), state
    )
    return Entries(*parts[0]), Entries(*parts[1])


def draw_state(random: np.random.Generator) -> int:
    """Return the state at which the random numbers of a modality's split start."""
    return int(random.integers(1 << 64, dtype=np.uint64))


@dataclass(frozen=True)
class SparseInput:
    """Input of an encoder's channel, cells x features, of which a few per cent are not 0.

    Attributes
    ----------
    start
        Place of each cell's first entry, int64 (cells,).
    row, column, value
        Cell, feature and value of each entry.
    features
        Number of features.
    """

    start: Tensor
    row: Tensor
    column: Tensor
    value: Tensor
    features: int

    def times(self, weight: Tensor, centre: Tensor, batch: Tensor) -> Tensor:
        """Return the product of the centred input with a layer's weights, (cells, outputs).

        Parameters
        ----------
        weight
            Outputs x features.
        centre
            Means by batch, batches x features.
        batch
            Batch of each cell.
        """
        return _Times.apply(weight, self, centre, batch)

    def dense(self) -> Tensor:
        """Return the input as a dense matrix, cells x features."""
        shape = (len(self.start), self.features)
        out = torch.zeros(shape, dtype=self.value.dtype, device=self.value.device)
        return out.index_put_((self.row, self.column), self.value)


class _Times(torch.autograd.Function):
    """Sparse input, centred by batch, times dense weights: sums of the rows of features that a cell has.

    The gradient of the weights is summed by entries, too. Both take time by entry, where the dense product
    takes it by feature. The mean is projected once per batch rather than subtracted from every cell.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: SparseInput, centre: Tensor, batch: Tensor) -> Tensor:
        ctx.x, ctx.centre, ctx.batch = x, centre, batch
        product = functional.embedding_bag(
            x.column, weight.T, x.start, mode="sum", per_sample_weights=x.value.to(weight.dtype)
        )
        return product.sub_(functional.linear(centre, weight)[batch])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), x = gradients, ctx.x
        by_batch = gradient.new_zeros(len(ctx.centre), gradient.shape[1])
        by_batch.index_add_(0, ctx.batch, gradient)
        total = -(ctx.centre.T @ by_batch)
        if gradient.device.type == "cpu" and gradient.dtype == torch.float32:
            from panscape.coem.entry_kernels import add_by_column

            entries = [tensor.numpy() for tensor in (x.row, x.column, x.value)]
            add_by_column(*entries, gradient.contiguous().numpy(), total.numpy())
        else:
            by_entry = gradient.index_select(0, x.row).mul_(x.value[:, None])
            total.index_add_(0, x.column, by_entry)
        return total.T, None, None, None
