"""Early stopping: lowest held-out loss and the corresponding weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch


class Best:
    """Weights of the lowest held-out loss, of one model or each model of a stack.

    Parameters
    ----------
    patience
        Validations without improvement after which a model stops; 0 never stops.
    min_delta
        Minimum decrease that counts as an improvement.
    """

    def __init__(self, patience: int, min_delta: float = 0.0):
        self.patience, self.min_delta = patience, min_delta
        self.value: torch.Tensor | None = None
        self.waited: torch.Tensor | None = None
        self.weights: dict[str, torch.Tensor] = {}

    def update(self, value: torch.Tensor, weights: Mapping[str, torch.Tensor]) -> None:
        """Update with the result of a validation.

        Parameters
        ----------
        value
            Loss: a scalar, or (M,) for a stack of M models.
        weights
            Tensors of the model, with first dimension M for a stack. Models that have stopped or whose loss
            is NaN are not updated.
        """
        value = value.detach().float().cpu()
        if self.value is None:
            self.value = torch.full_like(value, float("inf"))
            self.waited = torch.zeros_like(value, dtype=torch.int64)
            self.weights = {name: tensor.detach().clone() for name, tensor in weights.items()}
        better = (value < self.value - self.min_delta) & self.active
        self.value = torch.where(better, value, self.value)
        self.waited = torch.where(better, 0, self.waited + self.active)
        for name, tensor in weights.items():
            chosen = better.to(tensor.device)
            if value.ndim:
                chosen = chosen.reshape(-1, *[1] * (tensor.ndim - 1))
            self.weights[name] = torch.where(chosen, tensor.detach(), self.weights[name].to(tensor.device))

    @property
    def active(self) -> torch.Tensor:
        """Mask of models that continue training: a bool scalar, or (M,)."""
        if self.waited is None:
            return torch.tensor(True)
        return (
            self.waited < self.patience if self.patience else torch.ones_like(self.waited, dtype=torch.bool)
        )

    def state(self) -> dict[str, torch.Tensor]:
        """Return the state as named tensors; empty before the first validation."""
        if self.value is None:
            return {}
        return {
            "value": self.value,
            "waited": self.waited,
            **{f"weights.{name}": tensor for name, tensor in self.weights.items()},
        }

    def load_state(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Restore a state that :meth:`state` returned."""
        if not tensors:
            return
        self.value, self.waited = tensors["value"], tensors["waited"]
        start = "weights."
        self.weights = {name[len(start) :]: t for name, t in tensors.items() if name.startswith(start)}
