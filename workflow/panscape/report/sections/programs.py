"""Part of the dictionary's section: entries as programmes of genes, with scores in cells."""

from __future__ import annotations

import pandas as pd

from panscape.report.blocks import Block, Gallery, Heading, Paragraph, table
from panscape.report.entries import titled
from panscape.report.format import count, listing, percent, plural
from panscape.report.results import Results, caption

PROGRAMS, GENES = "programs/programs.tsv", "programs/genes.tsv"
CHANGES = "programs/changes.tsv"
SCORES, MAP = "programs/figures/scores", "programs/figures/gene-map"
CHANGED = {
    "changes": "Entries that differ between samples",
    "traits": "Entries by traits of samples",
    "volcano": "Effect and p of every entry",
}
FDR = 0.05
REFERENCES = (
    "hafemeister2019sctransform",
    "aibar2017scenic",
    "langfelder2008wgcna",
    "kotliar2019cnmf",
    "mcinnes2018umap",
)
_WORDS = "entry gene kind top_genes second programme direction arm column measure name library"
_TEXT = dict.fromkeys(_WORDS.split(), str)
_JOINED = ["programme", "arm", "joined_kme"]
_TITLES = {
    "between": "variance between clusters",
    "n_cells": "effective cells",
    "n_placed": "placed genes",
    "n_negative": "of these negative",
    "top_genes": "top genes",
    "programme": "part of",
    "arm": "with it",
    "joined_kme": "kME with it",
    "name": "best gene set",
    "name_overlap": "genes of the set",
    "name_fdr": "FDR of the set",
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
        "activity within clusters.",
        *_joined_sentences(programs),
        *_change_sentences(results),
    ]


def _joined_sentences(programs: pd.DataFrame) -> list[str]:
    if "arm" not in programs:  # of an earlier version
        return []
    joined = programs[programs["arm"].isin(["rises", "falls"])]
    if joined.empty:
        return []
    falling, verb = int((joined["arm"] == "falls").sum()), "is" if len(joined) == 1 else "are"
    return [
        f"{plural(len(joined), 'entry', 'entries')} {verb} part of the programme of another: the genes of "
        f"{falling} fall when it rises, those of {len(joined) - falling} rise with it."
    ]


def _change_sentences(results: Results) -> list[str]:
    if not results.has(CHANGES):
        return []
    changes = results.table(CHANGES, dtype=_TEXT)
    said = []
    for column, part in changes.groupby("column", sort=False):
        found = part[part["fdr"] < FDR].groupby("measure", sort=False)["entry"].nunique()
        parts = [f"{found.get(name, 0)} in {name}" for name in dict.fromkeys(part["measure"])]
        samples = plural(int(part["n_samples"].max()), "sample")
        said.append(
            f"Over {samples}, entries differ by {column} (FDR below {FDR}): {listing(parts)}, of "
            f"{part['entry'].nunique()}."
        )
    return said


def blocks(results: Results) -> list[Block]:
    """Return the heading, text, table and figures; none without the files."""
    if not results.has(PROGRAMS, GENES):
        return []
    programs, placed = results.table(PROGRAMS, dtype=_TEXT), placed_genes(results)
    shown = programs.drop(columns=[name for name in programs if programs[name].isna().all()])
    if "name" not in shown:
        shown = shown.drop(columns="name_overlap", errors="ignore")
    if not _joined_sentences(programs):
        shown = shown.drop(columns=_JOINED, errors="ignore")
    elif "programme" in shown:
        shown = shown.assign(programme=shown["programme"].where(shown["programme"] != shown["entry"]))
    sure = float((placed["confidence"] >= 0.95).mean()) if len(placed) else float("nan")
    least = results.settings("dictionary").get("min_kme")
    text = (
        "Every cell has a score of every entry (`programs/<study>/scores.h5ad`, opens in scanpy): the "
        "weighted sum of the residuals of the entry's genes after depth and, for the layer `within`, after "
        "the cell's cluster. A gene is placed in the entry whose score it is most correlated with (signed "
        "kME, without its own part in the score; within clusters for activity, over all cells for identity), "
        f"if the correlation is at least {least}. {percent(sure)} of the placed genes fit their "
        "entry better than any other with a confidence of .95. Entries whose scores vary mostly between "
        "clusters are programmes of identity: their genes go together since clusters mix kinds of cells. An "
        "entry whose genes all follow or oppose the score of a larger one is part of its programme."
    )
    return [
        Heading("Programmes"),
        Paragraph(text),
        *_picture(results, SCORES, "Scores by label", "programs_scores"),
        *_picture(results, MAP, "Map of genes by entry", "programs_gene_map"),
        table(
            titled(shown.drop(columns="top_genes"), results),
            titles=_TITLES,
            caption="Entries as programmes of genes.",
            file=PROGRAMS,
        ),
        *_changes(results),
    ]


def _picture(results: Results, path: str, title: str, name: str) -> list[Block]:
    if not results.has(f"{path}.png"):
        return []
    return [Gallery((results.picture(path, title, caption=caption(name)),))]


def _changes(results: Results) -> list[Block]:
    if not results.has(CHANGES):
        return []
    rows = results.table(CHANGES, dtype=_TEXT).sort_values(["pvalue", "column", "measure", "entry"])
    titles = {"n_samples": "samples", "rho": "ρ", "pvalue": "p", "smallest": "smallest p", "fdr": "FDR"}
    text = "Entries that differ between samples, by p; smallest p is the least that the samples can attain."
    return [
        Heading("Differences between samples"),
        *(
            block
            for name, title in CHANGED.items()
            for block in _picture(results, f"programs/figures/{name}", title, f"programs_{name}")
        ),
        table(titled(rows, results), titles=titles, caption=text, file=CHANGES, limit=results.table_rows),
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
        f"{results.settings('dictionary').get('min_kme')}, FDR at most .01). Entries of activity whose genes "
        "were correlated with a larger entry's score at two fifths of the strength as with their own, in "
        "either direction, were joined with it.",
        *_change_methods(results),
    ]


def _change_methods(results: Results) -> list[str]:
    used = results.settings("dictionary")
    if not results.has(CHANGES):
        return []
    adjusted = used.get("covariates")
    return [
        f"Levels, activity and connectivity of entries were compared by {listing(used.get('compare', []))} "
        f"between samples (column {used.get('sample')}) within studies"
        + (f" and blocks ({used['block']})" if used.get("block") else "")
        + (f", adjusted for {listing(adjusted)}" if adjusted else "")
        + f", by rank correlations and up to {used.get('permutations')} permutations of samples; false "
        "discovery rates are over entries (Benjamini-Hochberg)."
    ]
