"""Weights on disk: tensors and JSON in one safetensors file, which cannot contain code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from panscape.data import files


def write_weights(path: str | Path, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
    """Write named tensors and a JSON-serialisable mapping to one file, renamed into place once complete.

    Parameters
    ----------
    path
        The file, by convention ``*.safetensors``.
    tensors
        Tensors on any device.
    meta
        Metadata; JSON types only.
    """
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with files.atomic(path) as scratch:
        # keys are not sorted, so that a resumed history has the column order of an uninterrupted one
        save_file(plain, scratch, metadata={"meta": json.dumps(dict(meta))})
        scratch.chmod(0o666 & ~_umask())  # safetensors makes files readable by the owner only


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_weights(
    path: str | Path, device: torch.device | str = "cpu"
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a file written by :func:`write_weights`.

    Raises
    ------
    ValueError
        If the file is damaged or was not written by :func:`write_weights`.
    """
    try:
        with safe_open(str(path), framework="pt", device=str(device)) as handle:
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 (not a mapping)
            meta = json.loads((handle.metadata() or {})["meta"])
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a complete file of weights: {error}") from error
    return tensors, meta
