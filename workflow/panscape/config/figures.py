"""Figures of a collection, derived from its configuration alone so that each can be a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from panscape.config import studies
from panscape.plot.figure_names import OTHERS, PSEUDOTIME, map_name, title

ALWAYS = ("study", PSEUDOTIME, "age", "resolution", "n_cells", "n_counts", "n_pairs", "component")
"""Columns by which every landscape is coloured."""


def landscape(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the names and titles of the landscape figures of a collection, maps first."""
    return {map_name(column): title(column) for column in columns(config)} | OTHERS


def columns(config: Mapping[str, Any]) -> list[str]:
    """Return the columns by which a landscape is coloured: the standard ones, then mapped columns.

    ``report.colour_by`` selects mapped columns; all by default.
    """
    shown = studies.used_by(config, "landscape")
    mapped = [
        name for study in config.get("studies", ()) if study["id"] in shown for name in study.get("obs", {})
    ]
    chosen = config.get("report", {}).get("colour_by")
    return list(dict.fromkeys([*ALWAYS, *(mapped if chosen is None else chosen)]))


def units(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the unit of each mapped column that has one, e.g. ``{"age": "days"}``."""
    return {"age": config["age_unit"]} if config.get("age_unit") else {}


def formats(config: Mapping[str, Any]) -> list[str]:
    """Return the file formats of figures."""
    return ["png", "svg", "pdf"] if config.get("report", {}).get("pdf") else ["png", "svg"]


def simulated(config: Mapping[str, Any]) -> bool:
    """Return whether a study is from the simulated developing system, with known ground truth."""
    simulation = config.get("simulation", {})
    others = {item["name"] for part in ("lines", "multiome") for item in simulation.get(part, ())}
    drawn = {study.get("simulated") for study in config.get("studies", ())} - {None}
    return bool(drawn - others)


def simulated_lines(config: Mapping[str, Any]) -> list[str]:
    """Return the names in the simulation of the collection's simulated studies of cell lines."""
    names = [item["name"] for item in config.get("simulation", {}).get("lines", ())]
    taken = {study.get("simulated") for study in config.get("studies", ())}
    return [name for name in names if name in taken]
