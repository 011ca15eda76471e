"""Layers of the published model after scMVP (Li et al. 2022): gated and attention channels, decoders.

scMVP's batch normalisation is omitted, because it makes a cell's embedding depend on the other cells of its
mini-batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from panscape.coem.entries import SparseInput
from panscape.coem.settings import HEADS
from panscape.training.layers import Dropout

MIN_VARIANCE = 1e-4  # lower bound of the posterior variance


def block(inputs: int, width: int, dropout: float) -> nn.Sequential:
    """Return a fully connected layer with layer normalisation, leaky ReLU and dropout.

    Parameters
    ----------
    inputs, width
        Inputs and outputs of the layer.
    dropout
        Fraction of the outputs dropped in training.
    """
    return nn.Sequential(
        nn.Linear(inputs, width), nn.LayerNorm(width, eps=1e-4), nn.LeakyReLU(), Dropout(dropout)
    )


class Attention(nn.Module):
    """Self-attention among hidden units; units are scalars, so attention scores are not scaled.

    Parameters
    ----------
    width
        Hidden units, a multiple of `heads`.
    heads, dropout
        Heads; fraction of attention weights dropped while training.
    """

    def __init__(self, width: int, heads: int = HEADS, dropout: float = 0.0):
        super().__init__()
        if width % heads:
            raise ValueError(f"{width} hidden units are not a multiple of {heads} heads")
        self.heads, self.drop = heads, Dropout(dropout)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, hidden: Tensor) -> Tensor:
        """Return hidden units of the same shape (cells x width)."""
        shape = (len(hidden), self.heads, -1, 1)
        query, key, value = (layer(hidden).reshape(shape) for layer in (self.query, self.key, self.value))
        weights = self.drop((query @ key.transpose(2, 3)).softmax(-1))
        return (weights @ value).reshape(hidden.shape)


class GatedChannel(nn.Module):
    """Encoder of one modality: a block whose units are gated (RNA) or attend to each other (accessibility).

    Parameters
    ----------
    centre, scale
        Input is transformed to (x - centre) x scale; `centre` is batches x features.
    width, dropout
        Hidden units; fraction of them dropped while training.
    attention
        Use attention instead of the gate.
    """

    def __init__(self, centre: Tensor, scale: float, width: int, dropout: float, *, attention: bool):
        super().__init__()
        features = centre.shape[1]
        self.register_buffer("centre", centre, persistent=False)
        self.scale = scale
        self.hidden = block(features, width, dropout)
        self.attend = Attention(width, dropout=dropout) if attention else None
        self.gate = None if attention else nn.Sequential(
            nn.Linear(features, width), nn.Linear(width, width), nn.Sigmoid()
        )  # fmt: skip

    def forward(self, seen: SparseInput, batch: Tensor) -> Tensor:
        """Return hidden units (cells x width)."""
        x = (seen.dense() - self.centre[batch]) * self.scale
        hidden = self.hidden(x)
        if self.attend is not None:
            return self.attend(hidden)
        assert self.gate is not None
        return hidden * self.gate(x)


class GatedEncoder(nn.Module):
    """Joint encoder: parallel channels, linear layer, layer normalisation, mean and log variance.

    Parameters
    ----------
    channels
        A :class:`GatedChannel` per modality.
    width, extra, dims
        Number of hidden units, of further inputs and of dimensions of z.
    """

    def __init__(self, channels: list[GatedChannel], width: int, extra: int, dims: int):
        super().__init__()
        self.channels = nn.ModuleList(channels)
        self.join = nn.Linear(width * len(channels) + extra, width)
        self.norm = nn.LayerNorm(width, eps=1e-4)
        self.mean, self.spread = nn.Linear(width, dims), nn.Linear(width, dims)

    def forward(
        self, seen: list[SparseInput], shown: Tensor, batch: Tensor, extra: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return mean and log variance lower bound of the posterior variance, each cells x dimensions.

        Parameters
        ----------
        seen
            Encoder input per modality, cells x features.
        shown
            Modalities shown, float, cells x modalities.
        batch
            Batch of each cell.
        extra
            Further inputs, cells x columns.
        """
        parts = [channel(x, batch) for channel, x in zip(self.channels, seen, strict=True)]
        parts = [part * shown[:, [m]] for m, part in enumerate(parts)]
        hidden = self.norm(self.join(torch.cat([*parts, extra], 1)))
        floor = hidden.new_tensor(MIN_VARIANCE).log()
        return self.mean(hidden), torch.logaddexp(self.spread(hidden), floor)


class GatedDecoder(nn.Module):
    """Log fractions of a modality's features: hidden units gated by the prior's component, two linear layers.

    Parameters
    ----------
    profile
        Fraction of each feature in all counts; initial bias of the output.
    dims, width, centroids, batches
        Dimensions of z; hidden units; components of the prior; batches.
    attention
        Apply self-attention to the hidden units before the gate (accessibility).
    """

    def __init__(
        self, profile: Tensor, dims: int, width: int, centroids: int, batches: int, *, attention: bool
    ):
        super().__init__()
        features, self.batches = len(profile), batches
        self.hidden = block(dims + (batches if batches > 1 else 0), width, 0.0)
        self.attend = Attention(width) if attention else None
        self.gate = nn.Sequential(block(centroids, width, 0.0), nn.Sigmoid())
        between = width * (4 if attention else 2)
        self.out = nn.Sequential(nn.Linear(width, between), nn.Linear(between, features))
        self.zeros = nn.Linear(width, features)
        self.log_theta = nn.Parameter(torch.zeros(features))
        with torch.no_grad():
            self.out[1].bias.copy_(profile.log().float())

    def decode(
        self, z: Tensor, batch: Tensor, depth: Tensor, responsibilities: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return log fractions and log-odds of zero inflation, each cells x features.

        Parameters
        ----------
        z
            Latent, cells x dimensions.
        batch
            Batch of each cell.
        depth
            Not used.
        responsibilities
            Responsibilities of the prior's components, cells x components.
        """
        if self.batches > 1:
            z = torch.cat([z, functional.one_hot(batch, self.batches).to(z.dtype)], 1)
        hidden = self.hidden(z)
        if self.attend is not None:
            hidden = self.attend(hidden)
        hidden = hidden * self.gate(responsibilities)
        return self.out(hidden), self.zeros(hidden)

    def penalty(self, variances: Tensor) -> Tensor:
        """Return half the squared weights of the last layer over the largest prior variance."""
        return 0.5 * self.out[1].weight.square().sum() / variances.max()

    def by_depth(self, depth: Tensor) -> Tensor:
        """Return 0: fractions do not depend on depth."""
        return torch.zeros(len(depth), len(self.log_theta), device=depth.device)
