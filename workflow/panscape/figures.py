"""Which figures a collection gets: known from its configuration alone, so that each is a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from panscape import inputs

PSEUDOTIME = "dpt_pseudotime"
ALWAYS = ("study", PSEUDOTIME, "age", "resolution", "n_cells", "n_counts", "n_pairs", "component")
"""Columns that every landscape is coloured by."""
TITLES = {
    "age": "Age",
    "study": "Study",
    "resolution": "Louvain resolution",
    "level": "Agglomeration level",
    "n_cells": "Cluster size",
    "n_pairs": "Surviving gene pairs",
    "n_counts": "Depth",
    "component": "Connected part",
    PSEUDOTIME: "Diffusion pseudotime",
}
"""Titles of the standard columns."""
OTHERS = {
    "pseudotime-age": "Pseudotime against age",
    "spaces": "Coexpression space beside other spaces",
    "genes-heatmap": "Genes along pseudotime",
    "genes-along": "Top genes, cluster by cluster",
    "pairs-heatmap": "Gene pairs along pseudotime",
    "pairs-by-size": "Coexpressed pairs against cluster size",
}
"""Figures of the landscape besides its maps: name -> title."""


def landscape(config: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> title of every figure of a collection's landscape, maps first."""
    return {map_name(column): title(column) for column in columns(config)} | OTHERS


def columns(config: Mapping[str, Any]) -> list[str]:
    """Return the columns that a landscape is coloured by: the standard ones, then the studies' own.

    ``report.colour_by`` names the user's choice among the mapped columns; without it all are drawn.
    """
    shown = inputs.used_by(config, "landscape")
    own = [
        name for study in config.get("studies", ()) if study["id"] in shown for name in study.get("obs", {})
    ]
    chosen = config.get("report", {}).get("colour_by")
    return list(dict.fromkeys([*ALWAYS, *(own if chosen is None else chosen)]))


def map_name(column: str) -> str:
    """Return the file name (without suffix) of the map of a column."""
    return "map-" + "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in column)


def title(column: str) -> str:
    """Return the title of a column's figures; a column of the user's own is titled by its name."""
    return TITLES.get(column) or column.replace("_", " ").capitalize()


def units(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the unit of each mapped column that has one, e.g. ``{"age": "days"}``."""
    return {"age": config["age_unit"]} if config.get("age_unit") else {}


def formats(config: Mapping[str, Any]) -> list[str]:
    """Return the formats that figures are written in."""
    return ["png", "svg", "pdf"] if config.get("report", {}).get("pdf") else ["png", "svg"]


def caption(name: str) -> str:
    """Return the name of the file in ``workflow/report`` that explains a figure of the landscape."""
    return "landscape_map.rst" if name.startswith("map-") else f"{name.replace('-', '_')}.rst"


def simulated(config: Mapping[str, Any]) -> bool:
    """Tell whether a study is drawn from the simulated developing system, so that its truth is known."""
    simulation = config.get("simulation", {})
    others = {item["name"] for part in ("lines", "multiome") for item in simulation.get(part, ())}
    drawn = {study.get("simulated") for study in config.get("studies", ())} - {None}
    return bool(drawn - others)


def simulated_lines(config: Mapping[str, Any]) -> list[str]:
    """Return the simulated studies of cell lines in the collection, by their names in the simulation."""
    names = [item["name"] for item in config.get("simulation", {}).get("lines", ())]
    taken = {study.get("simulated") for study in config.get("studies", ())}
    return [name for name in names if name in taken]
