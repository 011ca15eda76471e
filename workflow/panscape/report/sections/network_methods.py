"""Methods of the section on networks of lines, and the table of their genes."""

from __future__ import annotations

import pandas as pd

from panscape.report.format import fixed, listing
from panscape.report.results import Results
from panscape.report.sections.network_engines import engine_methods, unused_references
from panscape.report.sections.network_lines import tested_genes, within_types

FOLDER = "networks"
GENES, SETS = f"{FOLDER}/centrality.tsv", f"{FOLDER}/gsea.tsv"
KERNELS = {
    "cka": "the alignment of their gene embeddings (CKA)",
    "neighbours": "the neighbours that genes share (Jaccard index)",
    "edges": "the edges that they share",
    "wl-degree": "the Weisfeiler-Lehman kernel on degrees",
    "wl-name": "the Weisfeiler-Lehman kernel on gene names",
}


def genes(results: Results) -> pd.DataFrame:
    """Return the genes' associations, `call` filled."""
    rows = results.table(GENES, dtype={"gene": str, "phenotype": str, "model": str, "call": str})
    return rows.assign(call=rows["call"].fillna(""))


def controlled(rows: pd.DataFrame) -> list[str]:
    """Return the controls that had enough lines in the tests of siVAE's genes."""
    used = rows.loc[rows["model"] == "sivae", "controls"].fillna("").astype(str).unique()
    every = [set(text.split(",")) for text in used]
    first = used[0].split(",") if len(used) else []
    return [name for name in first if name and all(name in names for names in every)]


def words(control: str) -> str:
    """Return the display name of a control."""
    return {"mean": "mean expression", "n_cells": "cell number"}.get(control, control.replace("_", " "))


def methods(results: Results) -> list[str]:
    """Return the sentences on how lines were compared."""
    used, ranked = results.settings(FOLDER), genes(results)
    kernels = listing([KERNELS.get(str(name), str(name)) for name in used.get("kernels", [])])
    sentences = [
        f"Networks of lines were compared by {kernels}, averaged over a line's bins, "
        f"and tested against phenotypes{within_types(results)} by "
        f"PERMANOVA, Mantel's test and the first axis ({used.get('permutations')} label permutations)."
    ]
    if len(ranked):
        controls = [words(name) for name in controlled(ranked)]
        also = f", also with {listing(controls)} controlled (partial rank correlation)" if controls else ""
        sentences.append(
            "Each gene's centrality, averaged over a line's bins, was correlated with the phenotype over "
            f"lines (Spearman; rank-sum test for two groups){also}, at a false discovery rate of "
            f"{fixed(used.get('fdr', 0.05), 2)} (Benjamini and Hochberg){tested_genes(used)}."
        )
    sentences += engine_methods(list(ranked["model"].unique()))
    if used.get("block"):
        sentences.append(
            f"Lines of the same {words(str(used['block']))} belong together: phenotypes that they share were "
            "tested on averages over them, others were permuted within them."
        )
    if used.get("covariates"):
        names = listing([words(str(name)) for name in used["covariates"]])
        sentences.append(f"Tests were adjusted for {names}, with permuted residuals (Freedman and Lane).")
    if results.has(SETS) and len(results.table(SETS)):
        sentences.append(
            "Gene sets were tested on the ranking of genes (GSEA, gseapy's prerank), and against permuted "
            "labels of lines."
        )
    return sentences


def idle(results: Results) -> list[str]:
    """Return the references of methods that these results do not use."""
    used, models = results.settings(FOLDER), genes(results)["model"].unique()
    filtered = float(used.get("central_fraction", 1)) < 1
    return [*unused_references(list(models)), *([] if filtered else ["bourgon2010filtering"])]
