"""Titles of a dictionary's entries, the same in tables, figures and the explorer."""

from __future__ import annotations

import pandas as pd

from panscape.plot.names import entry_labels
from panscape.report.results import Results

PROGRAMS, MARKERS = "programs/programs.tsv", "dictionary/marker_genes.tsv"
COLUMNS = ("entry", "second", "programme")


def titles(results: Results) -> dict[str, str]:
    """Return entry -> its number with its best gene set and top genes, else with its marker genes."""
    if results.has(PROGRAMS):
        table = results.table(PROGRAMS, dtype={"entry": str, "top_genes": str, "name": str})
    elif results.has(MARKERS):
        table = _by_markers(results.table(MARKERS, dtype={"entry": str, "gene": str}))
    else:
        return {}
    return entry_labels(table, [str(entry) for entry in table["entry"]])


def _by_markers(markers: pd.DataFrame) -> pd.DataFrame:
    best = markers.sort_values(["entry", "marker_edges"], ascending=[True, False], kind="stable")
    named = best.groupby("entry")["gene"].agg(lambda genes: ", ".join(genes.head(3)))
    return named.rename("top_genes").reset_index()


def titled(frame: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return a table with the titles of its entries in place of their numbers."""
    known = titles(results)
    there = [column for column in COLUMNS if column in frame]
    return frame.assign(**{column: frame[column].map(lambda name: known.get(name, name)) for column in there})
