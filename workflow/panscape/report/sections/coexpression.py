"""Coexpression matrices of the panclusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from panscape.report.blocks import Block, Paragraph, table
from panscape.report.format import between, count, fixed, percent, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section
from panscape.report.sections.drawn import drawn, left_out

PAIRS = "coexpression/*/pairs.tsv"
CHOSEN = "coexpression/signal_pairs.tsv"
MUCH = 0.5  # fraction of pairs by chance above which a warning is shown
FIGURE = "landscape/figures/pairs-by-size"


def pairs_per_study(results: Results) -> dict[str, pd.DataFrame]:
    """Return study -> its gene pairs, the diagonal left out."""
    by_study = {}
    for study in results.studies:
        if results.has(f"coexpression/{study}/pairs.tsv"):
            pairs = results.table(f"coexpression/{study}/pairs.tsv", dtype=str)
            by_study[study] = pairs[pairs["gene_a"] != pairs["gene_b"]]
    return by_study


def all_pairs(results: Results) -> pd.DataFrame:
    """Return the union of the studies' gene pairs, the diagonal left out."""
    return pd.concat(pairs_per_study(results).values()).drop_duplicates(ignore_index=True)


def corrected(landscape: Mapping[str, Any]) -> bool:
    """Return whether the landscape of these settings compares the pairs with the most signal."""
    return landscape.get("distance") == "corrected"


def by_chance(results: Results) -> pd.DataFrame:
    """Return pairs and pairs by chance in some panclusters of every study: `study`, `share` and so on."""
    each = [
        results.table(f"coexpression/{study}/chance.tsv", dtype={"cluster": str}).assign(study=study)
        for study in results.studies
        if results.has(f"coexpression/{study}/chance.tsv")
    ]
    return pd.concat(each, ignore_index=True) if each else pd.DataFrame(columns=["study", "share"])


def _share_of_pairs(results: Results, total: int) -> str:
    from panscape.report.sections.gene_choice import selected_genes

    genes = len(selected_genes(results)) if results.has("preprocess/genes.tsv") else 0
    if genes < 2:
        return ""
    return f", {percent(total / (genes * (genes - 1) / 2))} of all pairs of the {count(genes)} genes"


def _blocks(results: Results) -> list[Block]:
    each = pairs_per_study(results)
    rows = pd.DataFrame({"study": list(each), "gene pairs": [len(pairs) for pairs in each.values()]})
    total, chance = len(all_pairs(results)), by_chance(results)
    blocks: list[Block] = [
        Paragraph(
            f"{plural(total, 'gene pair passes', 'gene pairs pass')} the threshold in at least one pancluster"
            f"{_share_of_pairs(results, total)}. The more panclusters there are and the smaller they are, "
            "the more pairs pass somewhere by chance; the relevant number is the fraction by chance within a "
            "pancluster."
        ),
        *_chance_blocks(results, chance),
        *_signal_blocks(results),
    ]
    if chance["share"].notna().any():
        typical = chance.groupby("study", sort=False)["share"].median()
        rows["by chance in a typical pancluster"] = [percent(typical.get(name, np.nan)) for name in each]
    blocks.append(
        table(rows, caption="Gene pairs that pass the threshold in at least one pancluster of the study.")
    )
    blocks += left_out(results, ["pairs-by-size"])
    if results.has("landscape/pseudotime.tsv") and "pairs-by-size" in drawn(results):
        blocks.append(
            results.picture(
                FIGURE, "Coexpressed pairs against cluster size", caption=caption("pairs_by_size")
            )
        )
    return blocks


def _chance_blocks(results: Results, chance: pd.DataFrame) -> list[Block]:
    known = chance.dropna(subset=["share"])
    if known.empty:
        return []
    typical, eta = known["share"].median(), results.settings("coexpression").get("eta", 0)
    text = (
        "After permuting every gene's values among the cells of a pancluster (within strata of depth), "
        f"{percent(typical)} as many pairs as in the data pass |r| ≥ {fixed(eta)} in a typical pancluster "
        f"({between(known['share'].min(), known['share'].max(), percent)} in the {len(known)} "
        "panclusters tested, which cover all sizes)."
    )
    if typical <= MUCH:
        return [Paragraph(text)]
    used = "Networks" if corrected(results.settings("landscape")) else "Distances and networks"
    advice = (
        " Most pairs of a typical pancluster are therefore noise, and a single pair in one pancluster is not "
        f"evidence. {used} exclude pairs supported by few cells; larger panclusters "
        "(`panclust.min_cells`) or a higher threshold (`coexpression.eta`) lower the fraction."
    )
    return [Paragraph(text + advice, "warning")]


def _signal_blocks(results: Results) -> list[Block]:
    """Return what is known of the pairs that the landscape compares, if it chose them by their signal."""
    if not results.has(CHOSEN):
        return []
    chosen = results.table(CHOSEN, dtype={"gene_a": str, "gene_b": str})
    asked = int(results.settings("landscape").get("top_pairs", len(chosen)))
    most = "with the most signal" if len(chosen) >= asked else "with any signal"
    weight = chosen["weight"]
    return [
        Paragraph(
            "The landscape does not use this threshold. It compares panclusters over the "
            f"{plural(len(chosen), 'gene pair', 'gene pairs')} {most} over all panclusters. Pairs are "
            "weighted by the fraction of their squared correlations that is signal (independent genes make "
            f"up the rest): {percent(weight.median())} for a typical pair, "
            f"{between(weight.quantile(0.05), weight.quantile(0.95), percent)} for nine in ten."
        )
    ]


def _headline(results: Results) -> list[str]:
    total, chance = len(all_pairs(results)), by_chance(results).dropna(subset=["share"])
    text = (
        f"{plural(total, 'gene pair passes', 'gene pairs pass')} the coexpression threshold in some "
        f"pancluster{_share_of_pairs(results, total)}"
    )
    if len(chance):
        share = chance.sort_values("n_cells", kind="stable")["share"]
        text += (
            f"; in a typical pancluster {percent(share.median())} of those that pass are due to chance "
            f"({percent(share.iloc[0])} in the smallest, {percent(share.iloc[-1])} in the largest)"
        )
    return [text + "."]


_EXPRESSION = {
    "geometric-mean": "the geometric mean, exp(mean(log(1 + x))) - 1,",
    "ratio": "exp(mean(log(1 + x))) / (mean(x) + 1)",
    "mean": "the mean",
}


def _methods(results: Results) -> list[str]:
    settings = results.settings("coexpression")
    names = {"pearson": "Pearson", "spearman": "Spearman", "corrected": "noise-corrected"}
    estimator = str(settings.get("estimator", settings.get("method", "")))
    method = names.get(estimator, estimator)
    eta = settings.get("eta")
    text = f"Within each pancluster, {method} correlations of all pairs of genes were computed".replace(
        "  ", " "
    )
    if estimator == "corrected":
        text += " from the moments of a Poisson measurement model (CS-CORE)"
    shrinkage = settings.get("shrinkage", "none")
    if shrinkage != "none":
        text += (
            f", shrunk by their standard error ({shrinkage}, strength {settings.get('shrinkage_strength')})"
        )
    if eta is not None:
        text += f"; those with |r| ≥ {fixed(eta)} were kept"
    expression = _EXPRESSION.get(settings.get("expression", "geometric-mean"))
    return [f"{text}.", f"A pancluster's expression is {expression} of its cells' counts."]


def _idle(results: Results) -> list[str]:
    return [] if results.settings("coexpression").get("estimator") == "corrected" else ["su2023cscore"]


SECTION = Section(
    "coexpression",
    "Coexpression",
    (PAIRS,),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=("hie2019coscape", "su2023cscore"),
    idle=_idle,
    use="landscape",
)
