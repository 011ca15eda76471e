"""Checkpoints, from which killed jobs resume training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from panscape.log import logger
from panscape.training.weights import read_weights, write_weights


class Checkpoint:
    """Latest saved state of a training run.

    Parameters
    ----------
    folder
        Folder of the state, created at the first save. It must not be an output of a rule, which Snakemake
        deletes after failures.
    identity
        JSON-serialisable description of the data (digests) and settings. States of another identity are
        stale: they are not loaded, and the next save replaces them.
    """

    NAME = "checkpoint.safetensors"

    def __init__(self, folder: str | Path, identity: Mapping[str, Any]):
        self.path = Path(folder) / self.NAME
        # round trip through JSON, so that tuples and lists compare equal
        self._identity = json.loads(json.dumps(dict(identity), sort_keys=True))

    def load(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return the saved tensors and mapping, or None without a state of this identity."""
        if not self.path.exists():
            return None
        try:
            tensors, meta = read_weights(self.path)
        except ValueError as error:
            logger.warning("starting anew: %s", error)
            return None
        other = meta["identity"]
        if other != self._identity:
            changed = sorted(
                key for key in {*other, *self._identity} if other.get(key) != self._identity.get(key)
            )
            logger.warning("starting from scratch: the checkpoint is of another %s", ", ".join(changed))
            return None
        return tensors, meta["state"]

    def save(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Replace the saved state."""
        write_weights(self.path, tensors, {"identity": self._identity, "state": dict(state)})

    def remove(self) -> None:
        """Remove the saved state, after the results have been written."""
        self.path.unlink(missing_ok=True)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()
