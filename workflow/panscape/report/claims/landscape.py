"""Claims on the landscape: its order, and the genes along it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from panscape.plot import names
from panscape.report.claims.claim import LEVEL, UNDECIDED, Claim, by_chance, verdict
from panscape.report.format import count, fixed, plural, pvalue
from panscape.report.results import Results
from panscape.report.sections.along import GENES, genes
from panscape.report.sections.landscape_sentences import MIN_CLUSTERS, units
from panscape.report.sections.landscape_tables import (
    STATISTICS,
    interval,
    null_mean,
    statistic,
    statistics,
)

_OWN = ("coexpression", "common-pairs")  # spaces that are coexpression themselves, no plain baselines
_QUESTIONS = {
    names.AGE: "Coexpression orders the clusters by age",
    names.WITHIN: "It does so within each study",
    names.OTHER_STUDIES: "Clusters of other studies with similar coexpression have similar ages",
}


def landscape_claims(results: Results) -> list[Claim]:
    """Return the claims on the order of the clusters and on the mixing of studies."""
    if not results.has(STATISTICS):
        return []
    stats = statistics(results)
    made = [_about_age(stats, name, text) for name, text in _QUESTIONS.items()]
    return [claim for claim in [*made, _mixing(stats)] if claim is not None]


def _about_age(stats: pd.DataFrame, name: str, text: str) -> Claim | None:
    row = statistic(stats, "coexpression", name)
    if row is None:
        return None
    space, other = _best_plain(stats, name)
    margin, low = math.nan, math.nan
    if other is not None:
        margin = float(row["value"] - other["value"])
        known = statistic(stats, space, names.MARGIN) if name == names.AGE else None
        # without an interval of the difference, the lower end of the value's own is compared
        low = float(known["low"]) if known is not None else float(row["low"] - other["value"])
    few = row["n"] < MIN_CLUSTERS
    decided = verdict(
        beats_chance=None if few else by_chance(row["pvalue"]),
        baseline=names.space_label(space) if space else "",
        margin=margin,
        low=low,
    )
    why = f"fewer than {MIN_CLUSTERS} clusters" if few else "no p-value"
    return Claim(
        text,
        f"ρ = {fixed(row['value'])}{interval(row)}",
        f"{names.space_label(space)}: {fixed(other['value'])}{interval(other)}" if other is not None else "",
        f"{null_mean(row)}, p = {pvalue(row['pvalue'])}" if math.isfinite(row["pvalue"]) else "",
        _number(row),
        decided,
        "landscape",
        why if decided == UNDECIDED else "",
    )


def _best_plain(stats: pd.DataFrame, name: str) -> tuple[str, pd.Series | None]:
    rows = stats[(stats["statistic"] == name) & np.isfinite(stats["value"]) & ~stats["space"].isin(_OWN)]
    if rows.empty:
        return "", None
    best = rows.loc[rows["value"].idxmax()]
    return str(best["space"]), best


def _number(row: pd.Series) -> str:
    over = plural(int(row["n"]), "cluster")
    return f"{over}, {named}" if (named := units(row)) else over


def _mixing(stats: pd.DataFrame) -> Claim | None:
    row, other = (statistic(stats, space, names.MIXING) for space in ("coexpression", "expression"))
    if row is None:
        return None
    return Claim(
        "Studies mix in the landscape",
        f"{fixed(row['value'])} of neighbours from other studies",
        f"expression: {fixed(other['value'])}" if other is not None else "",
        fixed(row["null_mean"]) if math.isfinite(row["null_mean"]) else "",
        _number(row),
        UNDECIDED,
        "landscape",
        "no p-value, since clusters of a study share cells",
    )


# genes change along any order that is made from their own coexpression
OF_THE_ORDER = "of the order found, whatever it is: it is made from the same cells"


def gene_claims(results: Results) -> list[Claim]:
    """Return the claim that genes change along pseudotime."""
    if not results.has(GENES):
        return []
    ranked = genes(results)
    if not ranked["rho"].notna().any():
        return []
    tested = ranked["fdr"].notna()
    found = int((ranked.loc[tested, "fdr"] <= LEVEL).sum())
    disjoint = int(ranked["n_disjoint"].iloc[0]) if "n_disjoint" in ranked else 0
    decided = verdict(beats_chance=bool(found) if tested.any() else None)
    return [
        Claim(
            "Genes change along pseudotime within studies",
            f"{count(found)} of {plural(int(tested.sum()), 'gene')} at FDR {LEVEL}" if tested.any() else "",
            "",
            f"FDR {LEVEL}" if tested.any() else "",
            plural(disjoint, "disjoint cluster") if disjoint else "",
            decided,
            "along",
            "too few disjoint clusters" if decided == UNDECIDED else OF_THE_ORDER if found else "",
        )
    ]
