"""Tests of the statistics of age: intervals and nulls."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from panscape.coscape.landscape.age import DEPTH, GLOBAL, WITHIN, Design, Values, evaluate_spaces
from panscape.coscape.landscape.reasons import Reasons
from panscape.coscape.landscape.sampling import Sampling
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.seeds import stream
from panscape.stats.permutation import permutation_pvalue

TAILS = (2.5, 97.5)  # percentiles of the interval
MIN_BLOCKS = 5
LEVEL = 0.05  # tests that cannot reach it are not performed
ROUNDING = 1e-9
AGE_STATISTIC, MARGIN = "rho_age", "rho_age_margin"

Rows = dict[tuple[str, str], "Tested"]


@dataclass(frozen=True)
class Tested:
    """A statistic, its interval and its null.

    Parameters
    ----------
    value
        Observed value, NaN where undefined.
    low, high
        95 % bootstrap interval.
    null_mean, null_sd
        Mean and standard deviation (ddof 1) of the null; of absolute values for two-sided tests.
    pvalue
        Fraction of the null at least as extreme, the observed value included.
    n
        Number of clusters.
    units
        Permuted units, e.g. ``18 batch``.
    note
        Why a value, a p-value or an interval is missing.
    """

    value: float
    low: float = np.nan
    high: float = np.nan
    null_mean: float = np.nan
    null_sd: float = np.nan
    pvalue: float = np.nan
    n: int = 0
    units: str = ""
    note: str = ""


def age_statistics(
    design: Design, age: np.ndarray, settings: LandscapeSettings, seed: int, cells: Sampling | None
) -> dict[tuple[str, str], Tested]:
    """Return all tested statistics of age and pseudotime.

    Parameters
    ----------
    design, settings, seed, cells
        As in :func:`compare`.
    age
        (n_clusters,) observed mean ages, NaN where unknown.
    """
    values, counts = evaluate_spaces(design, age[None, :], None, (GLOBAL, WITHIN, DEPTH))
    values |= (differences := margins(values, design))
    counts |= {(name, MARGIN): counts[name, AGE_STATISTIC] for name, _ in differences}
    reasons = Reasons(design, age)
    rows = {
        key: Tested(float(value[0]), n=counts[key], note="" if np.isfinite(value[0]) else reasons.of(*key))
        for key, value in values.items()
    }
    if not np.isfinite(age).any():
        rows = {key: row for key, row in rows.items() if "age" not in key[1]}
    if cells is None:
        note = "no p-value and no interval: the cells of the clusters are not known"
        return {key: replace(row, note=_joined(row.note, note)) for key, row in rows.items()}
    rows = _with_intervals(rows, design, settings, seed, cells)
    if settings.permutations and np.isfinite(age).any():
        rows = _with_nulls(rows, design, settings, seed, cells)
    return rows


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _with_intervals(rows, design: Design, settings, seed: int, cells: Sampling):
    if not settings.bootstraps:
        return rows
    if (number := len(cells.block_study)) < MIN_BLOCKS:
        note = f"no interval: there are {number} samples or disjoint groups of cells to draw from"
        return {key: replace(row, note=_joined(row.note, note)) for key, row in rows.items()}
    ages, weights = cells.resampled(settings.bootstraps, stream(seed, "landscape", "resampled"))
    values, _ = evaluate_spaces(design, ages, weights, (GLOBAL, WITHIN, DEPTH))
    values |= margins(values, design)
    return {
        key: row if np.isnan(row.value) else replace(row, **bootstrap_interval(values[key]))
        for key, row in rows.items()
    }


def margins(values: Values, design: Design) -> Values:
    """Return by how much the first space orders the clusters by age better than each other description.

    Both correlations of a draw are of the same clusters, so that the interval of the difference does not
    contain what the draws have in common.

    Parameters
    ----------
    values
        From :func:`panscape.coscape.landscape.age.evaluate_spaces`.
    design
        Spaces and control variables. A control (depth, size) has no direction: its |rho| is used.

    Returns
    -------
    (description, ``"rho_age_margin"``) -> (draws,) rho of the first space minus that of the description.

    Examples
    --------
    >>> from types import SimpleNamespace as Fake
    >>> rho = {("coexpression", "rho_age"): np.array([0.9]), ("n_counts", "rho_age"): np.array([-0.5])}
    >>> design = Fake(views=[Fake(space=Fake(name="coexpression"))], controls={"n_counts": None})
    >>> margins(rho, design)["n_counts", "rho_age_margin"].round(2)
    array([0.4])
    """
    first = design.views[0].space.name
    if (first, AGE_STATISTIC) not in values:
        return {}
    best = values[first, AGE_STATISTIC]
    return {
        (name, MARGIN): best - (np.abs(rho) if name in design.controls else rho)
        for (name, statistic), rho in values.items()
        if statistic == AGE_STATISTIC and name != first
    }


def bootstrap_interval(draws: np.ndarray) -> dict[str, float]:
    """Return `low` and `high` over the draws with a defined statistic, NaN if these are fewer than half."""
    known = draws[np.isfinite(draws)]
    if 2 * len(known) < len(draws) or len(known) < 2:
        return {}
    low, high = np.percentile(known, TAILS)
    return {"low": float(low), "high": float(high)}


def _with_nulls(rows, design: Design, settings, seed: int, cells: Sampling):
    number = settings.permutations
    tested = dict(rows)
    ways = {WITHIN: [cells.arrangements([code]) for code in range(len(design.study_names))]}
    ways[GLOBAL] = [cells.arrangements()]
    for kind, within in ((GLOBAL, False), (WITHIN, True)):
        if not any(_kind(key[1]) == kind for key in rows):
            continue
        rng = stream(seed, "landscape", "shuffled", kind)
        draws: dict[tuple[str, str], list[np.ndarray]] = {}
        for ages in cells.shuffled(number, rng, within=within):
            for key, values in evaluate_spaces(design, ages, None, (kind,))[0].items():
                draws.setdefault(key, []).append(values)
        for key, parts in draws.items():
            if key in tested and np.isfinite(tested[key].value):
                tested[key] = _beside_null(
                    tested[key], key[1], np.concatenate(parts), number, ways[kind], design, cells
                )
    return tested


def _kind(statistic: str) -> str:
    if statistic in (AGE_STATISTIC, "rho_age_reached", "partial_rho_age", MARGIN):
        return GLOBAL
    return WITHIN if statistic.startswith("rho_age_") else DEPTH


def _beside_null(
    row: Tested,
    statistic: str,
    null: np.ndarray,
    number: int,
    ways: list[float],
    design: Design,
    cells: Sampling,
) -> Tested:
    """Add the null of a statistic, and the p-value if significance is attainable.

    `ways` are the numbers of orders of the ages, by study if permuted within studies.
    """
    exact = math.prod(ways) <= number
    units, where = cells.described, "within every study, " if len(ways) > 1 else ""
    study = statistic.removeprefix("rho_age_of_")
    if study != statistic:
        code = design.study_names.index(study)
        ways, where = [ways[code]], ""
        units = replace(cells, units=(cells.units[code],)).described
    orders = math.prod(ways)
    if orders == 1:
        note = f"no p-value: {where}all units ({units}) have the same age"
        return replace(row, units=units, note=_joined(row.note, note))
    one_sided = statistic == "rho_age_other_studies"
    known = null[np.isfinite(null)] if one_sided else np.abs(null[np.isfinite(null)])
    spread: dict[str, Any] = (
        {"null_mean": float(known.mean()), "null_sd": float(known.std(ddof=1))} if len(known) > 1 else {}
    )
    row = replace(row, **spread, units=units)
    floor = 1 / orders if exact else max(1 / orders, 1 / (number + 1))
    largest = float((known >= known.max() - ROUNDING).mean()) if len(known) else 1.0
    if max(floor, largest) <= LEVEL:
        return replace(row, pvalue=age_pvalue(row.value, null, exact, one_sided))
    if floor <= LEVEL:
        note = f"p cannot be decided: {largest:.2g} of the shuffles reach the largest value that there is"
        return replace(row, note=_joined(row.note, note))
    what = f"{units} have {orders:.0f} orders of ages, so it is"
    if 1 / orders <= LEVEL:
        what = f"{number} permutations give"
    return replace(row, note=_joined(row.note, f"p cannot be decided: {what} at least {floor:.2g}"))


def age_pvalue(value: float, null: np.ndarray, exact: bool, one_sided: bool = False) -> float:
    """Return the p-value of a correlation with age by shuffled ages.

    Parameters
    ----------
    value
        Observed correlation.
    null
        (n,) draws; draws with an undefined statistic count as not extreme.
    exact
        See :func:`panscape.stats.permutation.permutation_pvalue`.
    one_sided
        One-sided test for large values; otherwise two-sided.
    """
    null = np.where(np.isfinite(null), null, -np.inf if one_sided else 0.0)
    if not one_sided:
        value, null = abs(value), np.abs(null)
    return float(permutation_pvalue(value, null, exact=exact, tolerance=ROUNDING))
