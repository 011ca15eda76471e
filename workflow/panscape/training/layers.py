"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from panscape.training.noise import dropout


class Dropout(nn.Dropout):
    """Dropout whose masks have equal bits on every device (:class:`panscape.training.noise.Draws`)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the values, some of them 0 in training."""
        return dropout(x, self.p, self.training)


def mlp(
    sizes: Sequence[int],
    *,
    norm: str | None = None,
    dropout: float | Sequence[float] = 0.0,
    last_linear: bool = False,
) -> nn.Sequential:
    """Return fully connected layers with ReLU, Xavier weights and zero biases.

    Parameters
    ----------
    sizes
        Widths of the input and of each layer.
    norm
        Normalisation before each ReLU: ``"layer"``, ``"batch"`` or None.
    dropout
        Dropout probability after each ReLU, one for all or one per ReLU.
    last_linear
        Omit normalisation, ReLU and dropout after the last layer.
    """
    norms = {None: None, "layer": nn.LayerNorm, "batch": nn.BatchNorm1d}
    if norm not in norms:
        raise ValueError(f"norm {norm!r}: 'layer', 'batch' or None")
    count = len(sizes) - 1 - last_linear
    shares = [dropout] * count if isinstance(dropout, int | float) else list(dropout)
    if len(shares) != count:
        raise ValueError(f"{len(shares)} dropout probabilities for {count} ReLUs")
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(pairwise(sizes), start=2):
        linear = nn.Linear(before, after)
        nn.init.xavier_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers.append(linear)
        if last_linear and number == len(sizes):
            break
        if norms[norm]:
            layers.append(norms[norm](after))
        layers.append(nn.ReLU())
        if shares[number - 2]:
            layers.append(Dropout(shares[number - 2]))
    return nn.Sequential(*layers)
