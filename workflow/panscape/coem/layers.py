"""Layers of the default model: encoder channels and decoders."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from panscape.coem.entries import SparseInput
from panscape.coem.linear_fractions import log_fractions
from panscape.training.layers import mlp


class Channel(nn.Module):
    """Encoder of one modality: a projection, initialised at the leading components, and hidden units.

    Parameters
    ----------
    loadings
        Initial weights of the projection, features x components.
    centre, scale
        Input is transformed to (x - centre) x scale; `centre` is batches x features.
    width
        Hidden units.
    dropout
        Fraction of hidden units dropped while training.
    """

    def __init__(self, loadings: Tensor, centre: Tensor, scale: float, width: int, dropout: float):
        super().__init__()
        features, size = loadings.shape
        self.project, self.scale = nn.Linear(features, size), scale
        self.register_buffer("centre", centre, persistent=False)
        with torch.no_grad():
            # stored by feature, so that a sparse input reads whole rows
            self.project.weight = nn.Parameter(loadings.clone(memory_format=torch.contiguous_format).T)
            self.project.bias.zero_()
        self.hidden = mlp([size, width], norm="layer", dropout=dropout)

    def forward(self, x: SparseInput, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Return projection (cells x components) and hidden units (cells x width)."""
        centred = x.times(self.project.weight, self.centre, batch)
        projected = centred * self.scale + self.project.bias
        return projected, self.hidden(projected)


class Decoder(nn.Module):
    """Log fractions of a modality's features up to a constant: linear in z, with an optional hidden layer.

    They are also linear in the cell's log depths, because composition changes with depth; z then need not
    represent depth.

    Parameters
    ----------
    profile
        Fraction of each feature in all counts.
    dims, width
        Dimensions of z; hidden units (0: linear).
    offset
        Initial log ratio of each batch's fractions to the profile, batches x features.
    depths
        Number of depth covariates, one per modality; their weights are the last columns of `weight`.
    """

    def __init__(self, profile: Tensor, dims: int, width: int, offset: Tensor, depths: int = 0):
        super().__init__()
        features = len(profile)
        self.bias = nn.Parameter(profile.log().float())
        self.dims = dims
        weight = torch.cat([0.01 * torch.randn(features, dims), torch.zeros(features, depths)], 1)
        # stored by dimension: the product for its gradient takes half the time of one by feature
        self.weight = nn.Parameter(weight.T.contiguous().T)
        self.offset = nn.Parameter(offset.clone()) if len(offset) > 1 else None
        self.hidden = nn.Sequential(nn.Linear(dims, width), nn.ReLU()) if width else None
        self.hidden_weight = nn.Parameter(0.001 * torch.randn(features, width)) if width else None
        self.log_theta = nn.Parameter(torch.full((features,), 2.0))
        self.zero_logit = nn.Parameter(torch.full((features,), -3.0))

    def forward(self, z: Tensor, batch: Tensor, depth: Tensor) -> Tensor:
        """Return unnormalised log fractions, cells x features; the softmax over features gives fractions.

        `depth` are the cells' standardised log depths, cells x modalities.

        Parameters
        ----------
        z
            Latent, cells x dimensions.
        batch
            Batch of each cell.
        depth
            Standardised log depths, cells x modalities.
        """
        out = functional.linear(torch.cat([z, depth], 1), self.weight, self.bias)
        if self.hidden is not None:
            out = out + functional.linear(self.hidden(z), self.hidden_weight)
        if self.offset is not None:
            out = out + self.offset[batch]
        return out

    def decode(
        self, z: Tensor, batch: Tensor, depth: Tensor, responsibilities: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return log fractions (cells x features) and log-odds of zero inflation (features,).

        Parameters
        ----------
        z, batch, depth
            See :meth:`forward`.
        responsibilities
            Responsibilities of the prior's components, cells x components; used by decoders conditioned on
            them.
        """
        return self(z, batch, depth), self.zero_logit

    @property
    def linear(self) -> bool:
        """Return whether log fractions are linear in z."""
        return self.hidden is None

    def log_fractions(self, z: Tensor, batch: Tensor, depth: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """Return the log fractions of some features of some cells, (entries,); of a linear decoder.

        Parameters
        ----------
        z, batch, depth
            See :meth:`forward`.
        row, column
            Cell and feature of each entry, by rising cell.
        """
        x = torch.cat([z, depth], 1)
        return log_fractions(x, self.weight, self.bias, self.offset, batch, row, column)

    def penalty(self, variances: Tensor) -> Tensor:
        """Return the negative log prior of the weights, up to a constant.

        `variances` (inputs,) are the prior variances, one per column of `weight`.
        """
        total = _Shrinkage.apply(self.weight, variances)
        if self.offset is not None:
            total = total + self.offset.square().sum()
        if self.hidden_weight is not None:
            total = total + self.hidden_weight.square().sum() / variances[: self.dims].max()
        return 0.5 * total

    def by_depth(self, depth: Tensor) -> Tensor:
        """Return the part of the log fractions that depends on depth, cells x features."""
        return functional.linear(depth, self.weight[:, self.dims :])


class _Shrinkage(torch.autograd.Function):
    """Sum of squared weights over their column's variance, with one product for its gradient."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, variances: Tensor) -> Tensor:
        ctx.save_for_backward(weight, variances)
        return (weight.square().sum(0) / variances).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        weight, variances = ctx.saved_tensors
        return weight * (2 * gradients[0] / variances), None
