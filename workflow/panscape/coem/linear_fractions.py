"""Log fractions of some features in some cells, for decoders that are linear in their input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

BLOCK = 300_000  # values of a block of cells; stays in the second-level cache
ROWS = 64  # cells of a block at least: products of fewer rows read the weights again and again


def log_fractions(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    offset: Tensor | None,
    batch: Tensor,
    row: Tensor,
    column: Tensor,
) -> Tensor:
    """Return logarithms of the softmax over features of a linear layer, at some places, (entries,).

    The softmax of a block of cells is made at once and becomes the gradient in its own memory, so that it
    stays in the processor's cache; separate layers would each pass over all cells x features.

    Parameters
    ----------
    x
        Cells x inputs.
    weight, bias
        Features x inputs, and (features,).
    offset
        Addition of each batch, batches x features, or None.
    batch
        Batch of each cell.
    row, column
        Cell and feature of each entry, by rising cell.

    Examples
    --------
    >>> x, weight, one = torch.zeros(1, 2), torch.zeros(4, 2), torch.tensor([0])
    >>> log_fractions(x, weight, torch.zeros(4), None, one, one, one).exp()
    tensor([0.2500])
    """
    return _LinearFractions.apply(x, weight, bias, offset, batch, row, column)


class _LinearFractions(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        offset: Tensor | None,
        batch: Tensor,
        row: Tensor,
        column: Tensor,
    ) -> Tensor:
        features = len(weight)
        fractions = x.new_empty(len(x), features)
        for cells in _blocks(x, features):
            logits = torch.addmm(bias, x[cells], weight.T)
            if offset is not None:
                logits += offset[batch[cells]]
            torch.softmax(logits, 1, out=fractions[cells])
        place = row * features + column
        ctx.save_for_backward(x, weight, batch, row, place)
        # the fractions are used up by the gradient
        ctx.fractions, ctx.batches = fractions, None if offset is None else len(offset)
        # a fraction below the smallest number would be 0
        return fractions.view(-1).index_select(0, place).clamp_(min=1e-37).log_()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), by_logit = gradients, ctx.fractions
        ctx.fractions = None
        x, weight, batch, row, place = ctx.saved_tensors
        total = gradient.new_zeros(len(x)).index_add_(0, row, gradient).neg_()[:, None]
        inputs = torch.cat([x, x.new_ones(len(x), 1)], 1)
        by_x = torch.empty_like(x)
        by_weight = x.new_zeros(inputs.shape[1], len(weight))
        by_offset = None if ctx.batches is None else x.new_zeros(ctx.batches, len(weight))
        blocks = list(_blocks(x, len(weight)))
        ends = torch.searchsorted(row, row.new_tensor([cells.stop for cells in blocks])).tolist()
        for cells, start, end in zip(blocks, [0, *ends], ends, strict=False):
            part = by_logit[cells].mul_(total[cells])
            here = place[start:end] - cells.start * len(weight)
            part.view(-1).index_add_(0, here, gradient[start:end])
            torch.mm(part, weight, out=by_x[cells])
            by_weight.addmm_(inputs[cells].T, part)
            if by_offset is not None:
                by_offset.index_add_(0, batch[cells], part)
        return by_x, by_weight[:-1].T, by_weight[-1], by_offset, None, None, None


def _blocks(x: Tensor, features: int) -> list[slice]:
    size = max(BLOCK // features, ROWS) if x.device.type == "cpu" else len(x)
    return [slice(start, min(start + size, len(x))) for start in range(0, len(x), size)]
