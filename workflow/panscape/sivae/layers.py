"""Layers of a stack of independent networks: the first dimension of every parameter is the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

MIN_SD = 1e-3  # keeps the log-likelihood finite, also in half precision


class Linear(nn.Module):
    """M affine maps, (M, n, inputs) -> (M, n, outputs).

    Parameters
    ----------
    models, inputs, outputs
        Sizes.
    start
        Initialisation of the weights, ``"xavier"`` normal or ``"zero"``; biases are 0.
    """

    def __init__(self, models: int, inputs: int, outputs: int, start: str = "xavier"):
        super().__init__()
        self.start = start
        self.weight = nn.Parameter(torch.zeros(models, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(models, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Apply each model's affine map."""
        return torch.baddbmm(self.bias, x, self.weight)

    def draw(self, model: int, generator: torch.Generator, inputs: int | None = None) -> None:
        """Draw the starting weights of one model.

        Parameters
        ----------
        model
            Position of the model in the stack.
        generator
            Random number generator of the model, so that weights do not depend on other models.
        inputs
            Number of inputs that the model uses; the others are padding, with weights of 0.
        """
        if self.start == "zero":
            return
        rows, outputs = inputs or self.weight.shape[1], self.weight.shape[2]
        scale = math.sqrt(2 / (rows + outputs))
        with torch.no_grad():
            self.weight[model, :rows] = torch.randn(rows, outputs, generator=generator) * scale


class Layers(nn.Module):
    """Fully connected layers: ReLU after the first `relus`, none after the others."""

    def __init__(self, models: int, sizes: Sequence[int], relus: int | None = None):
        super().__init__()
        pairs = list(pairwise(sizes))
        self.relus = len(pairs) if relus is None else relus
        self.layers = nn.ModuleList(Linear(models, before, after) for before, after in pairs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the last layer's values."""
        return self.after_first(self.layers[0](x))

    def after_first(self, x: Tensor) -> Tensor:
        """Return the last layer's values, given those of the first before its ReLU."""
        for number, layer in enumerate(self.layers):
            x = layer(x) if number else x
            if number < self.relus:
                x = functional.relu(x)
        return x

    def draw(self, model: int, generator: torch.Generator, inputs: int | None = None) -> None:
        """Draw the starting weights of one model.

        Parameters
        ----------
        model
            Position of the model in the stack.
        generator
            Random number generator of the model.
        inputs
            Number of inputs that the model uses; the others are padding, with weights of 0.
        """
        for number, layer in enumerate(self.layers):
            layer.draw(model, generator, inputs if number == 0 else None)

    def kernels(self) -> list[Tensor]:
        """Return the weights that are penalised."""
        return [layer.weight for layer in self.layers]


class Encoder(nn.Module):
    """Hidden layers and two heads: mean and standard deviation of a diagonal Gaussian posterior.

    The standard deviation is initially ln 2. With a `shortcut` (skip connection) a linear map of the input is
    added to the mean, and the contribution of the hidden layers is initially 0.
    """

    def __init__(self, models: int, inputs: int, hidden: Sequence[int], latent: int, shortcut: bool = False):
        super().__init__()
        self.hidden = Layers(models, [inputs, *hidden])
        self.mean = Linear(models, hidden[-1], latent, start="zero" if shortcut else "xavier")
        self.sd = Linear(models, hidden[-1], latent, start="zero")
        self.direct = Linear(models, inputs, latent, start="zero") if shortcut else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation, (M, n, K) each."""
        if self.direct is None:
            deep = self.hidden(x)
            mean = self.mean(deep)
        else:
            # one product for all maps of the wide input
            first = self.hidden.layers[0]
            maps = torch.cat([first.weight, self.direct.weight], dim=2)
            both = torch.baddbmm(torch.cat([first.bias, self.direct.bias], dim=2), x, maps)
            deep, straight = both.split([first.weight.shape[2], self.direct.weight.shape[2]], dim=2)
            deep = self.hidden.after_first(deep)
            mean = self.mean(deep) + straight
        return mean, functional.softplus(self.sd(deep)) + MIN_SD

    def draw(self, model: int, generator: torch.Generator, inputs: int | None = None) -> None:
        """Draw the starting weights of one model.

        Parameters
        ----------
        model
            Position of the model in the stack.
        generator
            Random number generator of the model.
        inputs
            Number of inputs that the model uses; the others are padding, with weights of 0.
        """
        self.hidden.draw(model, generator, inputs)
        self.mean.draw(model, generator)

    @torch.no_grad()
    def start_at(self, model: int, weights: Tensor, sd: Tensor) -> None:
        """Initialise the skip connection of one model and its standard deviations.

        Parameters
        ----------
        model
            Position of the model in the stack.
        weights
            Linear map, inputs x K.
        sd
            Standard deviations of the posterior, (K,), positive.
        """
        assert self.direct is not None, "only encoders with a skip connection have a linear part"
        self.direct.weight[model, : len(weights)] = weights
        self.sd.bias[model, 0] = inverse_softplus(sd)


def inverse_softplus(values: Tensor) -> Tensor:
    """Return the inverse of softplus at positive `values`."""
    return values + torch.log(-torch.expm1(-values.clamp(min=MIN_SD)))
