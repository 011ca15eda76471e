"""Scenarios of learned coordinates: generated cells and changes of their gene networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from panscape.data.labels import class_name
from panscape.report.blocks import Block, Fold, Heading, Paragraph, table
from panscape.report.results import Results
from panscape.report.sections.unicoord_tables import CARD, FOLDER, METRICS, card
from panscape.unicoord.changes import confidence_of

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
_EFFECTS = {"r_of_change": "correlation of change", "mse_share": "error", "n": "pairs of classes"}
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
    return [table(rows, caption="Generated cells (the model's output)."), *_confidence(results, made)]


def _confidence(results: Results, made: list[Mapping[str, Any]]) -> list[Block]:
    """Return how well effects like those of the scenarios are predicted for classes that were left out."""
    learned = card(results).get("interactions", [])
    rows = []
    for item in made:
        for label, value in item["set"].items():
            found = None if isinstance(value, dict) else confidence_of(learned, label, class_name(value))
            if found:
                rows.append({"scenario": item["name"], "set": f"{label}: {value}"} | found)
    if not rows:
        return []
    titles = {
        "context": "classes left out",
        "classes": "number",
        "mse_share": "error",
        "shift": "pooled shift",
        "mean": "mean of effects",
    }
    text = (
        "Confidence of the scenarios: the effect of setting the label on each class was predicted from the "
        "other classes. Correlation of the genes' predicted and measured changes, and squared error as a "
        "fraction of that of no change, beside those of the same shift for all classes. Where the error is "
        "near 1, do not trust the effect on a class that was not measured."
    )
    return [table(pd.DataFrame(rows), titles=titles, caption=text, file=CARD)]


def effects(scored: pd.DataFrame) -> list[Block]:
    """Return the table of the effects of labels on test cells and on classes that were left out."""
    rows = scored[scored["task"].str.contains("effect of ") & scored["metric"].isin(_EFFECTS)]
    if rows.empty:
        return []
    wide = rows.pivot_table(index=["task", "model"], columns="metric", values="value", sort=False)
    wide = (
        wide.reindex(columns=list(_EFFECTS)).rename(columns=_EFFECTS).rename_axis(columns=None).reset_index()
    )
    text = (
        "Changes of the genes' means when a label is set, compared with the measured changes of test cells "
        "class by class, in cells with similar values of the continuous labels. No prediction is better than "
        "the noise of the test cells but by chance. “Unseen” effects are those of pairs of classes that were "
        "left out in turn; the model predicts pairs that it has not seen by the ridge of effects. The error "
        "is a fraction of that of no change."
    )
    return [table(wide, titles={"task": "effect"}, caption=text, file=METRICS)]


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
