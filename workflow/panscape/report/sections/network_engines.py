"""Gene networks of lines: the engines side by side, and the neighbors of single genes."""

from __future__ import annotations

import pandas as pd

from panscape.report.blocks import Block, Heading, table
from panscape.report.results import Results

NEIGHBOURS = "networks/neighbours.tsv.gz"
LINE_NEIGHBOURS = "networks/line_neighbours.tsv"
MODELS = {"sivae": "siVAE", "pca": "PCA", "pearson": "Pearson", "corrected": "noise-corrected"}
_TEXT = {"gene": str, "model": str, "line": str, "neighbour": str, "neighbours": str}


def neighbour_blocks(results: Results, limit: int) -> list[Block]:
    """Return tables of the nearest genes of a few genes: over all lines by engine, and in every line.

    Parameters
    ----------
    results
        Results of the collection.
    limit
        Maximum number of rows of a table.
    """
    if not results.has(LINE_NEIGHBOURS):
        return []
    by_line = results.table(LINE_NEIGHBOURS, dtype=_TEXT)
    consensus = results.table(NEIGHBOURS, dtype=_TEXT)
    if by_line.empty:
        return []
    rows = [
        {"gene": gene, "model": MODELS[model], "neighbours": _listed(consensus, gene, model)}
        for gene in dict.fromkeys(by_line["gene"])
        for model in dict.fromkeys(by_line["model"])
    ]
    titles = {"neighbours": "nearest genes", "model": "engine"}
    text = (
        "Nearest genes of a few genes by each engine, those in most lines first; in brackets the number of "
        "lines that have them among the nearest."
    )
    blocks: list[Block] = [
        Heading("Neighbours of single genes"),
        table(pd.DataFrame(rows), titles=titles, caption=text, file=NEIGHBOURS, limit=limit),
    ]
    of_sivae = by_line.loc[by_line["model"] == "sivae", ["gene", "line", "neighbours"]]
    text = "The same genes in the network of every line by siVAE, nearest first."
    blocks.append(table(of_sivae, titles=titles, caption=text, file=LINE_NEIGHBOURS, limit=limit))
    return blocks


def _listed(consensus: pd.DataFrame, gene: str, model: str) -> str:
    """Return the neighbors of a gene with their numbers of lines, joined by commas."""
    rows = consensus[(consensus["gene"] == gene) & (consensus["model"] == model)]
    ends = zip(rows["neighbour"], rows["lines"], strict=True)
    return ", ".join(f"{name} ({lines:.3g})" for name, lines in ends) or "none"
