"""The top of the report: numbers, the landscape, claims and alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from panscape.config import figures
from panscape.coscape.landscape.read import read_places
from panscape.plot.figure_names import PSEUDOTIME as TIME
from panscape.plot.figure_names import map_name
from panscape.report.blocks import Block, Gallery, Paragraph, Picture, Table, table
from panscape.report.claims.alerts import alerts
from panscape.report.claims.claim import RULES
from panscape.report.claims.every import claims
from panscape.report.explorer.maps import LANDSCAPE
from panscape.report.format import count
from panscape.report.results import Results
from panscape.report.sections.drawn import drawn
from panscape.report.sections.landscape_sentences import PSEUDOTIME, ordered
from panscape.report.sections.landscape_tables import STATISTICS, spaces_table
from panscape.report.sections.sivae import LINES
from panscape.report.sections.studies import QC, cell_counts

MOST_NUMBERS = 5
ENTRIES = "dictionary/entries.tsv"


def first_screen(results: Results) -> dict[str, Any]:
    """Return what the top of the page shows.

    Returns
    -------
    `numbers` (number, noun), `picture` (of the landscape, or None), `claims`, `rules`, `alerts`,
    `headline` (a table of the landscape beside other spaces, or None), and `unordered` (tables of a landscape
    without order).
    """
    shown = spaces_table(results) if results.has(STATISTICS) else None
    return {
        "numbers": numbers(results),
        "picture": landscape_picture(results),
        "claims": claims(results),
        "rules": RULES,
        "alerts": alerts(results),
        "headline": shown if shown and shown.rows else None,
        "unordered": unordered(results),
    }


def numbers(results: Results) -> list[tuple[str, str]]:
    """Return the sizes that matter, as (number, noun), five at most."""
    made: list[tuple[int, str, str]] = []
    if results.has(QC):
        counts = cell_counts(results)
        made += [(int(counts["kept"].sum()), "cell", "cells"), (len(counts), "study", "studies")]
    if results.has(PSEUDOTIME):
        made.append((len(results.table(PSEUDOTIME, dtype={"cluster": str})), "pancluster", "panclusters"))
    if results.has("preprocess/genes.tsv"):
        chosen = results.table("preprocess/genes.tsv", dtype={"gene": str})["selected"]
        made.append((int(chosen.astype(str).eq("True").sum()), "gene", "genes"))
    if results.has(ENTRIES):
        entries = results.table(ENTRIES, dtype={"entry": str})
        kept = entries["kept"].astype(str).eq("True").sum() if "kept" in entries else len(entries)
        made.append((int(kept), "gene network", "gene networks"))
    if results.has(LINES):
        lines = results.table(LINES, dtype={"line": str, "name": str})
        made.append((int(lines["status"].eq("ok").sum()), "line", "lines"))
    return [(count(n), one if n == 1 else many) for n, one, many in made[:MOST_NUMBERS]]


def landscape_picture(results: Results) -> Picture | None:
    """Return the map of pseudotime; without pseudotime that of the first label, or of studies."""
    titles = drawn(results)
    own = [name for name in figures.columns(results.config) if name not in figures.ALWAYS]
    for column in (TIME, *own, "study"):
        name = map_name(column)
        if name in titles:
            return results.picture(f"landscape/figures/{name}", f"The landscape: {titles[name].lower()}")
    return None


def unordered(results: Results) -> list[Table]:
    """Return the clusters of each study and of each label, for a landscape without an order."""
    if not results.has(PSEUDOTIME) or ordered(results):
        return []
    labels = label_table(results)
    return [study_table(results), *([labels] if labels.rows else [])]


def label_table(results: Results) -> Table:
    """Return per class of each mapped label its clusters: those of which it is the most frequent one."""
    obs = read_places(results.path(LANDSCAPE))[0] if results.has(LANDSCAPE) else pd.DataFrame()
    rows = []
    for column in figures.columns(results.config):
        if column in figures.ALWAYS or f"{column}_purity" not in obs:
            continue
        known = obs[obs[column].notna() & (obs[column].astype(str) != "")]
        for name, inside in known.groupby(known[column].astype(str), sort=True):
            rows.append(
                {
                    "label": column.replace("_", " "),
                    "class": name,
                    "clusters": len(inside),
                    "studies": inside["study"].nunique(),
                    "median purity": float(inside[f"{column}_purity"].median()),
                }
            )
    columns = ["label", "class", "clusters", "studies", "median purity"]
    text = "Clusters by their most frequent label, in how many studies, and the median share of its cells."
    return table(pd.DataFrame(rows, columns=columns), caption=text, file=LANDSCAPE)


def study_table(results: Results) -> Table:
    """Return the number and sizes of the clusters of each study."""
    clusters = results.table(PSEUDOTIME, dtype={"cluster": str, "study": str})
    rows = clusters.groupby("study", sort=False)["n_cells"].agg(
        clusters="size", smallest="min", median="median", largest="max"
    )
    titles = {"smallest": "smallest (cells)", "median": "median (cells)", "largest": "largest (cells)"}
    return table(rows.reset_index(), titles=titles, caption="Clusters of each study.", file=PSEUDOTIME)


def once(chapters: Sequence[Mapping[str, Any]], shown: Sequence[Picture | None]) -> list[dict[str, Any]]:
    """Return chapters without figures that stand further up in the page.

    Parameters
    ----------
    chapters
        The chapters, each with its `blocks`.
    shown
        Figures at the top of the page.
    """
    seen = {picture.uri for picture in shown if picture is not None}
    made = []
    for chapter in chapters:
        blocks: list[Block] = []
        for block in chapter["blocks"]:
            if isinstance(block, Picture):
                block = _unseen((block,), seen)[0]
            elif isinstance(block, Gallery):
                left = _unseen(block.pictures, seen)
                pictures = tuple(item for item in left if isinstance(item, Picture))
                blocks += [item for item in left if not isinstance(item, Picture)]
                if not pictures:
                    continue
                block = Gallery(pictures, block.caption)
            blocks.append(block)
        made.append({**chapter, "blocks": blocks})
    return made


def _unseen(pictures: Sequence[Picture], seen: set[str]) -> list[Picture | Paragraph]:
    made: list[Picture | Paragraph] = []
    for picture in pictures:
        if picture.uri in seen:
            made.append(Paragraph(f"{picture.title}: further up in this page.", "note"))
        else:
            seen.add(picture.uri)
            made.append(picture)
    return made
