"""Scenarios of learned coordinates: generated cells and changes of their gene networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from panscape.report.blocks import Block, Fold, Heading, Paragraph, table
from panscape.report.results import Results

FOLDER = "unicoord"
PAIRS = f"{FOLDER}/networks/*/pairs.tsv.gz"
SCORES = f"{FOLDER}/networks/*/scores.tsv"
_MEASURES = {
    "cells": "cells",
    "pairs": "pairs",
    "sd_change": "change (s.d.)",
    "matched": "measured cells there",
    "r": "agreement with measured change",
    "r_noise": "noise allows",
    "r_null": "by chance",
    "same_sign": "same sign",
    "slope": "measured by predicted",
}
_SHOWN = 10  # pairs of each scenario


def _wanted(results: Results) -> list[Mapping[str, Any]]:
    return list(results.settings(FOLDER).get("scenarios") or [])


def generated(results: Results) -> list[Block]:
    """Return the table of the scenarios."""
    made = _wanted(results)
    if not made:
        return []
    rows = pd.DataFrame(
        {
            "scenario": [item["name"] for item in made],
            "set": [
                "; ".join(f"{key}: {_setting(value)}" for key, value in item["set"].items()) for item in made
            ],
            "from": [
                "; ".join(f"{key}: {value}" for key, value in (item.get("from") or {}).items()) or "all cells"
                for item in made
            ],
            "file": [f"{FOLDER}/generated/{item['name']}.h5ad" for item in made],
        }
    )
    return [table(rows, caption="Generated cells (the model's output).")]


def networks(results: Results, figure: list[Block]) -> list[Block]:
    """Return the changes of gene networks under the scenarios, compared with those in measured cells."""
    names = [item["name"] for item in _wanted(results) if results.has(SCORES.replace("*", item["name"]))]
    if not names:
        return []
    scores = results.table(SCORES, dtype={"scenario": str, "measure": str})
    wide = scores.pivot_table(index="scenario", columns="measure", values="value")
    wide = wide.reindex(index=names, columns=[name for name in _MEASURES if name in wide.columns])
    wide = wide.rename(columns=_MEASURES).rename_axis(columns=None).reset_index()
    text = (
        "Changes of gene correlations when the labels are set, predicted by the model (its output, not "
        "measurement). Measured cells that already have the labels as set serve as a check: an "
        "agreement near the noise limit is good; near chance, the predicted changes are not reliable."
    )
    files = [(name, PAIRS.replace("*", name)) for name in names]
    tops = [
        table(
            results.table(file, dtype={"gene_a": str, "gene_b": str}).head(_SHOWN),
            titles={"gene_a": "gene", "gene_b": "gene", "there": "in measured cells there"},
            caption=f"{name}: the pairs that change most.",
            file=file,
        )
        for name, file in files
    ]
    return [
        Heading("Networks under reconfiguration"),
        Paragraph(text),
        table(wide, caption="Predicted and measured changes of networks."),
        *figure,
        Fold("Gene pairs that change most", tuple(tops)),
    ]


def _setting(value: object) -> str:
    if isinstance(value, dict) and "shift" in value:
        return f"shifted by {value['shift']}"
    if isinstance(value, dict) and "between" in value:
        low, high, share = value["between"]
        return f"{low} to {high} at {share}"
    return str(value)
