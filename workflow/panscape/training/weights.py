"""Weights on disk: tensors and JSON in one safetensors file, which cannot contain code."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from panscape.data import files
from panscape.errors import UserError, fail
from panscape.log import logger


def write_weights(
    path: str | Path, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any], kind: str = ""
) -> None:
    """Write named tensors and a JSON-serialisable mapping to one file, renamed into place once complete.

    A seal in the header, the SHA-256 of both, binds them to each other.

    Parameters
    ----------
    path
        The file, by convention ``*.safetensors``.
    tensors
        Tensors on any device.
    meta
        Metadata; JSON types only.
    kind
        What the file is, e.g. ``"siVAE"``; readers of other kinds refuse it.
    """
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    # keys are not sorted, so that a resumed history has the column order of an uninterrupted one
    text = json.dumps(dict(meta))
    header = {"meta": text, "kind": kind, "seal": _seal(plain, text, kind)}
    with files.atomic(path) as scratch:
        save_file(plain, scratch, metadata=header)
        _order_header(scratch)
        scratch.chmod(0o666 & ~_umask())  # safetensors makes files readable by the owner only


def _order_header(path: Path) -> None:
    """Put the metadata in the header in order: safetensors writes them in another one each time."""
    with open(path, "r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        ordered = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(ordered) > size:
            raise ValueError(f"the header of {path} cannot be written in order")
        file.seek(8)
        file.write(ordered.ljust(size))


def _seal(tensors: Mapping[str, torch.Tensor], text: str, kind: str) -> str:
    digest = hashlib.sha256(f"{kind}\n{text}\n".encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_weights(
    path: str | Path, device: torch.device | str = "cpu", kind: str = ""
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a file written by :func:`write_weights`.

    Files of version 0.1, which have no seal, are read with a warning.

    Parameters
    ----------
    path
        The file.
    device
        Where to put the tensors.
    kind
        Required kind of the file.

    Raises
    ------
    ValueError
        If the file is damaged, of another kind, was not written by :func:`write_weights` or changed since.
    """
    try:
        with safe_open(str(path), framework="pt", device="cpu") as handle:
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 (not a mapping)
            header = handle.metadata() or {}
            meta = json.loads(header["meta"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a complete file of weights: {error}") from error
    if not isinstance(meta, dict):
        raise ValueError(f"{path} is not a complete file of weights: its metadata are {type(meta).__name__}")
    found = header.get("kind", "")
    if kind and found and found != kind:
        raise ValueError(f"{path} has a model of {found}, not of {kind}")
    if "seal" not in header:
        logger.warning("%s is of an earlier version and cannot be verified; save the model anew", path)
    elif header["seal"] != _seal(tensors, header["meta"], found):
        raise ValueError(f"{path} has been changed: weights and metadata are not those that were saved")
    return {name: tensor.to(device) for name, tensor in tensors.items()}, meta


def check_finite(tensors: Mapping[str, torch.Tensor], prefixes: Sequence[str]) -> None:
    """Refuse weights that are not finite.

    Parameters
    ----------
    tensors
        Named tensors.
    prefixes
        How the names of those begin that are looked at.

    Raises
    ------
    ValueError
        If a value is NaN or infinite.

    Examples
    --------
    >>> check_finite({"module.w": torch.ones(2), "spread": torch.tensor([torch.inf])}, ["module."])
    """
    for name, tensor in tensors.items():
        if name.startswith(tuple(prefixes)) and tensor.is_floating_point():
            bad = int((~torch.isfinite(tensor)).sum())
            if bad:
                raise ValueError(f"{bad} of {tensor.numel()} values of {name} are not finite")


def check_genes(genes: Any) -> list[str]:
    """Return the genes of a model card; a ValueError unless they are different names.

    Examples
    --------
    >>> check_genes(["b", "a"])
    ['b', 'a']
    """
    if not isinstance(genes, list) or not genes or not all(isinstance(gene, str) for gene in genes):
        raise ValueError("genes is not a list of names")
    if len(set(genes)) < len(genes):
        raise ValueError(f"genes has {len(genes) - len(set(genes))} names twice")
    return genes


def check_format(found: Any, newest: int) -> None:
    """Refuse the format of a file that this version does not know, with a ValueError."""
    if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= newest:
        raise ValueError(f"unknown version: format {found!r}, this version of panscape reads 1 to {newest}")


_BROKEN = (OSError, ValueError, TypeError, AttributeError, IndexError, RuntimeError, ArithmeticError)


@contextlib.contextmanager
def loading(path: str | Path, what: str, advice: str) -> Iterator[None]:
    """Turn every failure to build a model from a file into one error with the file's name.

    Parameters
    ----------
    path
        File or folder of the model.
    what
        Beginning of the message.
    advice
        What to do.

    Raises
    ------
    UserError
        If the block fails.
    """
    try:
        yield
    except UserError as error:
        raise fail(str(path), f"{what} ({error.problems[0]})", advice) from error
    except KeyError as error:
        raise fail(str(path), f"{what} (it lacks {error})", advice) from error
    except _BROKEN as error:
        text = " ".join(str(error).split())
        raise fail(str(path), f"{what} ({text[:300]})", advice) from error
