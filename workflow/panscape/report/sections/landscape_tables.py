"""The statistics of the landscape as tables."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from panscape.plot import names
from panscape.plot.view import read_statistics
from panscape.report.blocks import Block, Paragraph, Table
from panscape.report.format import between, count, fixed, listing, pvalue
from panscape.report.results import Results

STATISTICS = "landscape/statistics.tsv"


def statistics(results: Results) -> pd.DataFrame:
    """Return the statistics of both spaces."""
    return read_statistics(results.path(STATISTICS))


def statistic(table_: pd.DataFrame, space: str, name: str) -> pd.Series | None:
    """Return one statistic's row; None if it is absent or undefined.

    Parameters
    ----------
    table_
        The table of statistics.
    space, name
        Feature space and name of the statistic.
    """
    rows = table_[(table_["space"] == space) & (table_["statistic"] == name)]
    return None if rows.empty or not math.isfinite(rows.iloc[0]["value"]) else rows.iloc[0]


def interval(row: pd.Series, form: str = " ({})") -> str:
    """Return the formatted interval of a row; empty if there is none."""
    if not (math.isfinite(row["low"]) and math.isfinite(row["high"])):
        return ""
    return form.format(between(row["low"], row["high"], fixed))


def spaces_table(results: Results) -> Table:
    """Return the headline statistics, one row per space, each with its interval."""
    stats = statistics(results)
    panels = [
        name for name, _ in names.PANELS if np.isfinite(stats.loc[stats["statistic"] == name, "value"]).any()
    ]
    rows = []
    for space in stats["space"].unique():
        by_panel = {name: statistic(stats, space, name) for name in panels}
        if any(row is not None for row in by_panel.values()):
            rows.append([names.space_label(space), *map(_with_interval, by_panel.values())])
    header = ["space", *(f"{names.label(name)}{_over(stats, name)}" for name in panels)]
    caption_ = "Coexpression space compared with other descriptions of the same clusters"
    if np.isfinite(stats.loc[stats["statistic"].isin(panels), "low"]).any():
        caption_ += "; in brackets 95 % bootstrap intervals (over samples, or over disjoint groups of cells)"
    caption_ += ". n: clusters, the same for all spaces."
    numeric = (False, *(True for _ in header[1:]))
    return Table(tuple(header), tuple(map(tuple, rows)), numeric, caption_, STATISTICS)


def _over(stats: pd.DataFrame, name: str) -> str:
    """Return e.g. ``, n = 97`` if all spaces have the same number of clusters."""
    rows = stats[(stats["statistic"] == name) & np.isfinite(stats["value"])]
    numbers = rows["n"].dropna().astype(int).unique()
    return f", n = {count(numbers[0])}" if len(numbers) == 1 else ""


def statistics_table(results: Results) -> Table:
    """Return every statistic of coexpression and expression space, each with its null."""
    stats = statistics(results)
    spaces = ("coexpression", "expression")
    rows = []
    for name in dict.fromkeys(stats.loc[stats["space"].isin(spaces), "statistic"]):
        both = [statistic(stats, space, name) for space in spaces]
        if any(row is not None for row in both):
            rows.append([names.label(name), _numbers(both), *(text for row in both for text in _beside(row))])
    header = (
        "measure", "clusters", "coexpression space", "by chance", "expression space", "by chance",
    )  # fmt: skip
    filled = [at for at in range(len(header)) if at < 3 or any(row[at] != "–" for row in rows)]
    return Table(
        tuple(header[at] for at in filled),
        tuple(tuple(row[at] for at in filled) for row in rows),
        tuple(at > 0 for at in filled),
        _what_is_shown(stats[stats["space"].isin(spaces)]),
        STATISTICS,
    )


def _what_is_shown(stats: pd.DataFrame) -> str:
    """Return the caption of the table of statistics, explaining only what it has."""
    nulls = stats[np.isfinite(stats["null_mean"])]
    mixing = nulls["statistic"].isin([names.MIXING, "study_entropy"])
    parts = []
    if not nulls[~mixing].empty:
        parts.append(
            "mean ± standard deviation with ages shuffled over the sampled units (of absolute values for "
            "pseudotime with age) and the p-value"
        )
    if mixing.any():
        parts.append("for the mixing of studies, the value if studies were reassigned to clusters at random")
    text = "Coexpression space compared with expression space."
    if np.isfinite(stats["low"]).any():
        text += " In brackets 95 % bootstrap intervals."
    return text + (f" By chance: {'; '.join(parts)}." if parts else "")


def _numbers(rows: list[pd.Series | None]) -> str:
    """Return the number of clusters behind a measure, once if the spaces agree."""
    numbers = [count(row["n"]) for row in rows if row is not None and math.isfinite(row["n"])]
    return " / ".join(dict.fromkeys(numbers)) or "–"


def missing_statistics(results: Results) -> list[Block]:
    """Return why numbers of coexpression space are missing, each reason once."""
    stats = statistics(results)
    rows = stats[(stats["space"] == "coexpression") & (stats["note"] != "")]
    reasons: dict[str, list[str]] = {}
    for row in rows.itertuples(index=False):
        reasons.setdefault(row.note, []).append(names.label(row.statistic))
    texts = [f"{listing(labels)}: {note}." for note, labels in reasons.items()]
    return [Paragraph(text[:1].upper() + text[1:], "note") for text in texts]


def _with_interval(row: pd.Series | None) -> str:
    """Return e.g. ``0.91 (0.85 to 0.95)``."""
    if row is None:
        return "–"
    whole = row["statistic"] in ("components", "reached")
    return f"{count(row['value']) if whole else fixed(row['value'])}{interval(row)}"


def _beside(row: pd.Series | None) -> tuple[str, str]:
    """Return a statistic's texts: value and null."""
    if row is None:
        return "–", "–"
    return _with_interval(row), _null(row) if math.isfinite(row["null_mean"]) else "–"


def null_mean(row: pd.Series) -> str:
    """Return e.g. ``0.06 ± 0.05``: mean and standard deviation by chance."""
    return fixed(row["null_mean"]) + (f" ± {fixed(row['null_sd'])}" if math.isfinite(row["null_sd"]) else "")


def _null(row: pd.Series) -> str:
    chance = f" (p = {pvalue(row['pvalue'])})" if math.isfinite(row["pvalue"]) else ""
    return f"{null_mean(row)}{chance}"
