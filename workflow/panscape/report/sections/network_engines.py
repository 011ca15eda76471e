"""Gene networks of lines: the engines side by side, and the neighbors of single genes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from panscape.report.blocks import Block, Heading, Paragraph, table
from panscape.report.format import listing, plural
from panscape.report.results import Results
from panscape.sivae.networks.verdict import EVERY
from panscape.sivae.networks.within import COLUMN as WITHIN

ENGINES, VERDICT = "networks/engines.tsv", "networks/verdict.tsv"
NEIGHBOURS = "networks/neighbours.tsv.gz"
LINE_NEIGHBOURS = "networks/line_neighbours.tsv"
MODELS = {
    "sivae": "siVAE", "pca": "PCA", "pearson": "Pearson", "corrected": "noise-corrected",
    "proportionality": "proportionality",
}  # fmt: skip
_NETWORKS = {
    "pca": "loadings of principal components", "pearson": "Pearson correlations of log expression",
    "corrected": "correlations corrected for the noise of counting (CS-CORE)",
    "proportionality": "proportionality of log expression (rho_p of centred log ratios)",
}  # fmt: skip
_CITED = {"corrected": "su2023cscore", "proportionality": "quinn2017propr"}
_TEXT = {"gene": str, "within": str, "model": str, "line": str, "neighbour": str, "neighbours": str}

_MEASURES = {
    "calibration": "p < 0.05 by chance", "calibration_partial": "the same, controlled",
    "agreement": "halves: neighbours", "line_agreement": "halves: differences between lines",
    "odds_ratio": "known interactions, odds ratio", "power": "power", "follows_depth": "|ρ| with depth",
    "called": "genes called", "called_by_chance": "by chance",
}  # fmt: skip


def engine_methods(models: Sequence[str]) -> list[str]:
    """Return the sentences on the engines that were used beside siVAE.

    Parameters
    ----------
    models
        Engines.
    """
    made = [words for name, words in _NETWORKS.items() if name in models]
    if not made:
        return []
    return [
        f"Networks of the same cells were also made from {listing(made)}, and tested in the same way; genes "
        "and sets that at least two engines found were called confirmed."
    ]


def unused_references(models: Sequence[str]) -> list[str]:
    """Return the references of engines that were not used."""
    return [key for name, key in _CITED.items() if name not in models]


def engine_blocks(results: Results, limit: int) -> list[Block]:
    """Return the comparison of the engines, and the verdict on genes and sets.

    Parameters
    ----------
    results
        Results of the collection.
    limit
        Maximum number of rows of a table.
    """
    if not results.has(ENGINES):
        return []
    engines = results.table(ENGINES, dtype={"phenotype": str, "model": str, "reason": str})
    verdict = results.table(VERDICT, dtype={"name": str, "library": str, "verdict": str, "engines": str})
    if engines.empty:
        return []
    shown = engines.assign(model=engines["model"].map(MODELS))
    text = (
        "Engines on these lines. The one to believe for a phenotype is calibrated (at most 0.07 of the genes "
        "have p < 0.05 under permuted phenotypes) and has the best mean rank in agreement of halves, odds "
        "ratio of known interactions, and power: the fraction of genes found that lose half of their "
        "centrality from one end of the phenotype to the other, planted with the phenotype permuted."
    )
    blocks: list[Block] = [
        Heading("Engines and verdict"),
        Paragraph(_advice(engines, verdict)),
        table(
            shown[["phenotype", "model", *_MEASURES, "reason"]],
            titles={"model": "engine", **_MEASURES},
            caption=text,
            file=ENGINES,
            limit=limit,
        ),
    ]
    if len(verdict):
        listed = verdict.assign(
            engines=[", ".join(MODELS[name] for name in one.split(",")) for one in verdict["engines"]],
            verdict=[_named(one) for one in verdict["verdict"]],
        )
        text = (
            "Genes and gene sets whose connectivity follows a phenotype, beyond expression, by at least one "
            "engine: single genes, the mean over a set, and sets enriched among the genes (GSEA). What two "
            "engines or more find is confirmed and comes first; what only one finds is a hint."
        )
        columns = ["kind", "name", "phenotype", "verdict", "confirmed", "believed", "engines"]
        blocks.append(table(listed[columns], caption=text, file=VERDICT, limit=limit))
    return blocks


def _advice(engines: pd.DataFrame, verdict: pd.DataFrame) -> str:
    """Return which engine to believe, and how far the engines agree, by phenotype."""
    parts, believed = [], engines[engines["believed"].astype(bool)]
    judged = set(believed["phenotype"])
    untested = [name for name in dict.fromkeys(engines["phenotype"]) if name not in judged]
    for row in believed.itertuples():
        genes = verdict[(verdict["phenotype"] == row.phenotype) & (verdict["kind"] == "gene")]
        confirmed = genes["confirmed"].astype(bool)
        counts = [
            f"{plural(int(confirmed.sum()), 'gene')} confirmed by two engines or more",
            f"{int((genes['verdict'] == EVERY).sum())} of them by all",
            f"{int((~confirmed).sum())} found by one only",
        ]
        caution = "" if row.calibrated else " (no engine is calibrated: read permutation p-values)"
        parts.append(f"for {row.phenotype} {MODELS[row.model]}{caution} ({listing(counts)})")
    sentences = [f"The engine to believe here is, {'; '.join(parts)}."] if parts else []
    if untested:
        why = "no gene was tested under permuted phenotypes"
        sentences.append(f"No engine is to be believed more than another for {listing(untested)}: {why}.")
    others = [MODELS[name] for name in dict.fromkeys(engines["model"]) if name != "sivae"]
    if others:
        sentences.append(
            f"siVAE is one engine beside {listing(others)}, not a reference: in our measurements it is at "
            "best level with PCA on known interactions, and slightly worse on unseen cells of small lines."
        )
    return " ".join(sentences)


def _named(verdict: str) -> str:
    """Return a verdict with the engine's display name."""
    name = verdict.removeprefix("only ")
    return f"only {MODELS[name]}" if name in MODELS else verdict


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
    parts = {"": consensus}
    if WITHIN in consensus:
        parts = {str(kind): part for kind, part in consensus.groupby(WITHIN)}
    rows = [
        {"gene": gene, **({"cells": kind} if kind else {}), "model": MODELS[model],
         "neighbours": _listed(part, gene, model)}
        for gene in dict.fromkeys(by_line["gene"])
        for kind, part in parts.items()
        for model in dict.fromkeys(by_line["model"])
    ]  # fmt: skip
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
