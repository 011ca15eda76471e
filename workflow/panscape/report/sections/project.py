"""Projection: where studies lie on the landscape of a finished collection."""

from __future__ import annotations

import pandas as pd

from panscape.report.blocks import Block, Gallery, Paragraph, table
from panscape.report.format import fixed, percent, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section

FOLDER = "project"
PROJECTED = f"{FOLDER}/projected.tsv"
FIGURES = {"map": "Place on the map", "values": "Predicted age"}
_TEXT = {"cluster": str, "study": str, "nearest": str, "age_edge": str, "dpt_pseudotime_edge": str}
_TITLES = {
    "n_cells": "cells",
    "age_known": "known age",
    "nearest": "most similar",
    "age_low": "from",
    "age_high": "to",
    "age_edge": "open at",
}


def projected(results: Results) -> pd.DataFrame:
    """Return the projected panclusters; `age_edge` is text."""
    rows = results.table(PROJECTED, dtype=_TEXT)
    return rows.assign(**{name: rows[name].fillna("") for name in rows if name.endswith("_edge")})


def _summary(placed: pd.DataFrame) -> str:
    """Return a summary of the predictions."""
    studies = placed["study"].nunique()
    text = (
        f"{plural(len(placed), 'pancluster')} of {plural(studies, 'study', 'studies')} were placed on the "
        "reference; the median similarity with the nearest of its panclusters is "
        f"{fixed(placed['similarity'].median())}."
    )
    if "age" in placed and placed["age"].notna().any():
        open_ended = (placed["age_edge"] != "").mean()
        if open_ended:
            text += (
                f" The ages of {percent(open_ended)} of them are open at one end, because the reference's "
                "ages end within their reach."
            )
    return text


def _against_known(placed: pd.DataFrame) -> str:
    """Return the agreement of predicted with known ages; empty without known ones."""
    if not {"age", "age_known"} <= set(placed):
        return ""
    known = placed.dropna(subset=["age", "age_known"])
    if known.empty:
        return ""
    error = (known["age"] - known["age_known"]).abs().median()
    text = f" Median absolute error of age {fixed(error)} (n = {len(known)})"
    bounded = known.dropna(subset=["age_low", "age_high"])
    if bounded.empty:
        return f"{text}."
    low = bounded["age_low"].where(~bounded["age_edge"].isin(["low", "both"]), float("-inf"))
    high = bounded["age_high"].where(~bounded["age_edge"].isin(["high", "both"]), float("inf"))
    return f"{text}; {percent(bounded['age_known'].between(low, high).mean())} within the interval."


def _blocks(results: Results) -> list[Block]:
    placed = projected(results)
    columns = ["cluster", "study", "n_cells", "nearest", "similarity", "age_known", "age", "age_low"]
    shown = [name for name in [*columns, "age_high", "age_edge"] if name in placed]
    pictures = [
        results.picture(f"{FOLDER}/figures/{name}", title, caption=caption(f"project_{name}"))
        for name, title in FIGURES.items()
    ]
    return [
        Paragraph(_summary(placed) + _against_known(placed)),
        Gallery(tuple(pictures)),
        table(
            placed[shown],
            titles=_TITLES,
            caption="Projected panclusters.",
            file=PROJECTED,
            limit=results.table_rows,
        ),
    ]


def _headline(results: Results) -> list[str]:
    return [_summary(projected(results))]


def _methods(results: Results) -> list[str]:
    used = results.settings(FOLDER)
    return [
        f"Studies were placed on the finished collection {used.get('reference')} with its genes and "
        "settings: codes by non-negative sparse coding on its dictionary, pseudotime and age by ordinary "
        "kriging on similarities of coexpression (1 minus the distance of the reference's landscape) and "
        "cosines of codes (as logarithms where values span more than a factor 4), intervals of "
        f"{percent(used.get('coverage', 0.9))} from the errors of left-out "
        "studies whose panclusters were predicted with similar uncertainty."
    ]


SECTION = Section(
    "project",
    "Projection",
    (PROJECTED,),
    _blocks,
    headline=_headline,
    methods=_methods,
    optional=True,
    use="project",
)
