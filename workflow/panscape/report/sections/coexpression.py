"""Coexpression matrices of the panclusters."""

from __future__ import annotations

import pandas as pd

from panscape.report._blocks import Block, Paragraph, table
from panscape.report._format import count, fixed, percent, plural
from panscape.report._results import Results, caption
from panscape.report._section import Section

PAIRS = "coexpression/*/pairs.tsv"
FIGURE = "landscape/figures/pairs-by-size"


def pairs_per_study(results: Results) -> dict[str, pd.DataFrame]:
    """Return study -> its gene pairs, the diagonal left out."""
    found = {}
    for study in results.studies:
        if results.has(f"coexpression/{study}/pairs.tsv"):
            pairs = results.table(f"coexpression/{study}/pairs.tsv", dtype=str)
            found[study] = pairs[pairs["gene_a"] != pairs["gene_b"]]
    return found


def all_pairs(results: Results) -> pd.DataFrame:
    """Return the union of the studies' gene pairs, the diagonal left out."""
    return pd.concat(pairs_per_study(results).values()).drop_duplicates(ignore_index=True)


def _blocks(results: Results) -> list[Block]:
    from panscape.report.sections.preprocess import selected_genes

    each = pairs_per_study(results)
    rows = pd.DataFrame({"study": list(each), "gene pairs": [len(pairs) for pairs in each.values()]})
    genes = len(selected_genes(results)) if results.has("preprocess/genes.tsv") else 0
    total = len(all_pairs(results))
    share = (
        f", {percent(total / (genes * (genes - 1) / 2))} of all pairs of the {count(genes)} genes"
        if genes > 1
        else ""
    )
    blocks: list[Block] = [
        Paragraph(f"{plural(total, 'gene pair')} pass the threshold in at least one pancluster{share}."),
        table(rows, caption="Gene pairs that pass the threshold in at least one pancluster of the study."),
    ]
    if results.has("landscape/pseudotime.tsv") and results.figures(FIGURE):
        blocks.append(
            results.picture(
                FIGURE, "Coexpressed pairs against cluster size", caption=caption("pairs_by_size")
            )
        )
    return blocks


def _headline(results: Results) -> list[str]:
    return [f"{plural(len(all_pairs(results)), 'coexpressed gene pair')}."]


def _methods(results: Results) -> list[str]:
    settings = results.settings("coexpression")
    method = {"pearson": "Pearson", "spearman": "Spearman"}.get(
        settings.get("method"), str(settings.get("method", ""))
    )
    eta = settings.get("eta")
    text = f"Within each pancluster, {method} correlations of all pairs of genes were computed".replace(
        "  ", " "
    )
    shrinkage = settings.get("shrinkage", "none")
    if shrinkage != "none":
        text += (
            f", shrunk by their standard error ({shrinkage}, strength {settings.get('shrinkage_strength')})"
        )
    if eta is not None:
        text += f"; those with |r| ≥ {fixed(eta)} were kept"
    return [text + "."]


SECTION = Section(
    "coexpression",
    "Coexpression",
    (PAIRS,),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=(
        "Hie B, Cho H, Bryson B, Berger B (2019). Coexpression enables multi-study cellular trajectories of "
        "development and disease. bioRxiv 719088 (Coscape, Trajectorama).",
    ),
    use="landscape",
)
