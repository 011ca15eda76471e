"""Genes and gene pairs that change along pseudotime."""

from __future__ import annotations

import pandas as pd

from panscape.report.blocks import Block, Heading, Paragraph, table
from panscape.report.format import fixed, listing, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section
from panscape.report.sections.drawn import drawn, left_out
from panscape.report.sections.landscape_sentences import PSEUDOTIME, no_order, ordered

GENES, PAIRS = "landscape/genes.tsv", "landscape/pairs.tsv"
FIGURES = "landscape/figures"
NAMED = 3  # genes of each direction in the summary
_TITLES = {
    "gene_a": "gene",
    "gene_b": "gene",
    "rho": "ρ",
    "pvalue": "p",
    "fdr": "FDR",
    "rho_within": "ρ within studies",
    "detection": "fraction of cells expressing it",
    "n_clusters": "clusters with the pair",
    "rho_disjoint": "ρ over disjoint clusters",
    "n_disjoint": "disjoint clusters",
}


def genes(results: Results) -> pd.DataFrame:
    """Return the genes by the strength of their change."""
    return by_strength(results.table(GENES, dtype={"gene": str}))


def pairs(results: Results) -> pd.DataFrame:
    """Return the gene pairs by the strength of their change."""
    return by_strength(results.table(PAIRS, dtype={"gene_a": str, "gene_b": str}))


def by_strength(table_: pd.DataFrame) -> pd.DataFrame:
    """Sort rows by the absolute value of `rho`, undefined ones last."""
    return table_.sort_values(
        "rho", key=lambda rho: rho.abs(), ascending=False, kind="stable", ignore_index=True
    )


def _blocks(results: Results) -> list[Block]:
    limit = results.table_rows
    columns = ["gene", "rho", "pvalue", "fdr"]
    ranked = genes(results)
    if not ranked["rho"].notna().any():
        return [Paragraph(f"No gene is ranked: {_unranked(results)}.", "note")]
    blocks: list[Block] = [
        Paragraph(
            "Genes are ranked by Spearman's ρ of their mean expression in a cluster with the cluster's "
            "pseudotime, pairs by that of their coexpression. Clusters share cells, so p-values and false "
            "discovery rates are of the correlation within studies over disjoint clusters only. Disjoint "
            "clusters are treated as independent, so a marker gene of a cell type with several "
            "clusters can pass. Expression is relative to all of a cell's counts, so changes of other genes "
            "contribute." + _untested(ranked),
        ),
        Heading("Genes"),
        *_pictures(
            results,
            ("genes-volcano", "genes_volcano"),
            ("genes-heatmap", "genes_heatmap"),
            ("genes-along", "genes_along"),
        ),
        table(
            _in_order(ranked, columns),
            titles=_TITLES,
            file=GENES,
            limit=limit,
            caption="Genes along pseudotime, strongest first.",
        ),
    ]
    if results.has(PAIRS):
        columns = ["gene_a", "gene_b", "rho", "pvalue", "fdr"]
        blocks += [
            Heading("Gene pairs"),
            *_pictures(results, ("pairs-heatmap", "pairs_heatmap")),
            table(
                _in_order(pairs(results), columns),
                titles=_TITLES,
                file=PAIRS,
                limit=limit,
                caption="Gene pairs whose coexpression changes along pseudotime, strongest first.",
            ),
        ]
    return blocks


def _unranked(results: Results) -> str:
    """Return why no gene has a correlation with pseudotime."""
    if not results.has(PSEUDOTIME) or not ordered(results):
        return f"clusters have no pseudotime ({no_order(results)})"
    return "expression or pseudotime varies over too few clusters"


def _untested(ranked: pd.DataFrame) -> str:
    """Return a sentence on the number of clusters behind the p-values, or why there are none."""
    if "n_disjoint" not in ranked or ranked.empty:
        return ""
    number = int(ranked["n_disjoint"].iloc[0])
    if ranked["pvalue"].isna().all():
        return f" There are no p-values: {plural(number, 'disjoint cluster')} with a pseudotime are too few."
    return f" The genes' p-values are based on {plural(number, 'disjoint cluster')}."


def _in_order(table_: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return a table with the usual columns first."""
    first = [name for name in columns if name in table_.columns]
    return table_[[*first, *(name for name in table_.columns if name not in first)]]


def _pictures(results: Results, *wanted: tuple[str, str]) -> list[Block]:
    titles = drawn(results)
    pictures: list[Block] = [
        results.picture(f"{FIGURES}/{name}", titles[name], caption=caption(text))
        for name, text in wanted
        if name in titles
    ]
    return pictures + left_out(results, [name for name, _ in wanted])


def _headline(results: Results) -> list[str]:
    ranked = genes(results)
    parts = []
    for verb, some in (("rising", ranked[ranked["rho"] > 0]), ("falling", ranked[ranked["rho"] < 0])):
        best = some.head(NAMED)
        named = [f"{gene} ({fixed(rho)})" for gene, rho in zip(best["gene"], best["rho"], strict=True)]
        parts += [f"{verb} {listing(named)}"] if named else []
    return [f"Strongest genes along pseudotime (ρ): {'; '.join(parts)}."] if parts else []


SECTION = Section(
    "along",
    "Genes and pairs along pseudotime",
    (GENES,),
    _blocks,
    headline=_headline,
    use="landscape",
)
