"""What may be wrong with the data or the models, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from panscape.preprocess import losses
from panscape.preprocess.kept import describe
from panscape.report.claims.claim import LEVEL
from panscape.report.format import fixed, listing, percent, plural, pvalue
from panscape.report.results import Results
from panscape.report.sections.landscape_sentences import PSEUDOTIME, few_clusters
from panscape.report.sections.landscape_tables import STATISTICS, statistic, statistics
from panscape.report.sections.network_lines import TESTS, TEXT
from panscape.report.sections.sivae import LINES, MODELS, models
from panscape.report.sections.studies import QC
from panscape.sivae.networks.within import comparisons
from panscape.stats.ranks import correlation_pvalues, spearman

STRONG = 0.5  # |rho| from which depth counts as following what is studied
TECHNICAL = ("platform", "batch", "study", "sample", "donor")
PURE = 0.9  # mean purity of metacells for a technical column
FEWEST = 6  # lines for a correlation with a phenotype
_NOT_PHENOTYPES = {
    "line", "name", "within", "study", "n_cells", "n_bins", "bin_cells", "discarded", "thinned_to", "depth",
    "detected", "composition", "job", "status",
}  # fmt: skip


def alerts(results: Results) -> list[str]:
    """Return the alerts, each with what to do."""
    return [text for check in CHECKS for text in check(results)]


def lost_cells(results: Results) -> list[str]:
    """Return the studies of which quality control removed more than half of the cells."""
    if not results.has(QC):
        return []
    qc = results.table(QC, dtype={"study": str, "filter": str}).fillna("")
    texts = []
    for study, table in qc.groupby("study", sort=False):
        rows = table.to_dict("records")
        if (lost := losses.fraction_lost(rows)) > losses.HALF:
            texts.append(
                f"Quality control removed {percent(lost)} of the cells of {study}. If this is not intended, "
                f"{losses.remedy(rows)}."
            )
    return texts


def uneven_cells(results: Results) -> list[str]:
    """Return the annotations along which quality control keeps different fractions of cells."""
    name = "preprocess/kept.tsv"
    if not results.has(name):
        return []
    kept = results.table(name, dtype={"study": str, "column": str, "lowest": str, "highest": str})
    rows = kept[kept["uneven"].astype(str) == "True"].to_dict("records")
    return [
        f"Study {describe(row)}. Relax the filter that removes them, or compare groups of equal quality."
        for row in rows
    ]


def small_landscape(results: Results) -> list[str]:
    """Return a warning of too few clusters."""
    return few_clusters(results) if results.has(PSEUDOTIME) else []


def depth_along(results: Results) -> list[str]:
    """Return whether sequencing depth follows pseudotime."""
    if not results.has(STATISTICS):
        return []
    row = statistic(statistics(results), "coexpression", "rho_n_counts")
    if row is None or abs(row["value"]) < STRONG or not row["low"] * row["high"] > 0:
        return []
    return [
        f"Depth follows pseudotime (ρ = {fixed(row['value'])}): the order may be one of depth. Compare with "
        "“depth alone” and with pseudotime given depth in the chapter Landscape, on studies of equal depth."
    ]


def _done_about_depth(lines: pd.DataFrame) -> str:
    """Return what was done about lines of unequal depth, and what is left to do."""
    if "thinned_to" in lines and lines["thinned_to"].notna().all():
        return (
            "Their cells were thinned to equal depth before they were modelled; what still follows depth is "
            "in the table of confounding in the chapter Networks of lines."
        )
    return (
        "Differences between networks may be of depth: write sivae: {equal_depth: true}, or use the columns "
        "with controls."
    )


def depth_of_lines(results: Results) -> list[str]:
    """Return the phenotypes of lines that depth follows."""
    if not results.has(LINES):
        return []
    lines = results.table(LINES, dtype={"line": str, "name": str, "within": str})
    lines = lines[lines["status"] == "ok"].reset_index(drop=True)
    texts = []
    for one in comparisons(lines, [name for name in lines if name not in _NOT_PHENOTYPES]):
        if "depth" not in lines:
            continue
        values = _numbers(lines[one.column].where(one.inside))
        known = values.notna() & lines["depth"].notna()
        if known.sum() < FEWEST or values[known].nunique() < 2:
            continue
        rho, p = _spearman(values[known].to_numpy(float), lines.loc[known, "depth"].to_numpy(float))
        if abs(rho) >= STRONG and p <= LEVEL:
            label = one.label.replace("_", " ")
            texts.append(
                f"Depth of the lines follows {label} (ρ = {fixed(rho)}, p = {pvalue(p)}, "
                f"{int(known.sum())} lines). {_done_about_depth(lines)}"
            )
    return texts


def composition_of_lines(results: Results) -> list[str]:
    """Return the phenotypes that the fraction of a cell type follows."""
    if not results.has(TESTS):
        return []
    tests = results.table(TESTS, dtype=TEXT)
    rows = tests[(tests["part"] == "confounding") & (tests["statistic"] == "composition")]
    return [f"{str(text)[0].upper()}{str(text)[1:]}." for text in dict.fromkeys(rows["status"])]


def _numbers(column: pd.Series) -> pd.Series:
    """Return a phenotype as numbers: values, or 0 and 1 of two classes; NaN otherwise."""
    values = pd.to_numeric(column, errors="coerce")
    if values.notna().any():
        return values
    classes = sorted(column.dropna().unique())
    return column.map({name: at for at, name in enumerate(classes)} if len(classes) == 2 else {})


def _spearman(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    rho = float(spearman(a, b))
    return rho, float(correlation_pvalues(np.asarray(rho), len(a) - 2))


def platform_metacells(results: Results) -> list[str]:
    """Return the samples whose metacells follow a technical column although it has several classes."""
    texts = []
    for name in results.matching("metacells/*/metacells.tsv"):
        table = results.table(name, dtype={"metacell": str})
        for column in TECHNICAL:
            if column not in table or f"{column}_purity" not in table or table[column].nunique() < 2:
                continue
            purity = float(np.average(table[f"{column}_purity"], weights=table["n_cells"]))
            if purity >= PURE:
                texts.append(
                    f"Metacells of {name.split('/')[1]} follow {column} ({percent(purity)} of their cells "
                    f"are of one): they group cells by origin. Correct for {column}, or group within each."
                )
    return texts


def collapsed_models(results: Results) -> list[str]:
    """Return the lines whose model explains almost nothing."""
    if not results.has(MODELS):
        return []
    rows = models(results)
    lines = sorted(rows.loc[rows["collapsed"], "line"].unique())
    if not lines:
        return []
    shown = listing([*lines[:5], *([f"{len(lines) - 5} more"] if len(lines) > 5 else [])])
    return [
        f"The model collapsed in {plural(len(lines), 'line')} ({shown}): its network says nothing. Give it "
        "more cells (sivae.bin_cells) or more steps (sivae.n_steps)."
    ]


CHECKS: tuple[Callable[[Results], list[str]], ...] = (
    lost_cells,
    uneven_cells,
    small_landscape,
    depth_along,
    depth_of_lines,
    composition_of_lines,
    platform_metacells,
    collapsed_models,
)
