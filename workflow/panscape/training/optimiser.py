"""AdamW without the heavy imports of PyTorch's optimiser class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor


class AdamW:
    """AdamW optimiser (Loshchilov and Hutter 2019), by PyTorch's functional interface.

    PyTorch's optimiser class imports the compiler, which takes 75 MB and over a second in every job and is
    not used here; the update function is the same. Without weight decay this is Adam (Kingma and Ba 2015).

    Parameters
    ----------
    groups
        Parameter groups: mappings with `params` and `weight_decay`.
    learning_rate
        Learning rate of all groups; ``param_groups[i]["lr"]`` may be changed before each step.
    foreach, fused
        Whether to use PyTorch's implementations for many parameters at once (`fused`: in one kernel). By
        default PyTorch chooses.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> optimiser = AdamW([{"params": [weight], "weight_decay": 0.0}], learning_rate=0.1)
    >>> weight.square().sum().backward()
    >>> optimiser.step()
    >>> weight.detach()
    tensor([0.9000, 0.9000])
    """

    def __init__(
        self,
        groups: Iterable[Mapping[str, Any]],
        learning_rate: float,
        *,
        foreach: bool | None = None,
        fused: bool | None = None,
    ):
        self._foreach, self._fused = foreach, fused
        self.param_groups = [
            {"params": list(group["params"]), "weight_decay": group["weight_decay"], "lr": learning_rate}
            for group in groups
        ]
        self._state: dict[int, dict[str, Tensor]] = {}

    def _numbered(self):
        """Yield each group with its parameters and their consecutive numbers over all groups."""
        start = 0
        for group in self.param_groups:
            yield group, list(enumerate(group["params"], start))
            start += len(group["params"])

    def zero_grad(self) -> None:
        """Set the gradients to None."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update all parameters that have a gradient."""
        from torch.optim.adamw import adamw

        for group, parameters in self._numbered():
            used = [(number, parameter) for number, parameter in parameters if parameter.grad is not None]
            for number, parameter in used:
                if number not in self._state:
                    self._state[number] = {
                        "step": torch.zeros((), device=self._step_device(parameter)),
                        "exp_avg": torch.zeros_like(parameter),
                        "exp_avg_sq": torch.zeros_like(parameter),
                    }
            states = [self._state[number] for number, _ in used]
            if not used:
                continue
            pairs = list(zip(used, states, strict=True))
            adamw(
                [_as_stored(parameter, parameter) for _, parameter in used],
                [_as_stored(parameter.grad, parameter) for _, parameter in used],
                [_as_stored(state["exp_avg"], parameter) for (_, parameter), state in pairs],
                [_as_stored(state["exp_avg_sq"], parameter) for (_, parameter), state in pairs],
                [],
                [state["step"] for state in states],
                foreach=self._foreach,
                fused=self._fused,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=1e-8,
                maximize=False,
            )

    def _step_device(self, parameter: Tensor) -> torch.device:
        """Return the device of the step counter: that of the parameter if the kernel reads it there."""
        return parameter.device if self._fused else torch.device("cpu")

    def state_dict(self) -> dict[str, Any]:
        """Return the state in the form of PyTorch's optimisers."""
        return {"state": self._state, "param_groups": []}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state that :meth:`state_dict` returned."""
        parameters = {number: p for _, part in self._numbered() for number, p in part}
        self._state = {
            number: {name: self._placed(value, name, parameters[number]) for name, value in values.items()}
            for number, values in state["state"].items()
        }

    def _placed(self, value: Tensor, name: str, parameter: Tensor) -> Tensor:
        """Return a loaded value on its device and, where it has one per weight, stored as the weights are."""
        if name == "step":
            return value.to(self._step_device(parameter))
        return torch.empty_like(parameter).copy_(value)


def _as_stored(tensor: Tensor, parameter: Tensor) -> Tensor:
    """Return a tensor, or its transpose where the parameter is stored by column; the update copies others."""
    stored = parameter.is_contiguous() or parameter.ndim != 2 or not parameter.t().is_contiguous()
    return tensor if stored else tensor.t()
