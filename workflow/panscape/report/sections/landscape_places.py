"""How well clusters are placed along pseudotime: sentences, and the clusters that are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from panscape.coscape.landscape.placement import HIGH, LOW, PLACED, PLACEMENT, UNCERTAIN, UNCONNECTED
from panscape.report.blocks import Block, Heading, Paragraph, table
from panscape.report.format import between, count, fixed, plural
from panscape.report.results import Results
from panscape.report.sections.coexpression import corrected

PSEUDOTIME = "landscape/pseudotime.tsv"
LISTED = 20  # clusters listed in the report


def _places(results: Results) -> pd.DataFrame:
    return results.table(PSEUDOTIME, dtype={"cluster": str, "study": str, PLACEMENT: str})


def _draws(results: Results) -> int:
    """Return the number of draws behind the intervals; 0 if there are none."""
    places = _places(results)
    known = LOW in places and (places[LOW].notna() & places["pseudotime"].notna()).any()
    return int(results.settings("landscape").get("pseudotime_draws", 0)) if known else 0


def placement_sentences(results: Results) -> list[str]:
    """Return how wide the intervals of pseudotime are, and how many clusters are not placed."""
    places = _places(results)
    if PLACEMENT not in places or not places["pseudotime"].notna().any():
        return []
    if not (draws := _draws(results)):
        return [_why_none(results.settings("landscape"))]
    width = float(np.nanmedian(places[HIGH] - places[LOW]))
    text = (
        f"The 95 % interval of a cluster's pseudotime, over {plural(draws, 'draw')} of cells or samples, "
        f"has a median width of {fixed(width)}"
    )
    rest = [
        f"{count(number)} {kind}" for kind in (UNCERTAIN, UNCONNECTED) if (number := _number(places, kind))
    ]
    total = plural(len(places), "cluster")
    if not rest:
        return [f"{text}; all {total} are placed."]
    return [f"{text}; of {total}, {count(_number(places, PLACED))} are placed, {' and '.join(rest)}."]


def _number(places: pd.DataFrame, kind: str) -> int:
    return int((places[PLACEMENT] == kind).sum())


def _why_none(settings: Mapping[str, Any]) -> str:
    if not corrected(settings):
        why = "they need landscape.distance: corrected"
    elif not settings.get("pseudotime_draws"):
        why = "landscape.pseudotime_draws is 0"
    else:
        why = "too few draws connect the clusters with the root"
    return f"Pseudotime has no intervals: {why}."


def placement_blocks(results: Results) -> list[Block]:
    """Return the clusters that the landscape does not place, with the reason of each."""
    places = _places(results)
    if PLACEMENT not in places:
        return []
    rest = places[places[PLACEMENT].isin([UNCERTAIN, UNCONNECTED])]
    if rest.empty:
        return []
    order = rest.assign(wide=(rest[HIGH] - rest[LOW]) if HIGH in rest else np.nan)
    order = order.sort_values([PLACEMENT, "wide"], ascending=[False, False], kind="stable").head(LISTED)
    rows = pd.DataFrame(
        {
            "cluster": order["cluster"],
            "study": order["study"],
            "cells": order["n_cells"],
            "mean age": order["age"],
            "pseudotime": [_with_interval(row) for row in order.to_dict("records")],
            "placement": order[PLACEMENT],
        }
    )
    if "n_used_pairs" in order:
        rows.insert(4, "gene pairs used", order["n_used_pairs"])
    if not order["age"].notna().any():
        rows = rows.drop(columns="mean age")
    more = f" The first {LISTED} of {count(len(rest))}." if len(rest) > LISTED else ""
    text = "Unconnected: no path of neighbours joins the cluster with the root."
    if (rest[PLACEMENT] == UNCERTAIN).any():
        text += (
            " Uncertain: the pseudotimes of more than half of the other clusters lie within its interval, or "
            "fewer than nine in ten draws connect it with the root. Such clusters should not be interpreted "
            "by their place; clusters of more cells are placed better."
        )
    return [
        Heading("Clusters that are not placed"),
        Paragraph(text),
        table(rows, caption=f"Clusters that the landscape does not place.{more}", file=PSEUDOTIME),
    ]


def _with_interval(row: dict[str, Any]) -> str:
    if not np.isfinite(row["pseudotime"]):
        return "–"
    low, high = row.get(LOW, np.nan), row.get(HIGH, np.nan)
    known = np.isfinite(low) and np.isfinite(high)
    return fixed(row["pseudotime"]) + (f" ({between(low, high, fixed)})" if known else "")


def placement_methods(results: Results) -> list[str]:
    """Return the sentence on the intervals for the Methods paragraph; empty without intervals."""
    if not (draws := _draws(results)):
        return []
    return [
        f"95 % intervals of pseudotime are percentiles over {plural(draws, 'draw')}, in which cells, or "
        "random parts of large sets of cells, had random weights (Bayesian bootstrap), or samples were drawn "
        "with replacement where the cells of a cluster at an age are of five or more; correlations, "
        "distances, graphs and pseudotime were computed anew, with clusters, gene pairs and root kept. "
        "Clusters were called uncertain if the pseudotimes of more than half of the other clusters lay "
        "within their interval or fewer than nine in ten draws connected them with the root."
    ]
