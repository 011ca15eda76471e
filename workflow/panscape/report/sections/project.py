"""Projection: where studies lie on the landscape of a finished collection."""

from __future__ import annotations

import pandas as pd

from panscape.report.blocks import Block, Gallery, Paragraph, table
from panscape.report.format import fixed, listing, percent, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section

FOLDER = "project"
PROJECTED = f"{FOLDER}/projected.tsv"
FIGURES = {"map": "Place on the map", "values": "Predicted age"}
STRONG = 10  # Z summary of strong evidence
_TESTED = (
    "Entries of the reference were tested in the new cells by the density and the connectivity of their "
    "genes (Z summary: mean of both in standard deviations of random genes that are detected as often).",
)
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
        *_preserved(results),
    ]


def preservation(results: Results) -> pd.DataFrame:
    """Return the tests of the reference's entries in all studies; empty without them."""
    parts = [
        results.table(path, dtype={"entry": str, "kind": str}).assign(study=study)
        for study in results.studies
        if results.has(path := f"{FOLDER}/{study}/preservation.tsv")
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _preserved(results: Results) -> list[Block]:
    rows = preservation(results)
    if rows.empty:
        return []
    columns = [
        "study",
        "entry",
        "kind",
        "n_genes",
        "density",
        "z_density",
        "z_connectivity",
        "z_separability",
    ]
    titles = {"n_genes": "genes", "zsummary": "Z summary", "pvalue": "p", "fdr": "FDR"}
    text = "Entries of the reference in the new cells, against random genes detected as often."
    shown = rows[[*columns, "zsummary", "pvalue", "fdr"]]
    return [table(shown, titles=titles, caption=text, limit=results.table_rows)]


def _preserved_sentence(results: Results) -> list[str]:
    rows = preservation(results)
    if rows.empty:
        return []
    said = []
    for study, part in rows.groupby("study", sort=False):
        strong = int(((part["zsummary"] >= STRONG) & (part["fdr"] < 0.05)).sum())
        said.append(f"{strong} of {int(part['pvalue'].notna().sum())} in {study}")
    return [f"Entries of the reference that are preserved (Z summary at least {STRONG}): {listing(said)}."]


def _headline(results: Results) -> list[str]:
    return [_summary(projected(results)), *_preserved_sentence(results)]


def _methods(results: Results) -> list[str]:
    used = results.settings(FOLDER)
    return [
        f"Studies were placed on the finished collection {used.get('reference')} with its genes and "
        "settings: codes by non-negative sparse coding on its dictionary, pseudotime and age by ordinary "
        "kriging on similarities of coexpression (1 minus the distance of the reference's landscape) and "
        "cosines of codes (as logarithms where values span more than a factor 4), intervals of "
        f"{percent(used.get('coverage', 0.9))} from the errors of left-out "
        "studies whose panclusters were predicted with similar uncertainty.",
        *(_TESTED if not preservation(results).empty else []),
    ]


SECTION = Section(
    "project",
    "Projection",
    (PROJECTED,),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=("langfelder2011preserved",),
    idle=lambda results: ["langfelder2011preserved"] if preservation(results).empty else [],
    optional=True,
    use="project",
)
