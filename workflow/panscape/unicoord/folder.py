"""Saving and loading models: tensors in a safetensors file, everything else as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from panscape.data import files
from panscape.errors import fail
from panscape.training.state import with_prefix, without_prefix
from panscape.training.weights import read_weights, write_weights
from panscape.unicoord.confidence import Confidence, Nonconformity
from panscape.unicoord.labels import LabelInfo, Layout
from panscape.unicoord.module import Network
from panscape.unicoord.settings import UniCoordSettings
from panscape.unicoord.store import Scale

if TYPE_CHECKING:
    from panscape.unicoord.model import CoordinateSystem

WEIGHTS, CARD = "weights.safetensors", "model.json"
_FORMAT = 1
_ENSEMBLE = (
    "ensemble.",
    "committee.",
)  # prefixes of the ensemble's tensors in the network, and in the file format
_NONCONFORMITY = "strange"  # prefix of the nonconformity's tensors in the file


def write_model(model: CoordinateSystem, folder: str | Path) -> None:
    """Write ``weights.safetensors`` (tensors only) and ``model.json`` (everything else)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = with_prefix("network", _renamed(model.network.state_dict(), *_ENSEMBLE))
    for name, nonconformity in model.confidence.nonconformity.items():
        parts = {key: torch.from_numpy(np.asarray(value)) for key, value in vars(nonconformity).items()}
        tensors |= with_prefix(f"{_NONCONFORMITY}.{name}", parts)
    write_weights(folder / WEIGHTS, tensors, {"format": _FORMAT})
    files.write_json(describe(model), folder / CARD)


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
        "interval_half_width": {
            name: None if np.isnan(width) else width for name, width in model.confidence.width.items()
        },
    }


def read_model(folder: str | Path, device: torch.device | str = "cpu") -> tuple:
    """Read a folder; return the arguments of :class:`CoordinateSystem`.

    Raises
    ------
    UserError
        If the folder has no complete model.
    """
    folder = Path(folder)
    try:
        card = json.loads((folder / CARD).read_text())
        tensors, _ = read_weights(folder / WEIGHTS, device)
    except (OSError, ValueError) as error:
        advice = f"give the folder with {WEIGHTS} and {CARD}"
        raise fail(str(folder), f"has no complete model ({error})", advice) from error
    layout = Layout(
        tuple(_label_info(item) for item in card["labels"]),
        {name: (child, tuple(above)) for name, (child, above) in card["hierarchy"].items()},
    )
    network = Network(layout, len(card["genes"]), UniCoordSettings.of(card["settings"]), card["components"])
    network.load_state_dict(_renamed(without_prefix("network", tensors), *reversed(_ENSEMBLE)))
    nonconformity = {}
    for label in layout.labels:
        parts = without_prefix(f"{_NONCONFORMITY}.{label.name}", tensors)
        if parts:
            arrays = {key: value.cpu().numpy() for key, value in parts.items()}
            nonconformity[label.name] = Nonconformity(**(arrays | {"threshold": float(arrays["threshold"])}))
    width = {k: float("nan") if v is None else v for k, v in card["interval_half_width"].items()}
    confidence = Confidence(card["temperature"], width, nonconformity)
    scale = Scale(card["normalisation"]["how"], card["normalisation"]["target"])
    return (network.to(device), card["genes"], scale, confidence, card)
