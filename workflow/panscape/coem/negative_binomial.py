"""Log-likelihood of sparse counts under negative binomials, with its gradient, for the CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from panscape.coem.entry_kernels import negative_binomial_counts, negative_binomial_gradients


def sparse_negative_binomial(
    logits: Tensor, log_theta: Tensor, exposure: Tensor, row: Tensor, column: Tensor, value: Tensor
) -> Tensor:
    """Return the log-likelihood of each cell in nats, float32 (cells,), on the CPU.

    Automatic differentiation keeps and passes over a dozen matrices of cells x features, and takes three
    gamma functions of every count; here it is three matrices, and a loop over the counts that are not 0.

    Parameters
    ----------
    logits
        Log fractions up to a constant per cell, float32, cells x features.
    log_theta
        Log inverse dispersion of each feature, float32.
    exposure
        Sum of the rates of each cell, float32 (cells,).
    row, column, value
        Cell, feature (int64) and count (float32) of each entry that is not 0.

    Examples
    --------
    >>> none = torch.zeros(0, dtype=torch.int64)
    >>> zero = torch.zeros(1, 1)
    >>> sparse_negative_binomial(zero, zero[0], torch.ones(1), none, none, none.float()).exp()
    tensor([0.5000])
    """
    return _NegativeBinomial.apply(logits, log_theta, exposure, row, column, value)


class _NegativeBinomial(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        log_theta: Tensor,
        exposure: Tensor,
        row: Tensor,
        column: Tensor,
        value: Tensor,
    ) -> Tensor:
        level = exposure.log() - logits.logsumexp(1)
        rate = (logits + level[:, None]).exp_()
        theta = log_theta.exp()
        part = rate / theta
        excess = part.log1p()
        part.div_(part + 1)
        entries = [tensor.detach().numpy() for tensor in (row, column, value)]
        given = [tensor.detach().contiguous().numpy() for tensor in (logits, level, log_theta, excess)]
        by_cell, slope = negative_binomial_counts(*entries, *given)
        ctx.entries, ctx.slope = entries, slope
        ctx.save_for_backward(rate, part, excess, theta, exposure)
        return torch.from_numpy(by_cell).to(logits.dtype) - excess @ theta

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rate, part, excess, theta, exposure = ctx.saved_tensors
        upstream = gradients[0].contiguous()
        by_logit = (part * theta).mul_(-upstream[:, None])
        by_theta = theta * (upstream @ part - upstream @ excess)
        row, column, value = ctx.entries
        negative_binomial_gradients(
            row, column, value, ctx.slope, part.numpy(), upstream.numpy(), by_logit.numpy(), by_theta.numpy()
        )
        # the rates of a cell sum to its exposure, whatever the logits
        by_logit.addcmul_(rate, (-by_logit.sum(1) / exposure)[:, None])
        return by_logit, by_theta, None, None, None, None
