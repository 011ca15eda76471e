"""Names, seeds and digests of the state of training runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import sparse

from panscape import seeds

if TYPE_CHECKING:
    from panscape.training.optimiser import AdamW


def generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator of a named stream, for noise that is the same on every device."""
    return torch.Generator().manual_seed(seeds.derive(seed, *names))


def with_prefix(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors with `prefix` and a dot before their names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors that :func:`with_prefix` named, without the prefix."""
    start = prefix + "."
    return {name[len(start) :]: tensor for name, tensor in tensors.items() if name.startswith(start)}


def optimiser_state(optimiser: torch.optim.Optimizer | AdamW) -> dict[str, torch.Tensor]:
    """Return an optimiser's state as named tensors (`<parameter number>.<name>`).

    Learning rates and other settings are not part of it: schedules compute them from the step number.
    """
    return {
        f"{number}.{name}": torch.as_tensor(value)
        for number, values in optimiser.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def load_optimiser_state(
    optimiser: torch.optim.Optimizer | AdamW, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Restore a state that :func:`optimiser_state` returned, in an optimiser of the same parameters."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = tensor.clone()
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def digest(*values: Any) -> str:
    """Return a digest of a sequence of arrays, sparse matrices, tensors, strings and numbers."""
    hashed = hashlib.sha256()
    for value in values:
        if sparse.issparse(value):
            parts = [np.asarray(value.shape), value.indptr, value.indices, value.data]
        elif isinstance(value, torch.Tensor):
            parts = [value.detach().cpu().numpy()]
        else:
            parts = [value]
        for part in parts:
            array = part if isinstance(part, np.ndarray) else None
            if array is not None and array.dtype.kind not in "OU":
                hashed.update(f"{array.dtype.str}{array.shape}".encode())
                hashed.update(np.ascontiguousarray(array).data)
            else:
                text = part if array is None else array.tolist()
                hashed.update(f"{text!r}\x1f".encode())
    return hashed.hexdigest()[:32]
