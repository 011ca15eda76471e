"""Sentences on the landscape: order against age, mixing of studies, connected parts."""

from __future__ import annotations

import math

import pandas as pd

from panscape.plot import names
from panscape.report.format import count, fixed, listing, percent, plural, pvalue
from panscape.report.results import Results
from panscape.report.sections.landscape_places import PSEUDOTIME, placement_sentences
from panscape.report.sections.landscape_sensitivity import sensitivity_sentences
from panscape.report.sections.landscape_tables import (
    interval,
    null_mean,
    statistic,
    statistics,
)

MIN_CLUSTERS = 20  # minimum number of clusters for an interpretable landscape


def beside_null(row: pd.Series, what: str = "by chance") -> str:
    """Return e.g. ``by chance 0.06 ± 0.05, p = 0.001``."""
    if not math.isfinite(row["null_mean"]):
        return row["note"] or "no null"
    chance = f", p = {pvalue(row['pvalue'])}" if math.isfinite(row["pvalue"]) else ""
    undecided = f"; {row['note']}" if row["note"] and not chance else ""
    return f"{what} {null_mean(row)}{chance}{undecided}"


def with_interval(row: pd.Series) -> str:
    """Return e.g. ``0.91 (95 % interval 0.85 to 0.95)``."""
    return f"{fixed(row['value'])}{interval(row, ' (95 % interval {})')}"


def headline(results: Results) -> list[str]:
    """Return the landscape's sentences for the summary of the report."""
    stats = statistics(results)
    return [
        *few_clusters(results),
        *_age_sentences(results, stats),
        *placement_sentences(results),
        *_mixing_sentences(stats),
        *_parts_sentences(results),
        *sensitivity_sentences(results),
    ]


def few_clusters(results: Results) -> list[str]:
    """Return a warning if the landscape has too few clusters to be interpreted."""
    number = len(clusters(results))
    if number >= MIN_CLUSTERS:
        return []
    return [
        f"The landscape has only {plural(number, 'cluster')}; with fewer than {MIN_CLUSTERS}, neither the "
        "order nor the statistics are reliable. A smaller panclust.min_cells gives more clusters."
    ]


def clusters(results: Results) -> pd.DataFrame:
    """Return the table of clusters with their pseudotime."""
    return results.table(PSEUDOTIME, dtype={"cluster": str, "study": str})


def ordered(results: Results) -> bool:
    """Return whether clusters have a pseudotime."""
    return bool(clusters(results)["pseudotime"].notna().any())


def no_order(results: Results) -> str:
    """Return why no cluster has a pseudotime."""
    if results.settings("landscape").get("root") == "none":
        return "landscape.root is none"
    return "no cluster could be taken as the root"


def _age_sentences(results: Results, stats: pd.DataFrame) -> list[str]:
    reached = statistic(stats, "coexpression", names.REACHED)
    if reached is None:
        if not ordered(results):
            return [f"Clusters have no pseudotime: {no_order(results)}."]
        why = _reason(stats, "coexpression", names.REACHED) or "no cluster has an age"
        return [f"Pseudotime is not compared with age: {why}."]
    text = (
        f"Pseudotime in coexpression space correlates with age at Spearman ρ = {with_interval(reached)} over "
        f"{plural(int(reached['n']), 'cluster')} ({beside_null(reached, '|ρ| with shuffled ages')}"
        f"{_shuffled_over(reached)})."
    )
    return [text, *_between_studies(stats), *_other_descriptions(stats)]


def _between_studies(stats: pd.DataFrame) -> list[str]:
    """Return sentences on correlations within studies and with ages of other studies, or on their absence."""
    sentences = []
    between = "Between the ages of clusters and of their nearest clusters of other studies"
    for name, start, chance in (
        (names.WITHIN, "Within studies", "|ρ| with ages shuffled within studies"),
        (names.OTHER_STUDIES, between, "ρ with ages shuffled within studies"),
    ):
        row = statistic(stats, "coexpression", name)
        if row is not None:
            over = plural(int(row["n"]), "cluster")
            sentences.append(f"{start} ρ = {with_interval(row)} over {over} ({beside_null(row, chance)}).")
        elif reason := _reason(stats, "coexpression", name):
            sentences.append(f"{start} ρ is not defined: {reason}.")
    return sentences


def _other_descriptions(stats: pd.DataFrame) -> list[str]:
    """Return sentences on the correlation in all spaces on common clusters, and on the spaces left out."""
    shown, left_out, numbers = [], [], []
    for space in stats["space"].unique():
        row = statistic(stats, space, names.AGE)
        if row is not None:
            shown.append(f"{names.space_label(space)} {fixed(row['value'])}{interval(row)}")
            numbers.append(int(row["n"]))
        elif reason := _reason(stats, space, names.AGE):
            left_out.append(f"{names.space_label(space)}: {reason}.")
    if len(shown) < 2:
        return left_out
    clusters = plural(numbers[0], "cluster")
    text = f"On the {clusters} reached in all spaces: {'; '.join(shown)}."
    return [*_verdict(stats, clusters), text, *left_out]


def _verdict(stats: pd.DataFrame, clusters: str) -> list[str]:
    """Return in one sentence which descriptions order the clusters worse, as well or better."""
    groups: dict[str, list[str]] = {"better than": [], "worse than": [], "not distinguishably from": []}
    for space in stats["space"].unique():
        row = statistic(stats, space, names.MARGIN)
        if row is None or not math.isfinite(row["low"]):
            continue
        side = "better than" if row["low"] > 0 else "worse than" if row["high"] < 0 else ""
        groups[side or "not distinguishably from"].append(
            f"{names.space_label(space)} (difference {with_interval(row)})"
        )
    parts = [f"{side} {listing(spaces)}" for side, spaces in groups.items() if spaces]
    if not parts:
        return []
    return [f"Coexpression orders the {clusters} by age {'; '.join(parts)}."]


def _reason(stats: pd.DataFrame, space: str, name: str) -> str:
    """Return why a statistic has no value; empty if it has one or no reason is known."""
    rows = stats[(stats["space"] == space) & (stats["statistic"] == name)]
    return "" if rows.empty or math.isfinite(rows.iloc[0]["value"]) else str(rows.iloc[0]["note"])


def _shuffled_over(row: pd.Series) -> str:
    """Return the units over which ages were shuffled, e.g. ``; shuffled over 18 batches``."""
    return f"; shuffled over {named}" if (named := units(row)) else ""


def units(row: pd.Series) -> str:
    """Return the sampled units behind a statistic, e.g. ``18 batches``; empty if they are unknown."""
    kinds = [part.split(" ", 1) for part in row["units"].split(", ") if " " in part]
    return listing([plural(int(number_of), what, _plural(what)) for number_of, what in kinds])


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return "mice" if noun == "mouse" else f"{noun}s"


def _mixing_sentences(stats: pd.DataFrame) -> list[str]:
    mixing, other = (statistic(stats, space, names.MIXING) for space in ("coexpression", "expression"))
    if mixing is None:
        return []
    chance = mixing["null_mean"]
    null = f", {percent(chance)} if studies were mixed at random" if math.isfinite(chance) else ""
    text = f"Of a cluster's neighbours {percent(mixing['value'])} belong to other studies{null}"
    return [f"{text}; in expression space {percent(other['value'])}." if other is not None else f"{text}."]


def _parts_sentences(results: Results) -> list[str]:
    table_ = clusters(results)
    parts, without = table_["component"].nunique(), int(table_["pseudotime"].isna().sum())
    if parts <= 1:
        return ["The landscape is connected: paths of neighbours join all clusters."]
    text = f"The landscape has {plural(parts, 'connected part')}"
    if not without or not ordered(results):
        return [f"{text}."]
    verb = "has" if without == 1 else "have"
    return [
        f"{text}; {count(without)} of {plural(len(table_), 'cluster')} {verb} no pseudotime, because no path "
        "of neighbours joins them to the root."
    ]
