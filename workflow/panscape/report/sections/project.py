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
    found = results.table(PROJECTED, dtype=_TEXT)
    return found.assign(**{name: found[name].fillna("") for name in found if name.endswith("_edge")})


def _summary(found: pd.DataFrame) -> str:
    """Return what is known of the predictions, in sentences."""
    studies = found["study"].nunique()
    text = (
        f"{plural(len(found), 'pancluster')} of {plural(studies, 'study', 'studies')} were placed on the "
        "reference; the median cosine with the nearest of its panclusters is "
        f"{fixed(found['similarity'].median())}."
    )
    if "age" in found and found["age"].notna().any():
        open_ended = (found["age_edge"] != "").mean()
        if open_ended:
            text += (
                f" The ages of {percent(open_ended)} of them are open at one end, because the reference's "
                "ages end within their reach."
            )
    return text


def _against_known(found: pd.DataFrame) -> str:
    """Return how predicted ages agree with known ones, or nothing."""
    if not {"age", "age_known"} <= set(found):
        return ""
    known = found.dropna(subset=["age", "age_known"])
    if known.empty:
        return ""
    error = (known["age"] - known["age_known"]).abs().median()
    text = f" Median absolute error of age {fixed(error)} (n = {len(known)})"
    told = known.dropna(subset=["age_low", "age_high"])
    if told.empty:
        return f"{text}."
    low = told["age_low"].where(~told["age_edge"].isin(["low", "both"]), float("-inf"))
    high = told["age_high"].where(~told["age_edge"].isin(["high", "both"]), float("inf"))
    return f"{text}; {percent(told['age_known'].between(low, high).mean())} within the interval."


def _blocks(results: Results) -> list[Block]:
    found = projected(results)
    columns = ["cluster", "study", "n_cells", "nearest", "similarity", "age_known", "age", "age_low"]
    shown = [name for name in [*columns, "age_high", "age_edge"] if name in found]
    pictures = [
        results.picture(f"{FOLDER}/figures/{name}", title, caption=caption(f"project_{name}"))
        for name, title in FIGURES.items()
    ]
    return [
        Paragraph(_summary(found) + _against_known(found)),
        Gallery(tuple(pictures)),
        table(
            found[shown],
            titles=_TITLES,
            caption="Projected panclusters.",
            file=PROJECTED,
            limit=results.settings("report").get("table_rows", 20),
        ),
    ]


def _headline(results: Results) -> list[str]:
    return [_summary(projected(results))]


def _methods(results: Results) -> list[str]:
    used = results.settings(FOLDER)
    return [
        f"Studies were placed on the finished collection {used.get('reference')} with its genes and "
        "settings: codes by non-negative sparse coding on its dictionary, pseudotime and age by ordinary "
        "kriging on the cosines of coexpression and of codes (as logarithms where values span more than a "
        f"factor 4), intervals of {percent(used.get('coverage', 0.9))} from the errors of left-out studies "
        "whose panclusters were predicted with like uncertainty."
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
