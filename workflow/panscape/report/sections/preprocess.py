"""Studies, quality control and the choice of genes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from panscape.preprocess import losses
from panscape.preprocess.kept import describe
from panscape.report.blocks import Block, Fold, Heading, Paragraph, table
from panscape.report.format import between, count, listing, percent, plural
from panscape.report.results import Results
from panscape.report.section import Section
from panscape.report.sections.gene_choice import (
    NORMALISATIONS,
    SCORES,
    compared,
    excluded_genes,
    gene_blocks,
    selected_genes,
    where_measured,
)
from panscape.report.sections.species import species_blocks, species_methods
from panscape.report.sections.studies import QC, cell_counts, each_study, landscape_studies

KEPT = "preprocess/kept.tsv"
UNDERSTOOD = "preprocess/understood.tsv"
SHOWN = 6  # number of figures before the rest is collapsed
_FIGURE = (
    "Counts, detected genes and the fractions of mitochondrial and ribosomal counts of the cells that each "
    "study takes from its file. Dashed lines are limits; grey cells were removed by one of them."
)

_UNDERSTOOD = (
    "What was read from the files, to be checked against what you know of them: names of genes, the "
    "fraction that are known genes of the species, median counts and detected genes of a sample of cells "
    "(10 % and 90 % quantiles in brackets), classes of the labels, the columns that annotations are taken "
    "from, and columns that have the name of an annotation which is not taken."
)


def _blocks(results: Results) -> list[Block]:
    qc = results.table(QC, dtype={"study": str, "filter": str})
    blocks: list[Block] = [
        table(_overview(results), caption="The studies as they enter the analysis."),
        table(understood(results), caption=_UNDERSTOOD, file=UNDERSTOOD),
        Heading("Quality control"),
        Paragraph(
            "Filters act in the order of the table; a cell that fails several of them counts for the first."
            + _choice(results)
        ),
        *_warnings(results, qc),
        table(qc_matrix(qc), caption="Removed by each filter; in brackets, those left after it.", file=QC),
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
    blocks += species_blocks(results)
    return [*blocks, *gene_blocks(results)] if compared(results) else blocks


def _choice(results: Results) -> str:
    """Return a note on cells not chosen by `keep`, if there are any."""
    counts = cell_counts(results)
    if (counts["chosen"] == counts["read"]).all():
        return ""
    return " Cells not chosen by `keep` belong to no study: quality control does not count them."


def _warnings(results: Results, qc: pd.DataFrame) -> list[Block]:
    """Return warnings of studies that lose most of their cells, or lose them unevenly."""
    texts = []
    for study, rows in qc.groupby("study", sort=False):
        rows = rows.fillna("").to_dict("records")
        if losses.fraction_lost(rows) > losses.HALF:
            texts.append(
                f"Quality control removed most cells of {study}: {losses.sentence(rows)}. If this is not "
                f"intended, {losses.remedy(rows)}."
            )
    kept = results.table(KEPT, dtype={"study": str, "column": str, "lowest": str, "highest": str})
    uneven = kept[kept["uneven"].astype(str) == "True"]
    texts += [
        f"Study {describe(row)}. Later results compare the remaining cells: a difference along "
        f"{row['column']} may reflect quality."
        for row in uneven.to_dict("records")
    ]
    return [*(Paragraph(text, "warning") for text in texts), *_without_mitochondria(qc)]


def _without_mitochondria(qc: pd.DataFrame) -> list[Block]:
    """Return a note on studies without mitochondrial counts, where the limit has no effect."""
    if "median" not in qc or "limit" not in qc:
        return []
    rows = qc[(qc["filter"] == "max_mito") & (qc["limit"] < 1) & (qc["removed"] == 0)]
    studies = rows.loc[pd.to_numeric(rows["median"], errors="coerce") == 0, "study"].tolist()
    if not studies:
        return []
    text = (
        f"At least half of the cells of {listing(studies)} have no mitochondrial counts, so `max_mito` has "
        "little effect on them. If these genes have other names, set `preprocess.mito_pattern`."
    )
    return [Paragraph(text, "note")]


def _overview(results: Results) -> pd.DataFrame:
    """Return one row per study, from the configuration and the tables."""
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


def understood(results: Results) -> pd.DataFrame:
    """Return one row per study with what was understood of its files, for people."""
    names = ("study", "genes", "labels", "species", "format", "roles", "not_taken", "left_out", "unit")
    texts = dict.fromkeys(names, str)
    read = results.table(UNDERSTOOD, dtype=texts)
    shown = pd.DataFrame({"study": read["study"], "format": read["format"], "genes": read["genes"]})
    known = [
        f"{percent(share)} {species}" if share == share else "–"
        for share, species in zip(read["known"], read["species"], strict=True)
    ]
    shown["known genes"], shown["mitochondrial"] = known, read["n_mito"]
    for column, name in (("counts", "counts a cell"), ("detected", "genes a cell")):
        low, middle, high = (read[f"{column}_{quantile}"] for quantile in (10, 50, 90))
        shown[name] = [
            f"{b:,.0f} ({a:,.0f}–{c:,.0f})" if b == b else "–"
            for a, b, c in zip(low, middle, high, strict=True)
        ]
    if read["in_sheet"].notna().any():
        shown["cells in the sheet"] = [percent(x) if x == x else "–" for x in read["in_sheet"]]
    if read["age_low"].notna().any():
        ages = zip(read["age_low"], read["age_high"], strict=True)
        unit = next((text for text in read["unit"] if text == text), "")
        ages_of = [between(low, high, "{:g}".format) if low == low else "–" for low, high in ages]
        shown[f"age ({unit})" if unit else "age"] = ages_of
    shown = shown.assign(labels=read["labels"].fillna(""), taken=read["roles"].fillna(""))
    for column, name in (("not_taken", "not taken"), ("left_out", "features left out")):
        if read[column].notna().any():
            shown[name] = read[column].fillna("")
    return shown


def _source(study: Mapping[str, Any]) -> str:
    """Return the source of a study: the name of its file without the folder."""
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
    return between(known.min(), known.max(), "{:g}".format)


def _headline(results: Results) -> list[str]:
    counts = cell_counts(results)
    chosen, kept = int(counts["chosen"].sum()), int(counts["kept"].sum())
    by_keep = " chosen by keep" if chosen < counts["read"].sum() else ""
    genes = f" and {plural(len(selected_genes(results)), 'gene')}" if compared(results) else ""
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
        f"filtered per study: {listing(_limits_in_words(settings, _auto_limits(results, exceptions)))}"
        + (f"; {listing(exceptions)} with limits of their own (see the parameters)." if exceptions else "."),
    ]
    if partial:
        whose = listing(partial) if len(partial) < len(results.studies) else "every study"
        texts.append(f"Of {whose} a part of the file's cells was used (keep, see the parameters).")
    texts += species_methods(results)
    if not compared(results):
        return texts
    genes, excluded = len(selected_genes(results)), settings.get("exclude_genes")
    score = SCORES.get(settings.get("score", ""), "variability")
    return [
        *texts,
        f"For the landscape, genes were ranked by {score} within "
        f"{each_study(results)}"
        + (f", {excluded_genes(excluded)} excluded" if excluded else "")
        + f"; the {count(genes)} genes that rank highest"
        + (" in every study that measures them" if len(landscape_studies(results)) > 1 else "")
        + f" were kept{where_measured(results)}",
        NORMALISATIONS.get(settings.get("normalisation", ""), ""),
    ]


def _auto_limits(results: Results, exceptions: list[str]) -> dict[str, str]:
    """Return the automatic limits by filter, of studies without limits of their own."""
    qc = results.table(QC, dtype={"study": str, "filter": str})
    auto = qc[(qc["chosen"] == "auto") & ~qc["study"].isin(exceptions)]
    return {str(name): _limits(rows["limit"]) for name, rows in auto.groupby("filter", sort=False)}


def _limits_in_words(settings: Mapping[str, Any], auto: Mapping[str, str]) -> list[str]:
    """Return the active filters in words."""
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
