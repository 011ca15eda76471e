"""Part of the dictionary's section: entries as programmes of genes, with scores in cells."""

from __future__ import annotations

import pandas as pd

from panscape.report.blocks import Block, Gallery, Heading, Paragraph, table
from panscape.report.format import count, percent, plural
from panscape.report.results import Results, caption

PROGRAMS, GENES = "programs/programs.tsv", "programs/genes.tsv"
SCORES = "programs/figures/scores"
REFERENCES = ("hafemeister2019sctransform", "aibar2017scenic", "langfelder2008wgcna", "kotliar2019cnmf")
_TEXT = dict.fromkeys(("entry", "gene", "kind", "top_genes", "second"), str)
_TITLES = {
    "between": "variance between clusters",
    "n_cells": "effective cells",
    "n_placed": "placed genes",
    "n_negative": "of these negative",
    "top_genes": "top genes",
}


def placed_genes(results: Results) -> pd.DataFrame:
    """Return the genes that have a place in an entry."""
    rows = results.table(GENES, dtype=_TEXT)
    return rows[rows["entry"].notna() & (rows["entry"] != "")]


def sentences(results: Results) -> list[str]:
    """Return the sentences of the summary."""
    if not results.has(PROGRAMS, GENES):
        return []
    programs, genes = results.table(PROGRAMS, dtype=_TEXT), results.table(GENES, dtype=_TEXT)
    placed = placed_genes(results)
    identity = int((programs["kind"] == "identity").sum())
    return [
        f"{count(len(placed))} of {plural(len(genes), 'gene')} have a place in an entry; "
        f"{identity} of {plural(len(programs), 'entry', 'entries')} follow the identity of cells rather than "
        "activity within clusters."
    ]


def blocks(results: Results) -> list[Block]:
    """Return the heading, text, table and figures; none without the files."""
    if not results.has(PROGRAMS, GENES):
        return []
    programs, placed = results.table(PROGRAMS, dtype=_TEXT), placed_genes(results)
    sure = float((placed["confidence"] >= 0.95).mean()) if len(placed) else float("nan")
    least = results.settings("dictionary").get("min_kme")
    text = (
        "Every cell has a score of every entry (`programs/<study>/scores.h5ad`, opens in scanpy): the "
        "weighted sum of the residuals of the entry's genes after depth and, for the layer `within`, after "
        "the cell's cluster. A gene is placed in the entry whose score it is most correlated with (signed "
        "kME, without its own part in the score; within clusters for activity, over all cells for identity), "
        f"if the correlation is at least {least}. {percent(sure)} of the placed genes fit their "
        "entry better than any other with a confidence of .95. Entries whose scores vary mostly between "
        "clusters are programmes of identity: their genes go together since clusters mix kinds of cells."
    )
    pictures: list[Block] = []
    if results.has(f"{SCORES}.png"):
        text_of = caption("programs_scores")
        pictures.append(Gallery((results.picture(SCORES, "Scores by label", caption=text_of),)))
    return [
        Heading("Programmes"),
        Paragraph(text),
        *pictures,
        table(programs, titles=_TITLES, caption="Entries as programmes of genes.", file=PROGRAMS),
    ]


def methods(results: Results) -> list[str]:
    """Return the sentences of the Methods paragraph."""
    if not results.has(PROGRAMS):
        return []
    return [
        "Entries were scored in cells by weighted sums of Pearson residuals under a negative binomial model, "
        "corrected for the slope on log depth within clusters. Genes were placed by the correlation with "
        "scores over cells (within clusters unless the entry's scores vary mostly between clusters), each "
        "gene's own part left out (absolute correlation at least "
        f"{results.settings('dictionary').get('min_kme')}, FDR at most .01)."
    ]
