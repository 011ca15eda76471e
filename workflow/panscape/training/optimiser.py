"""PyTorch's AdamW without what its class imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor


class AdamW:
    """PyTorch's AdamW (Loshchilov and Hutter 2019), called as a function.

    Making an object of PyTorch's own class imports its compiler, which takes 75 MB and over a second in every
    job and is not used here; the function that does the steps is the same.

    Parameters
    ----------
    groups
        Mappings with `params` and `weight_decay` (share of a weight that is lost in a step, times the
        learning rate).
    learning_rate
        Of all groups; ``param_groups[i]["lr"]`` may be set anew before each step.
    """

    def __init__(self, groups: Iterable[Mapping[str, Any]], learning_rate: float):
        self.param_groups = [
            {"params": list(group["params"]), "weight_decay": group["weight_decay"], "lr": learning_rate}
            for group in groups
        ]
        self._state: dict[int, dict[str, Tensor]] = {}

    def _numbered(self):
        """Yield each group with its parameters and their numbers, which go on from group to group."""
        start = 0
        for group in self.param_groups:
            yield group, list(enumerate(group["params"], start))
            start += len(group["params"])

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters that have a gradient."""
        from torch.optim.adamw import adamw

        for group, parameters in self._numbered():
            used = [(number, parameter) for number, parameter in parameters if parameter.grad is not None]
            for number, parameter in used:
                if number not in self._state:
                    self._state[number] = {
                        "step": torch.zeros(()),
                        "exp_avg": torch.zeros_like(parameter),
                        "exp_avg_sq": torch.zeros_like(parameter),
                    }
            states = [self._state[number] for number, _ in used]
            if not used:
                continue
            adamw(
                [parameter for _, parameter in used],
                [parameter.grad for _, parameter in used],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                [state["step"] for state in states],
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=1e-8,
                maximize=False,
            )

    def state_dict(self) -> dict[str, Any]:
        """Return what the next steps depend on, as PyTorch's optimisers do."""
        return {"state": self._state, "param_groups": []}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`state_dict` returned."""
        devices = {number: p.device for _, part in self._numbered() for number, p in part}
        self._state = {
            number: {
                name: value if name == "step" else value.to(devices[number]) for name, value in values.items()
            }
            for number, values in state["state"].items()
        }
