"""Comparison of the fractions of cells kept by quality control between groups of cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd

from panscape.stats.rank_tests import tied_rank_sum
from panscape.stats.ranks import centred_ranks, spearman

FEWEST_CELLS = 20  # minimum cells of a group or unit
FEWEST_UNITS = 6  # with fewer, no order reaches a p-value below the level
MOST_GROUPS = 500
DIFFERENCE = 0.1  # minimum difference between the fractions kept
LEVEL = 0.01
PERMUTATIONS = 9999
COLUMNS = (
    "study", "column", "unit", "n", "lowest", "lowest_fraction", "highest", "highest_fraction", "rho",
    "pvalue", "uneven",
)  # fmt: skip


def kept_table(
    obs: pd.DataFrame, cells: pd.DataFrame, study: str, units: Sequence[str] = ("line", "batch")
) -> pd.DataFrame:
    """Compare the fractions of cells kept by quality control along the annotations of a study.

    Parameters
    ----------
    obs
        Mapped annotations of all cells of the input.
    cells
        `removed_by` of the same cells; cells excluded by ``keep`` are ignored.
    study
        Id of the study.
    units
        Candidate columns of sampling units, of which the first present is used: numbers are compared between
        units, since cells of one line or batch are not independent.

    Returns
    -------
    A row per column of `obs`: the number n of groups (of labels), units or cells (of numbers); the groups,
    units or thirds of the cells with the lowest and the highest fraction kept (0 to 1); Spearman's rho of a
    number with the fraction kept; a p-value (labels: chi-squared; units: the larger of that and of
    permutations; cells: rank sum); and `uneven`, true if the fractions differ by a tenth or more and p < .01.
    """
    inside = (cells["removed_by"] != "keep").to_numpy()
    obs = obs[inside]
    kept = (cells["removed_by"] == "").to_numpy()[inside]
    unit = next((name for name in units if name in obs and obs[name].nunique() > 1), None)
    rows = []
    for column in obs:
        values = obs[column]
        if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
            result = _number(values.to_numpy(dtype=float), kept, None if unit is None else obs[unit])
        else:
            result = _label(values, kept)
        rows += [{"study": study, "column": str(column), **row} for row in result]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    far = table["highest_fraction"] - table["lowest_fraction"] >= DIFFERENCE
    return table.assign(uneven=(far & (table["pvalue"] < LEVEL)).astype(bool))


def describe(row: Mapping[str, Any]) -> str:
    """Return a row of :func:`kept_table` as a sentence."""
    low, high = (f"{100 * float(row[f'{end}_fraction']):.0f} %" for end in ("lowest", "highest"))
    ends = f"{low} of {row['lowest']}, {high} of {row['highest']}"
    start, column, n = (
        f"{row['study']}: the fraction of cells that quality control kept",
        row["column"],
        int(row["n"]),
    )
    if row["unit"] == "group":
        return f"{start} differs over {column} ({ends}; {n} groups)"
    if row["unit"] == "cell":
        return f"{start} goes with {column} (ρ {float(row['rho']):.3f} over {n:,} cells; {ends})"
    return f"{start} goes with {column} (ρ {float(row['rho']):.3f} over {n} of {row['unit']}; {ends})"


def _fractions(groups: pd.Series, kept: np.ndarray) -> pd.DataFrame:
    """Return the number of `cells` and the `fraction` kept of each group with enough cells."""
    names = groups.astype(object).where(groups.notna()).map(str, na_action="ignore").to_numpy(dtype=object)
    table = pd.DataFrame({"kept": kept}).groupby(names)["kept"].agg(cells="size", fraction="mean")
    return table[table["cells"] >= FEWEST_CELLS]


def _ends(table: pd.DataFrame, unit: str) -> dict:
    low, high = table["fraction"].idxmin(), table["fraction"].idxmax()
    return {
        "unit": unit,
        "n": len(table),
        "lowest": low,
        "lowest_fraction": table.loc[low, "fraction"],
        "highest": high,
        "highest_fraction": table.loc[high, "fraction"],
    }


def _differ(table: pd.DataFrame) -> float:
    """Return the p-value of a chi-squared test of equal fractions, with Yates' correction for two groups."""
    from scipy.special import chdtrc  # scipy.stats takes longer to import than most studies to read

    number = (table["fraction"] * table["cells"]).round()
    both = np.array([number, table["cells"] - number])
    if not (both.sum(axis=1) > 0).all():
        return 1.0
    expected = np.multiply.outer(both.sum(axis=1), both.sum(axis=0)) / both.sum()
    away = np.abs(both - expected)
    if both.shape[1] == 2:
        away -= np.minimum(0.5, away)
    return float(chdtrc(both.shape[1] - 1, (away**2 / expected).sum()))


def _label(values: pd.Series, kept: np.ndarray) -> Iterator[dict]:
    table = _fractions(values, kept)
    if not 2 <= len(table) <= MOST_GROUPS:
        return
    yield {**_ends(table, "group"), "rho": np.nan, "pvalue": _differ(table)}


def _number(values: np.ndarray, kept: np.ndarray, units: pd.Series | None) -> Iterator[dict]:
    known = np.isfinite(values)
    values, kept = values[known], kept[known]
    if len(np.unique(values)) < 2:
        return
    if units is not None:
        units = units[known]
        table = _fractions(units, kept)
        means = pd.Series(values).groupby(units.astype(str).to_numpy()).mean().reindex(table.index)
        if len(table) >= FEWEST_UNITS and means.nunique() > 1:
            rho, pvalue = _over_units(means.to_numpy(), table["fraction"].to_numpy())
            # without a difference between the fractions their order is noise
            yield {**_ends(table, str(units.name)), "rho": rho, "pvalue": max(pvalue, _differ(table))}
            return
    if len(values) < 3 * FEWEST_CELLS:
        return
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    thirds = np.where(values <= low, f"{values.min():g} to {low:g}", f"{low:g} to {high:g}").astype(object)
    thirds[values > high] = f"above {high:g}"
    table = _fractions(pd.Series(thirds), kept)
    both = kept.any() and not kept.all()
    if len(table) > 1:
        rho = spearman(values, kept) if both else np.nan
        pvalue = tied_rank_sum(values, kept) if both else 1.0
        yield {**_ends(table, "cell"), "n": len(values), "rho": rho, "pvalue": pvalue}


def _over_units(means: np.ndarray, fractions: np.ndarray) -> tuple[float, float]:
    """Return Spearman's rho and its p-value over permutations of the units (all, or a fixed sample).

    As ``scipy.stats.permutation_test`` of pairings, whose import takes longer than most studies take to read.
    """
    if len(np.unique(fractions)) < 2:
        return np.nan, 1.0
    a, b = (centred_ranks(x) for x in (means, fractions))
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    every = math.factorial(len(a)) <= PERMUTATIONS
    if every:
        orders = np.array(list(permutations(range(len(a)))))
    else:
        orders = np.random.default_rng(0).permuted(np.tile(np.arange(len(a)), (PERMUTATIONS, 1)), axis=1)
    # ties regardless of rounding
    rho, null = (np.round((x * b).sum(axis=-1) / scale, 9) for x in (a, a[orders]))
    extra = 0 if every else 1  # the order as it is, if it is not among them
    tails = [(np.count_nonzero(side) + extra) / (len(orders) + extra) for side in (null <= rho, null >= rho)]
    return float(rho), min(2 * min(tails), 1.0)
