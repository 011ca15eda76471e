"""Log-likelihood of a modality's counts given log rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from panscape.training.distributions import (
    negative_binomial,
    poisson,
    zero_inflated_negative_binomial,
    zero_inflated_poisson,
)

BY_FRACTION = ("poisson", "bernoulli")  # likelihoods in which zeros enter by the cell's exposure alone
DENSE = "the target is dense"
SPARSE = ("poisson", "bernoulli", "nb")  # likelihoods that are computed from nonzero counts


@dataclass(frozen=True)
class Target:
    """Counts to predict: dense, cells x features, or the positions and values of entries.

    All that are not 0 are among the entries; zeros may be.
    """

    dense: Tensor | None = None
    row: Tensor | None = None
    column: Tensor | None = None
    value: Tensor | None = None


def log_likelihood(kind: str, x: Tensor, log_rate: Tensor, log_theta: Tensor, zero_logit: Tensor) -> Tensor:
    """Return the log-likelihood of each cell in nats (cells,).

    Parameters
    ----------
    kind
        ``"nb"``, ``"zinb"``, ``"poisson"``, ``"zip"`` or ``"bernoulli"``.
    x
        Counts, cells x features.
    log_rate
        Log of the expected count without zero inflation, cells x features.
    log_theta
        Log inverse dispersion per feature (``nb``, ``zinb``).
    zero_logit
        Log-odds of zero inflation per feature (``zip``, ``zinb``).
    """
    rate = log_rate.exp()
    if kind == "bernoulli":
        return open_or_not(x, rate).sum(1)
    if kind == "poisson":
        return poisson(x, rate).sum(1)
    if kind == "nb":
        return negative_binomial(x, rate, log_theta.exp()).sum(1)
    if kind == "zip":
        return zero_inflated_poisson(x, rate, zero_logit.expand_as(x)).sum(1)
    if kind == "zinb":
        return zero_inflated_negative_binomial(x, rate, log_theta.exp(), zero_logit.expand_as(x)).sum(1)
    raise ValueError(f"unknown likelihood {kind!r}")


def open_or_not(x: Tensor, rate: Tensor) -> Tensor:
    """Return log P(x) elementwise for x in {0, 1}, the indicator of a nonzero Poisson count.

    P(1) = 1 - exp(-rate), so that depth scales the rate as it does for counts.
    """
    return x * torch.log(torch.expm1(rate.clamp(1e-8, 60.0))) - rate


def sparse_log_likelihood(
    kind: str, target: Target, logits: Tensor, exposure: Tensor, log_theta: Tensor
) -> Tensor:
    """Return :func:`log_likelihood` for the likelihoods in `SPARSE`, (cells,).

    The rates of a cell are its exposure times fractions and sum to its exposure. Under Poisson, zeros enter
    only through this sum. The negative binomial needs the logarithm of all rates, but the expensive gamma
    functions only at nonzero counts.

    Parameters
    ----------
    target
        Positions and values of nonzero entries.
    logits
        Log fractions up to a constant per cell, cells x features.
    exposure
        Exposure of each cell (cells,).
    log_theta
        Log inverse dispersion per feature (``nb``).
    """
    if target.row is None or target.column is None or target.value is None:
        raise ValueError(DENSE)
    value = target.value
    if kind == "nb" and logits.device.type == "cpu" and logits.dtype == torch.float32:
        # the loops are compiled when a model first needs them
        from panscape.coem.negative_binomial import sparse_negative_binomial

        return sparse_negative_binomial(logits, log_theta, exposure, target.row, target.column, value)
    place = target.row * logits.shape[1] + target.column
    if kind == "nb":
        level = exposure.log() - logits.logsumexp(1)
        log_rate = logits.reshape(-1).gather(0, place) + level[target.row]
        theta = log_theta.exp()
        total = ((logits + level[:, None]).exp() + theta).log()
        rest = (theta * (log_theta - total)).sum(1)
        nonzero_theta = theta[target.column]
        nonzero = value * (log_rate - total.reshape(-1).gather(0, place))
        nonzero = (
            nonzero
            + torch.lgamma(value + nonzero_theta)
            - torch.lgamma(nonzero_theta)
            - torch.lgamma(value + 1)
        )
        return torch.zeros_like(exposure).index_add(0, target.row, nonzero) + rest
    return fraction_log_likelihood(kind, target, _LogFractions.apply(logits, target.row, place), exposure)


def fraction_log_likelihood(kind: str, target: Target, log_fraction: Tensor, exposure: Tensor) -> Tensor:
    """Return the log-likelihood of each cell, given the log fractions of its nonzero entries, (cells,).

    Parameters
    ----------
    kind
        ``"poisson"`` or ``"bernoulli"``.
    target
        Positions and values of nonzero entries.
    log_fraction
        Log fraction of the feature in each entry's cell, (entries,).
    exposure
        Exposure of each cell (cells,).
    """
    if target.row is None or target.value is None:
        raise ValueError(DENSE)
    log_rate = log_fraction + exposure.log()[target.row]
    if kind == "poisson":
        nonzero = target.value * log_rate - torch.lgamma(target.value + 1)
    else:
        # of counts that stay on the device some are 0
        nonzero = torch.log(torch.expm1(log_rate.exp().clamp(1e-8, 60.0))) * (target.value > 0)
    return torch.zeros_like(exposure).index_add(0, target.row, nonzero) - exposure


class _LogFractions(torch.autograd.Function):
    """Logarithms of the softmax over features at some places, (places,).

    The softmax is made once and becomes the gradient in its own memory; both would otherwise be made several
    times over, cells x features each, for the few per cent of places that are looked at.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, row: Tensor, place: Tensor) -> Tensor:
        fractions = logits.softmax(1)
        ctx.fractions, ctx.row, ctx.place = fractions, row, place
        # a fraction below the smallest number would be 0
        return fractions.reshape(-1).index_select(0, place).clamp_(min=1e-37).log_()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,), fractions = gradients, ctx.fractions
        ctx.fractions = None  # used up
        totals = gradient.new_zeros(len(fractions)).index_add_(0, ctx.row, gradient)
        fractions.mul_(-totals[:, None]).view(-1).index_add_(0, ctx.place, gradient)
        return fractions, None, None
