"""What the model is built of: channels of the encoder, prior of the latent, decoder of a modality."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from panscape.training import mlp

LOWEST, HIGHEST = -10.0, 4.0  # bounds of log variances


class Attention(nn.Module):
    """Attention among groups of hidden units, as in scMVP's ATAC channel, but scaled and residual."""

    def __init__(self, width: int, heads: int = 8):
        super().__init__()
        self.heads = math.gcd(heads, width)
        self.mix = nn.Linear(width, 3 * width)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return hidden units of the same shape (cells x width)."""
        query, key, value = self.mix(hidden).reshape(len(hidden), 3, self.heads, -1).unbind(1)
        scores = query.unsqueeze(-1) * key.unsqueeze(-2) / math.sqrt(query.shape[-1])  # cells x heads x t x t
        return hidden + (scores.softmax(-1) @ value.unsqueeze(-1)).reshape(hidden.shape)


class Channel(nn.Module):
    """Encoder of one modality: a projection, which starts at the leading components, and hidden units.

    Parameters
    ----------
    loadings
        Start of the projection, features x components.
    centre, scale
        What the projection sees is (x - centre) x scale; `centre` has a row per batch, batches x features.
    width
        Hidden units.
    kind
        ``"mlp"``, ``"gate"`` (hidden units times a sigmoid gate) or ``"attention"``.
    dropout
        Share of hidden units dropped while training.
    """

    def __init__(self, loadings: Tensor, centre: Tensor, scale: float, width: int, kind: str, dropout: float):
        super().__init__()
        features, size = loadings.shape
        self.project, self.scale = nn.Linear(features, size), scale
        self.register_buffer("centre", centre, persistent=False)
        with torch.no_grad():
            self.project.weight.copy_(loadings.T)
            self.project.bias.zero_()
        self.hidden = mlp([size, width], norm="layer", dropout=dropout)
        self.gate = nn.Sequential(nn.Linear(size, width), nn.Sigmoid()) if kind == "gate" else None
        self.attend = Attention(width) if kind == "attention" else None

    def forward(self, x: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Return projection (cells x components) and hidden units (cells x width)."""
        # the mean is projected once per batch instead of being taken from every cell
        middle = functional.linear(self.centre, self.project.weight)[batch]
        projected = (functional.linear(x, self.project.weight) - middle) * self.scale + self.project.bias
        hidden = self.hidden(projected)
        if self.gate is not None:
            hidden = hidden * self.gate(projected)
        if self.attend is not None:
            hidden = self.attend(hidden)
        return projected, hidden


class Prior(nn.Module):
    """Mixture of diagonal Gaussians over z; one standard Gaussian until it is started.

    Parameters
    ----------
    centroids
        Number of Gaussians; 1 stays the standard one.
    dims
        Dimensions of z.
    """

    def __init__(self, centroids: int, dims: int):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(centroids))
        self.means = nn.Parameter(torch.zeros(centroids, dims))
        self.log_variances = nn.Parameter(torch.zeros(centroids, dims))
        self.register_buffer("started", torch.tensor(False))

    def start(self, means: Tensor, variances: Tensor, shares: Tensor) -> None:
        """Begin as the given mixture."""
        with torch.no_grad():
            self.means.copy_(means)
            self.log_variances.copy_(variances.log().clamp(LOWEST, HIGHEST))
            self.logits.copy_(shares.log())
            self.started.fill_(True)

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
        """Return KL(N(mean, variance) || prior) in nats per cell (cells,).

        In closed form while the prior is the standard Gaussian, and for given components `label`; by the
        sample `z` of the posterior for the mixture.
        """
        if not bool(self.started):
            return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        if label is not None:
            centre, spread = self.means[label], self.log_variances.clamp(LOWEST, HIGHEST)[label]
            apart = ((mean - centre).square() + log_variance.exp()) * (-spread).exp()
            return 0.5 * (apart - 1 + spread - log_variance).sum(1)
        posterior = -0.5 * (
            (z - mean).square() * (-log_variance).exp() + log_variance + math.log(2 * math.pi)
        ).sum(1)
        return posterior - self.log_joint(z).logsumexp(1)


class Decoder(nn.Module):
    """Log shares of a modality's features, up to a constant: linear in z, with a hidden layer if asked for.

    They are also linear in the cell's log depths, because what is captured of a cell changes with how much is
    captured: what depth tells, z need not.

    Parameters
    ----------
    profile
        Share of each feature in all counts.
    dims, width
        Dimensions of z; hidden units (0: linear).
    offset
        Log shares of each batch over the profile, batches x features; where they begin.
    depths
        Number of modalities whose depth enters; its weights are the last columns of `weight`.
    """

    def __init__(self, profile: Tensor, dims: int, width: int, offset: Tensor, depths: int = 0):
        super().__init__()
        features = len(profile)
        self.bias = nn.Parameter(profile.log().float())
        self.dims = dims
        self.weight = nn.Parameter(
            torch.cat([0.01 * torch.randn(features, dims), torch.zeros(features, depths)], 1)
        )
        self.offset = nn.Parameter(offset.clone()) if len(offset) > 1 else None
        self.hidden = nn.Sequential(nn.Linear(dims, width), nn.ReLU()) if width else None
        self.hidden_weight = nn.Parameter(0.001 * torch.randn(features, width)) if width else None
        self.log_theta = nn.Parameter(torch.full((features,), 2.0))
        self.zero_logit = nn.Parameter(torch.full((features,), -3.0))

    def forward(self, z: Tensor, batch: Tensor, depth: Tensor) -> Tensor:
        """Return unnormalised log shares, cells x features; their softmax over features are the shares.

        `depth` are the cells' standardised log depths, cells x modalities.
        """
        out = functional.linear(torch.cat([z, depth], 1), self.weight, self.bias)
        if self.hidden is not None:
            out = out + functional.linear(self.hidden(z), self.hidden_weight)
        if self.offset is not None:
            out = out + self.offset[batch]
        return out

    def by_depth(self, depth: Tensor) -> Tensor:
        """Return the part of the log shares that depth tells, cells x features."""
        return functional.linear(depth, self.weight[:, self.dims :])
