"""Saving and loading models: tensors in a safetensors file, everything else as JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from panscape.data import digests, files
from panscape.log import logger
from panscape.training.state import with_prefix, without_prefix
from panscape.training.weights import (
    check_finite,
    check_format,
    check_genes,
    loading,
    read_weights,
    write_weights,
)
from panscape.unicoord.confidence import Confidence, Nonconformity
from panscape.unicoord.head import Head
from panscape.unicoord.interactions import Interaction
from panscape.unicoord.labels import LabelInfo, Layout
from panscape.unicoord.module import Network
from panscape.unicoord.settings import NORMALISATIONS, UniCoordSettings
from panscape.unicoord.store import Scale

if TYPE_CHECKING:
    from panscape.unicoord.model import CoordinateSystem

WEIGHTS, CARD = "weights.safetensors", "model.json"
_FORMAT = 2  # since 2 the weights name their card and the genes in order
_KIND = "UniCoord"
_KEYS = (
    "genes",
    "normalisation",
    "labels",
    "hierarchy",
    "components",
    "settings",
    "temperature",
    "interval_half_width",
)
_ENSEMBLE = (
    "ensemble.",
    "committee.",
)  # prefixes of the ensemble's tensors in the network, and in the file format
_HEAD = "head"  # prefix of the linear classifiers' tensors in the file
_INTERACTION = "interaction"  # prefix of the interactions' tensors in the file
_NONCONFORMITY = "strange"  # prefix of the nonconformity's tensors in the file


def write_model(model: CoordinateSystem, folder: str | Path) -> None:
    """Write ``weights.safetensors`` (tensors only) and ``model.json`` (everything else)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = with_prefix("network", _renamed(model.network.state_dict(), *_ENSEMBLE))
    for name, nonconformity in model.confidence.nonconformity.items():
        parts = {key: torch.from_numpy(np.asarray(value)) for key, value in vars(nonconformity).items()}
        tensors |= with_prefix(f"{_NONCONFORMITY}.{name}", parts)
    for name, head in model.confidence.heads.items():
        parts = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in vars(head).items()}
        tensors |= with_prefix(f"{_HEAD}.{name}", parts)
    for name, interaction in model.interactions.items():
        parts = {key: torch.from_numpy(getattr(interaction, key)) for key in ("latent", "cells")}
        tensors |= with_prefix(f"{_INTERACTION}.{name}", parts)
    card = describe(model)
    header = {"format": _FORMAT, "card": _card_digest(card), "genes": list(model.genes)}
    write_weights(folder / WEIGHTS, tensors, header, _KIND)
    files.write_json(card, folder / CARD)


def _card_digest(card: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a card's values, whatever the layout of its file."""
    return hashlib.sha256(json.dumps(files.plain_json(card), sort_keys=True).encode()).hexdigest()


def _label_info(item: Mapping[str, Any]) -> LabelInfo:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in item.items()}
    return LabelInfo(**values)


def _renamed(tensors: Mapping[str, torch.Tensor], old: str, new: str) -> dict[str, torch.Tensor]:
    return {
        name.replace(old, new) if name.startswith(old) else name: value for name, value in tensors.items()
    }


def describe(model: CoordinateSystem) -> dict[str, Any]:
    """Return the model card."""
    components = model.network.axes.shape[1] if model.network.projecting else 0
    return model.card | {
        "format": _FORMAT,
        "genes": list(model.genes),
        "normalisation": {"how": model.scale.how, "target": model.scale.target},
        "labels": [dataclasses.asdict(label) for label in model.labels],
        "hierarchy": {name: [child, list(above)] for name, (child, above) in model.layout.tables.items()},
        "coordinates": model.coordinates,
        "components": components,
        "settings": dataclasses.asdict(model.settings),
        "temperature": dict(model.confidence.temperature),
        "interactions": [
            {"label": item.label, "context": item.context, "scores": list(item.scores)}
            for item in model.interactions.values()
        ],
        "interval_half_width": {
            name: None if np.isnan(width) else width for name, width in model.confidence.width.items()
        },
    }


def read_model(folder: str | Path, device: torch.device | str = "cpu") -> tuple:
    """Read a folder; return the arguments of :class:`CoordinateSystem`.

    Raises
    ------
    UserError
        If the folder has no complete model, or card and weights are not those that were saved together.
    """
    folder = Path(folder)
    advice = f"give the folder with {WEIGHTS} and {CARD}, both of one model"
    with loading(folder, "has no complete model", advice):
        card = files.read_json(folder / CARD)
        digests.check(folder / WEIGHTS)
        tensors, header = read_weights(folder / WEIGHTS, device, _KIND)
        _check(card, header, tensors)
        return _built(card, tensors, device)


def _check(card: Any, header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Check that card and weights belong together and are complete; a ValueError if not."""
    if not isinstance(card, dict):
        raise ValueError(f"{CARD} is not a mapping")
    for what, found in ((CARD, card.get("format")), (WEIGHTS, header.get("format"))):
        try:
            check_format(found, _FORMAT)
        except ValueError as error:
            raise ValueError(f"{what}: {error}") from error
    missing = sorted(set(_KEYS) - card.keys())
    if missing:
        raise ValueError(f"{CARD} lacks {', '.join(missing)}")
    check_genes(card["genes"])
    if header["format"] > 1 or card["format"] > 1:
        if header.get("genes") != card["genes"]:
            raise ValueError(f"the genes of {CARD} and {WEIGHTS} differ in names or order")
        if header.get("card") != _card_digest(card):
            raise ValueError(f"{CARD} is not the one that {WEIGHTS} was saved with")
    scale = card["normalisation"]
    if scale["how"] not in NORMALISATIONS or not 0 < float(scale["target"]) < float("inf"):
        raise ValueError(f"{CARD}: normalisation is {scale}")
    check_finite(tensors, ("network.",))


def _arrays(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {key: value.cpu().numpy() for key, value in without_prefix(prefix, tensors).items()}


def _built(card: dict[str, Any], tensors: dict[str, torch.Tensor], device: torch.device | str) -> tuple:
    layout = Layout(
        tuple(_label_info(item) for item in card["labels"]),
        {name: (child, tuple(above)) for name, (child, above) in card["hierarchy"].items()},
    )
    network = Network(layout, len(card["genes"]), UniCoordSettings.of(card["settings"]), card["components"])
    network.load_state_dict(_renamed(without_prefix("network", tensors), *reversed(_ENSEMBLE)))
    nonconformity, heads = {}, {}
    for label in layout.labels:
        arrays = _arrays(f"{_NONCONFORMITY}.{label.name}", tensors)
        if "scale" in arrays:
            logger.warning(
                "label %s: the model is of an earlier version, whose scores of unknown cells are not used: "
                "train it again to know them", label.name,
            )  # fmt: skip
        elif arrays:
            nonconformity[label.name] = Nonconformity(**arrays)
        arrays = _arrays(f"{_HEAD}.{label.name}", tensors)
        if arrays:
            heads[label.name] = Head(**arrays)
    width = {k: float("nan") if v is None else v for k, v in card["interval_half_width"].items()}
    confidence = Confidence(card["temperature"], width, nonconformity, heads)
    scale = Scale(card["normalisation"]["how"], card["normalisation"]["target"])
    interactions = {
        item["label"]: Interaction(
            item["label"],
            item["context"],
            **_arrays(f"{_INTERACTION}.{item['label']}", tensors),
            scores=tuple(item["scores"]),
        )
        for item in card.get("interactions", ())  # models of earlier versions have none
    }
    return (network.to(device), card["genes"], scale, confidence, card, interactions)
