"""Gene sets that the results speak of, by gene."""

from __future__ import annotations

import pandas as pd

from panscape.data.elements import read_frame
from panscape.data.files import open_h5
from panscape.report.entries import titles
from panscape.report.explorer.bounds import SETS
from panscape.report.results import Results

FEATURES, ENRICHMENT, RANKED = "features/scores.h5ad", "dictionary/enrichment.tsv", "networks/gsea.tsv"
FDR = 0.05
_TEXT = dict.fromkeys(("term", "library", "phenotype", "model", "ranking", "lead", "entry", "genes"), str)


def sets_of_genes(results: Results) -> dict[str, list[list[str]]]:
    """Return gene -> (set, what was found of it): chosen features, sets of entries and of lines."""
    rows = [*_features(results), *_entries(results), *_lines(results)]
    made: dict[str, list[list[str]]] = {}
    for term, said, genes in rows:
        for gene in filter(None, genes.split(";")):
            known = made.setdefault(gene, [])
            if len(known) < SETS:
                known.append([term.replace("_", " "), said])
    return made


def _features(results: Results) -> list[tuple[str, str, str]]:
    if not results.has(FEATURES):
        return []
    with open_h5(results.path(FEATURES)) as file:
        sets = read_frame(file["var"])
    if "genes" not in sets:  # files of earlier versions
        return []
    rows = []
    for row in sets.reset_index(names="term").itertuples():
        said = "scores vary over cells more than those of random sets"
        if pd.notna(getattr(row, "auroc", None)):
            said = f"tells {row.best_class} from other cells (AUROC {row.auroc:.2f})"
        rows.append((str(row.term), said, str(row.genes)))
    return rows


def _entries(results: Results) -> list[tuple[str, str, str]]:
    if not results.has(ENRICHMENT):
        return []
    table, called = results.table(ENRICHMENT, dtype=_TEXT), titles(results)
    table = table[(table["fdr"] < FDR) & (table["representative"].astype(str) == "True")].sort_values(
        "pvalue"
    )
    return [
        (row.term, f"enriched in network {called.get(row.entry, row.entry)} (FDR {row.fdr:.2g})", row.genes)
        for row in table.itertuples()
    ]


def _lines(results: Results) -> list[tuple[str, str, str]]:
    if not results.has(RANKED):
        return []
    table = results.table(RANKED, dtype=_TEXT)
    table = table[(table["fdr"] < FDR) & (table["model"] == "sivae") & (table["ranking"] == "raw")]
    return [
        (row.term, f"centrality goes with {row.phenotype} (NES {row.nes:.2f}, FDR {row.fdr:.2g})", row.lead)
        for row in table.dropna(subset=["lead"]).sort_values("pvalue").itertuples()
    ]
