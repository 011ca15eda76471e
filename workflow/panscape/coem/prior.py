"""Prior of the latent space: a standard Gaussian or a mixture of diagonal Gaussians."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

LOWEST, HIGHEST = -10.0, 4.0  # bounds of log variances


class Prior(nn.Module):
    """Mixture of diagonal Gaussians over z; a standard Gaussian until initialised.

    Parameters
    ----------
    centroids
        Number of Gaussians; with 1 the prior stays standard.
    dims
        Dimensions of z.
    assigned
        Compute the divergence of z and the component jointly (VaDE, as in scMVP) instead of z alone. It is an
        upper bound of the divergence of z.
    """

    def __init__(self, centroids: int, dims: int, *, assigned: bool = False):
        super().__init__()
        self.assigned = assigned
        self.logits = nn.Parameter(torch.zeros(centroids))
        self.means = nn.Parameter(torch.zeros(centroids, dims))
        self.log_variances = nn.Parameter(torch.zeros(centroids, dims))
        self.register_buffer("started", torch.tensor(False))
        self._mixed: bool | None = None  # `started` without a look at the device

    @property
    def mixed(self) -> bool:
        """Whether the mixture has been initialised."""
        if self._mixed is None:
            self._mixed = bool(self.started)
        return self._mixed

    def _load_from_state_dict(self, *given: Any) -> None:
        super()._load_from_state_dict(*given)
        self._mixed = None

    def start(self, means: Tensor, variances: Tensor, fractions: Tensor) -> None:
        """Initialise the mixture.

        Parameters
        ----------
        means, variances
            Means and variances of the components, centroids x dimensions.
        fractions
            Weights of the components; they sum to 1.
        """
        with torch.no_grad():
            self.means.copy_(means)
            self.log_variances.copy_(variances.log().clamp(LOWEST, HIGHEST))
            self.logits.copy_(fractions.log())
            self.started.fill_(True)
            self._mixed = True

    def log_joint(self, z: Tensor) -> Tensor:
        """Return log p(z, c), cells x centroids."""
        log_variances = self.log_variances.clamp(LOWEST, HIGHEST)
        distance = (z[:, None, :] - self.means).square() * (-log_variances).exp() + log_variances
        return self.logits.log_softmax(0) - 0.5 * (distance + math.log(2 * math.pi)).sum(-1)

    def responsibilities(self, z: Tensor) -> Tensor:
        """Return p(c | z), cells x centroids; rows sum to 1."""
        return self.log_joint(z).softmax(1)

    def divergence(
        self, mean: Tensor, log_variance: Tensor, z: Tensor, label: Tensor | None = None
    ) -> Tensor:
        """Return KL(N(mean, variance) || prior) in nats per cell (cells,), for training.

        In closed form for the standard Gaussian and for given components `label`. For the mixture, an
        unbiased estimate from one posterior draw `z`; at any other z, such as the mean, the formula is not a
        divergence. :meth:`expected_divergence` averages over many draws.

        Parameters
        ----------
        mean, log_variance
            Means and log variances of the posteriors, cells x dimensions.
        z
            One draw from the posteriors, cells x dimensions.
        label
            Component of each cell, where it is given.
        """
        if not self.mixed:
            return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        if label is not None:
            return self._from_each(mean, log_variance).gather(1, label[:, None])[:, 0]
        if self.assigned:
            return self._with_component(mean, log_variance, self.responsibilities(z))
        posterior = -0.5 * (
            (z - mean).square() * (-log_variance).exp() + log_variance + math.log(2 * math.pi)
        ).sum(1)
        return posterior - self.log_joint(z).logsumexp(1)

    def expected_divergence(
        self, mean: Tensor, log_variance: Tensor, noise: Tensor, label: Tensor | None = None
    ) -> Tensor:
        """Return KL(N(mean, variance) || prior) in nats per cell (cells,), for evaluation.

        The divergence from a mixture has no closed form. With r(z) = p(c | z) and any fixed weights w of the
        components, log p(z) = sum_c w_c (log p(z, c) - log r_c(z)). The expectation of the first term is
        computed in closed form, that of the second by averaging over draws. With w = r(mean) the result is
        exact for a single Gaussian or a well-separated component.

        Parameters
        ----------
        mean, log_variance
            Means and log variances of the posteriors, cells x dimensions.
        noise
            Standard normal draws, draws x cells x dimensions; each is used with both signs.
        label
            Known component of each cell; the divergence is then from this component.
        """
        if not self.mixed or label is not None:
            return self.divergence(mean, log_variance, mean, label)
        spread = (0.5 * log_variance).exp()
        draws = [mean + sign * spread * one for one in noise for sign in (1.0, -1.0)]
        if self.assigned:
            weights = sum(self.responsibilities(z) for z in draws) / len(draws)
            return self._with_component(mean, log_variance, weights)
        weight = self.responsibilities(mean)
        unclear = sum((weight * self.log_joint(z).log_softmax(1)).sum(1) for z in draws) / len(draws)
        from_each = self._from_each(mean, log_variance) - self.logits.log_softmax(0)
        return (weight * from_each).sum(1) + unclear

    def _from_each(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Return the divergence from each component, cells x centroids."""
        spread = self.log_variances.clamp(LOWEST, HIGHEST)
        mean, log_variance = mean[:, None, :], log_variance[:, None, :]
        apart = ((mean - self.means).square() + log_variance.exp()) * (-spread).exp()
        return 0.5 * (apart - 1 + spread - log_variance).sum(2)

    def _with_component(self, mean: Tensor, log_variance: Tensor, weights: Tensor) -> Tensor:
        """Return KL(q(z) q(c) || p(z, c)), q(c) = `weights` (cells x centroids)."""
        # the logarithm of a weight that is 0 has no finite gradient
        choice = weights * (weights.clamp(min=1e-30).log() - self.logits.log_softmax(0))
        return (weights * self._from_each(mean, log_variance) + choice).sum(1)
