"""Elementwise log-probabilities of counts, and KL divergence of Gaussian posteriors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-8  # a rate of 0 would give observed counts probability 0


def normal_kl(mean: Tensor, sd: Tensor) -> Tensor:
    """Return KL(N(mean, sd^2) || N(0, 1)) in nats, elementwise; sd > 0."""
    return 0.5 * (mean.square() + sd.square() - 1) - sd.log()


def poisson(x: Tensor, rate: Tensor) -> Tensor:
    """Return log P(x) of counts `x` under Poisson(rate), rate >= 0."""
    return x * (rate + EPSILON).log() - rate - torch.lgamma(x + 1)


def negative_binomial(x: Tensor, mean: Tensor, theta: Tensor) -> Tensor:
    """Return log P(x) of counts under a negative binomial with variance mean + mean^2 / theta.

    Parameters
    ----------
    x
        Counts, >= 0.
    mean
        Mean, >= 0, broadcast to `x`.
    theta
        Inverse dispersion, > 0, broadcast to `x`; the limit of large values is a Poisson distribution.

    Returns
    -------
    Natural logarithms of the probabilities, elementwise.
    """
    total = (theta + mean + EPSILON).log()
    return (
        theta * ((theta + EPSILON).log() - total)
        + x * ((mean + EPSILON).log() - total)
        + torch.lgamma(x + theta)
        - torch.lgamma(theta)
        - torch.lgamma(x + 1)
    )


def bernoulli(x: Tensor, logit: Tensor) -> Tensor:
    """Return log P(x) of x in {0, 1}, whose log-odds of 1 are `logit`."""
    return -functional.binary_cross_entropy_with_logits(logit, x, reduction="none")


def zero_inflated_poisson(x: Tensor, rate: Tensor, logit: Tensor) -> Tensor:
    """Return log P(x) of counts under a Poisson distribution with extra zeros.

    Parameters
    ----------
    x
        Counts, >= 0.
    rate
        Rate of the Poisson distribution, >= 0, broadcast to `x`.
    logit
        Log-odds of an extra zero, broadcast to `x`.

    Returns
    -------
    Natural logarithms of the probabilities, elementwise.
    """
    return _inflated(x, poisson(x, rate), -rate, logit)


def zero_inflated_negative_binomial(x: Tensor, mean: Tensor, theta: Tensor, logit: Tensor) -> Tensor:
    """Return log P(x) of counts under a negative binomial with extra zeros.

    Parameters
    ----------
    x
        Counts, >= 0.
    mean, theta
        Mean and inverse dispersion, as in :func:`negative_binomial`.
    logit
        Log-odds of an extra zero, broadcast to `x`.

    Returns
    -------
    Natural logarithms of the probabilities, elementwise.
    """
    zero = theta * ((theta + EPSILON).log() - (theta + mean + EPSILON).log())
    return _inflated(x, negative_binomial(x, mean, theta), zero, logit)


def _inflated(x: Tensor, log_probability: Tensor, log_zero: Tensor, logit: Tensor) -> Tensor:
    kept = functional.logsigmoid(-logit)
    extra = functional.logsigmoid(logit)
    return torch.where(x > 0, kept + log_probability, torch.logaddexp(extra, kept + log_zero))
