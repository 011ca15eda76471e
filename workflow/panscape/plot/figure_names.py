"""Names and titles of the landscape's figures."""

from __future__ import annotations

PSEUDOTIME = "dpt_pseudotime"
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
    "pseudotime-intervals": "Pseudotime with its intervals",
    "spaces": "Coexpression space beside other spaces",
    "river": "Clusters from studies to labels",
    "genes-volcano": "Genes that rise and fall along pseudotime",
    "genes-heatmap": "Genes along pseudotime",
    "genes-along": "Top genes, cluster by cluster",
    "pairs-heatmap": "Gene pairs along pseudotime",
    "pairs-by-size": "Coexpressed pairs against cluster size",
}
"""Figures of the landscape other than its maps: name -> title."""


def map_name(column: str) -> str:
    """Return the file name (without suffix) of the map of a column."""
    return "map-" + "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in column)


def title(column: str) -> str:
    """Return the title of a column's figures; other columns are titled by their name."""
    return TITLES.get(column) or column.replace("_", " ").capitalize()


def caption(name: str) -> str:
    """Return the name of the file in ``workflow/report`` that explains a figure of the landscape."""
    return "landscape_map.rst" if name.startswith("map-") else f"{name.replace('-', '_')}.rst"
