"""Studies, quality control and the choice of genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from panscape.preprocess import losses
from panscape.preprocess.genes import studies_needed
from panscape.preprocess.kept import describe
from panscape.preprocess.patterns import GROUPS
from panscape.report.blocks import Block, Fold, Heading, Paragraph, table
from panscape.report.format import count, listing, percent, plural
from panscape.report.results import Results
from panscape.report.section import Section
from panscape.report.sections.studies import each_study, landscape_studies

QC, KEPT, GENES = "preprocess/qc.tsv", "preprocess/kept.tsv", "preprocess/genes.tsv"
SHOWN = 6  # figures before the rest is folded away
_FIGURE = (
    "Counts, detected genes and the shares of mitochondrial and ribosomal counts of the cells that each "
    "study takes from its file. Dashed lines are limits; grey cells were removed by one of them."
)


def selected_genes(results: Results) -> list[str]:
    """Return the genes that were analysed, in their order."""
    genes = results.table(GENES, dtype={"gene": str})
    return genes.loc[genes["selected"], "gene"].tolist()


def _blocks(results: Results) -> list[Block]:
    qc = results.table(QC, dtype={"study": str, "filter": str})
    blocks: list[Block] = [
        table(_overview(results), caption="The studies as they enter the analysis."),
        Heading("Quality control"),
        Paragraph(
            "Filters act in the order of the table; a cell that fails several of them counts for the first."
            + _choice(results)
        ),
        *_warnings(results, qc),
        table(qc_matrix(qc), caption="Removed by each filter, in brackets what is left after it.", file=QC),
    ]
    there = results.figures("preprocess/*/qc")
    pictures = [
        results.picture(stem, f"Quality control of {study}")
        for study in results.studies
        if (stem := f"preprocess/{study}/qc") in there
    ]
    if pictures:
        blocks.append(Paragraph(_FIGURE, "note"))
        blocks += pictures[:SHOWN]
    if pictures[SHOWN:]:
        blocks.append(
            Fold(f"{plural(len(pictures) - SHOWN, 'more study', 'more studies')}", tuple(pictures[SHOWN:]))
        )
    return [*blocks, *_genes(results)] if _compared(results) else blocks


def _choice(results: Results) -> str:
    """Return what to know of cells that a study did not take from its file, if there are any."""
    counts = cell_counts(results)
    if (counts["chosen"] == counts["read"]).all():
        return ""
    return " Cells that `keep` leaves in the file belong to no study: quality control is judged without them."


def _warnings(results: Results, qc: pd.DataFrame) -> list[Block]:
    """Return warnings of studies that lose most of their cells, or some kinds of them more than others."""
    texts = []
    for study, rows in qc.groupby("study", sort=False):
        rows = rows.fillna("").to_dict("records")
        if losses.fraction_lost(rows) > losses.HALF:
            texts.append(
                f"Quality control removed most cells of {study}: {losses.sentence(rows)}. If that is not "
                f"meant, {losses.remedy(rows)}."
            )
    kept = results.table(KEPT, dtype={"study": str, "column": str, "lowest": str, "highest": str})
    uneven = kept[kept["uneven"].astype(str) == "True"]
    texts += [
        f"Study {describe(row)}. What follows compares the cells that are left: a difference along "
        f"{row['column']} may be one of quality."
        for row in uneven.to_dict("records")
    ]
    return [*(Paragraph(text, "warning") for text in texts), *_without_mitochondria(qc)]


def _without_mitochondria(qc: pd.DataFrame) -> list[Block]:
    """Name the studies in which the limit on mitochondrial counts has nothing to judge by."""
    if "median" not in qc or "limit" not in qc:
        return []
    rows = qc[(qc["filter"] == "max_mito") & (qc["limit"] < 1) & (qc["removed"] == 0)]
    studies = rows.loc[pd.to_numeric(rows["median"], errors="coerce") == 0, "study"].tolist()
    if not studies:
        return []
    text = (
        f"Half of the cells of {listing(studies)}, or more, have no mitochondrial counts: `max_mito` says "
        "little of them. Where these genes have other names, set `preprocess.mito_pattern`."
    )
    return [Paragraph(text, "note")]


def cell_counts(results: Results) -> pd.DataFrame:
    """Return, per study, the cells `read`, `chosen` by `keep` and `kept`, and the `genes` kept."""
    qc = results.table(QC, dtype={"study": str, "filter": str})
    cells, genes = (qc[qc["unit"] == unit].groupby("study", sort=False) for unit in ("cells", "genes"))
    keep = qc[qc["filter"] == "keep"].set_index("study")["left"]
    read = cells["left"].first() + cells["removed"].first()
    return pd.DataFrame(
        {
            "read": read,
            "chosen": keep.reindex(read.index).fillna(read).astype(int),
            "kept": cells["left"].last(),
            "genes": genes["left"].last(),
        }
    )


def _overview(results: Results) -> pd.DataFrame:
    """Return one row per study: what the configuration and the tables know of it."""
    counts = cell_counts(results)
    partial = (counts["chosen"] < counts["read"]).any()
    rows = []
    for study in results.studies_config:
        row = {"study": study["id"], "source": _source(study)}
        if study["id"] in counts.index:
            counted = counts.loc[study["id"]]
            row |= {"cells in the file": counted["read"]}
            row |= {"chosen by keep": counted["chosen"]} if partial else {}
            row |= {"cells kept": counted["kept"], "genes kept": counted["genes"]}
        rows.append(row | {"annotations": ", ".join(study.get("obs", {})) or "none"})
    return pd.DataFrame(rows)


def _source(study: Mapping[str, Any]) -> str:
    """Return where a study comes from: the file's name, not where it lies on somebody's disk."""
    if study.get("simulated"):
        return f"simulated ({study['simulated']})"
    return study.get("url") or Path(study.get("path") or "unknown").name


def qc_matrix(qc: pd.DataFrame) -> pd.DataFrame:
    """Return filters as rows (with their limits) and studies as columns: ``removed (left)``."""
    text = [
        count(left) if name == "input" else f"{count(removed)} ({count(left)})"
        for name, removed, left in zip(qc["filter"], qc["removed"], qc["left"], strict=True)
    ]
    order = list(dict.fromkeys(qc["study"]))
    wide = qc.assign(text=text).pivot_table(
        index=["filter", "unit"], columns="study", values="text", aggfunc="first", sort=False
    )
    limits = qc.groupby("filter", sort=False)["limit"].agg(_limits)
    wide = wide[order].fillna("–").rename_axis(columns=None).reset_index()
    wide.insert(1, "limit", wide["filter"].map(limits))
    return wide.rename(columns={"unit": "counts"})


def _limits(values: pd.Series) -> str:
    """Return the limits of a filter over the studies: one value, or the range where they differ."""
    known = values.dropna()
    if known.empty:
        return ""
    low, high = known.min(), known.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _compared(results: Results) -> bool:
    """Tell whether studies are compared gene by gene: those of the landscape are."""
    return results.has(GENES)


def _genes(results: Results) -> list[Block]:
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
                    limit=results.settings("report").get("table_rows", 20),
                ),
            ),
        ),
    ]


def _score(results: Results) -> str:
    score = results.settings("preprocess").get("score", "dispersion")
    return {"second-moment": "second moment over mean"}.get(score, score)


def _left_aside(results: Results) -> str:
    """Return the start of a sentence on genes that no rank brings in."""
    excluded = results.settings("preprocess").get("exclude_genes")
    return f"{_excluded(excluded)} left aside, " if excluded else ""


def _excluded(excluded: Sequence[str]) -> str:
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
    """Return how many of the analysed genes are not measured in every study."""
    missing = chosen[ranks].isna()
    if not missing.any(axis=None):
        return ""
    return (
        f" {count(int(missing.any(axis=1).sum()))} of them are not measured in every study, and count as "
        "unknown there: two clusters are compared by the pairs of genes that both measure."
    )


def _genes_by_study(results: Results, genes: pd.DataFrame, ranks: list[str]) -> list[Block]:
    """Return a table of the genes that each study measures and that are used; none with one study."""
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


def _headline(results: Results) -> list[str]:
    counts = cell_counts(results)
    chosen, kept = int(counts["chosen"].sum()), int(counts["kept"].sum())
    by_keep = " chosen by keep" if chosen < counts["read"].sum() else ""
    genes = f" and {plural(len(selected_genes(results)), 'gene')}" if _compared(results) else ""
    return [
        f"{plural(len(results.studies), 'study', 'studies')} with {plural(kept, 'cell')} after quality "
        f"control ({percent(kept / chosen) if chosen else '–'} of {count(chosen)}{by_keep}){genes}."
    ]


def _methods(results: Results) -> list[str]:
    settings = results.settings("preprocess")
    exceptions = [study["id"] for study in results.studies_config if study.get("qc")]
    partial = [study["id"] for study in results.studies_config if study.get("keep")]
    texts = [
        f"Counts of {plural(len(results.studies), 'study', 'studies')} ({listing(results.studies)}) were "
        "filtered per "
        f"study: {listing(_limits_in_words(settings, _auto_limits(results, exceptions)))}"
        + (f"; {listing(exceptions)} with limits of their own (see the parameters)." if exceptions else "."),
    ]
    if partial:
        whose = listing(partial) if len(partial) < len(results.studies) else "every study"
        texts.append(f"Of {whose} a part of the file's cells was used (keep, see the parameters).")
    if not _compared(results):
        return texts
    genes, excluded = len(selected_genes(results)), settings.get("exclude_genes")
    score = _SCORES.get(settings.get("score", ""), "variability")
    return [
        *texts,
        f"For the landscape, genes were ranked by {score} within "
        f"{each_study(results)}"
        + (f", {_excluded(excluded)} excluded" if excluded else "")
        + f"; the {count(genes)} genes that rank highest"
        + (" in every study that measures them" if len(landscape_studies(results)) > 1 else "")
        + f" were kept{_where_measured(results)}",
        _NORMALISATIONS.get(settings.get("normalisation", ""), ""),
    ]


def _where_measured(results: Results) -> str:
    """Return the end of the sentence on the choice of genes: in how many studies one has to be measured."""
    genes = results.table(GENES, dtype={"gene": str})
    ranks = [name for name in genes.columns if name.startswith("rank_")]
    if len(ranks) < 2:
        return "."
    text = f", of those measured in {_enough(results, ranks)}"
    if genes.loc[genes["selected"], ranks].isna().any(axis=None):
        text += "; a gene that a study does not measure counts as unknown there, and took no part in "
        text += "comparisons with it"
    return f"{text}."


_SCORES = {
    "dispersion": "dispersion (variance over mean of the counts)",
    "second-moment": "second moment over mean of the counts",
    "detection": "the number of cells that express them",
}
_NORMALISATIONS = {
    "log1p": "Expression was log(1 + count).",
    "depth-log1p": "Expression was log(1 + count), counts being divided by the cell's total and multiplied "
    "by the "
    "median total of the study.",
}


def _auto_limits(results: Results, exceptions: list[str]) -> dict[str, str]:
    """Return the limits that the cells of studies without limits of their own decided, by filter."""
    qc = results.table(QC, dtype={"study": str, "filter": str})
    auto = qc[(qc["chosen"] == "auto") & ~qc["study"].isin(exceptions)]
    return {str(name): _limits(rows["limit"]) for name, rows in auto.groupby("filter", sort=False)}


def _limits_in_words(settings: Mapping[str, Any], auto: Mapping[str, str]) -> list[str]:
    """Return the filters that are switched on."""
    words = []
    for key, text in (("min_counts", "counts"), ("min_genes", "detected genes")):
        limit = settings.get(key, 0)
        if limit == "auto":
            least = f" ({auto[key]})" if key in auto else ""
            words.append(
                f"cells with at least as many {text} as lie three median absolute deviations below the "
                "study's median on the log scale, bounded by half of the median and a tenth of the typical "
                f"number{least}"
            )
        elif limit > 0:
            words.append(f"cells with at least {count(limit)} {text}")
    for key, text in (("max_mito", "mitochondrial"), ("max_ribo", "ribosomal")):
        if settings.get(key, 1) < 1:
            words.append(f"at most {percent(settings[key])} {text} counts")
    if settings.get("min_cells_per_gene", 0) > 0:
        words.append(f"genes detected in at least {plural(settings['min_cells_per_gene'], 'cell')}")
    return words or ["no limits"]


SECTION = Section(
    "preprocess",
    "Studies, quality control and genes",
    (QC,),
    _blocks,
    headline=_headline,
    methods=_methods,
)
