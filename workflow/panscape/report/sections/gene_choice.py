"""Choice of genes: those measured and those analysed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from panscape.preprocess.genes import studies_needed
from panscape.preprocess.patterns import GROUPS
from panscape.report.blocks import Block, Fold, Heading, Paragraph, table
from panscape.report.format import count, listing, plural
from panscape.report.results import Results
from panscape.report.sections.studies import cell_counts

GENES = "preprocess/genes.tsv"


def selected_genes(results: Results) -> list[str]:
    """Return the genes that were analysed, in their order."""
    genes = results.table(GENES, dtype={"gene": str})
    return genes.loc[genes["selected"], "gene"].tolist()


def compared(results: Results) -> bool:
    """Return whether studies are compared gene by gene, as those of the landscape are."""
    return results.has(GENES)


def gene_blocks(results: Results) -> list[Block]:
    """Return the blocks on genes."""
    genes = results.table(GENES, dtype={"gene": str})
    chosen = genes[genes["selected"]]
    ranks = [name for name in genes.columns if name.startswith("rank_")]
    shown = chosen[["gene", *ranks]]
    return [
        Heading("Genes"),
        Paragraph(
            f"{plural(len(genes), 'gene is', 'genes are')} measured{_in_enough(results, ranks)}; "
            f"{_left_aside(results)}the {count(len(chosen))} that rank highest by {_score(results)} "
            f"{'in every study that measures them ' if len(ranks) > 1 else ''}are "
            f"analysed.{_partly(chosen, ranks)}"
        ),
        *_genes_by_study(results, genes, ranks),
        Fold(
            "Genes that were chosen, and their ranks",
            (
                table(
                    shown,
                    titles={name: f"rank in {name.removeprefix('rank_')}" for name in ranks},
                    caption=f"Rank 1 is the gene of highest {_score(results)} in a study; a dash: not "
                    "measured there.",
                    file=GENES,
                    limit=results.table_rows,
                ),
            ),
        ),
    ]


def _score(results: Results) -> str:
    score = results.settings("preprocess").get("score", "dispersion")
    return {"second-moment": "second moment over mean"}.get(score, score)


def _left_aside(results: Results) -> str:
    """Return the start of a sentence on excluded genes."""
    excluded = results.settings("preprocess").get("exclude_genes")
    return f"{excluded_genes(excluded)} left aside, " if excluded else ""


def excluded_genes(excluded: Sequence[str]) -> str:
    """Return e.g. ``mitochondrial and ribosomal genes and those that match ^HB``."""
    groups = [name for name in excluded if name in GROUPS]
    others = [name for name in excluded if name not in GROUPS]
    parts = [f"{listing(groups)} genes"] if groups else []
    parts += [f"{'those' if groups else 'genes'} that match {listing(others)}"] if others else []
    return " and ".join(parts)


def _in_enough(results: Results, ranks: list[str]) -> str:
    return f" in {_enough(results, ranks)}" if len(ranks) > 1 else ""


def _enough(results: Results, ranks: list[str]) -> str:
    needed = studies_needed(results.settings("preprocess").get("present_in", "all"), len(ranks))
    return "every study" if needed == len(ranks) else f"at least {needed} of {len(ranks)} studies"


def _partly(chosen: pd.DataFrame, ranks: list[str]) -> str:
    """Return a sentence on analysed genes that are not measured in every study."""
    missing = chosen[ranks].isna()
    if not missing.any(axis=None):
        return ""
    return (
        f" {count(int(missing.any(axis=1).sum()))} of them are not measured in every study, and are treated "
        "as unknown there: clusters are compared by the pairs of genes measured in both."
    )


def _genes_by_study(results: Results, genes: pd.DataFrame, ranks: list[str]) -> list[Block]:
    """Return a table of the genes that each study measures and that are used; empty for one study."""
    if len(ranks) < 2:
        return []
    kept = cell_counts(results)["genes"]
    rows = []
    for name in ranks:
        study, here = name.removeprefix("rank_"), genes[name].notna()
        row = {"study": study, "measured": kept.get(study), "analysed": int((here & genes["selected"]).sum())}
        rows.append(row | {"analysed, not measured here": int((~here & genes["selected"]).sum())})
    text = (
        f"Genes that a study measures, and how many of them are analysed: those measured in "
        f"{_enough(results, ranks)}, without excluded ones (preprocess.present_in, n_genes)."
    )
    return [table(pd.DataFrame(rows), caption=text)]


def where_measured(results: Results) -> str:
    """Return the end of the sentence on the choice of genes: the required number of studies."""
    genes = results.table(GENES, dtype={"gene": str})
    ranks = [name for name in genes.columns if name.startswith("rank_")]
    if len(ranks) < 2:
        return "."
    text = f", of those measured in {_enough(results, ranks)}"
    if genes.loc[genes["selected"], ranks].isna().any(axis=None):
        text += "; genes that a study does not measure were treated as unknown there and excluded from "
        text += "comparisons with it"
    return f"{text}."


SCORES = {
    "dispersion": "dispersion (variance over mean of the counts)",
    "second-moment": "second moment over mean of the counts",
    "detection": "the number of cells that express them",
}
NORMALISATIONS = {
    "log1p": "Expression was log(1 + count).",
    "depth-log1p": "Expression was log(1 + count), counts being divided by the cell's total and multiplied "
    "by the "
    "median total of the study.",
}
