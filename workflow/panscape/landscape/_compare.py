"""The statistics of a landscape: intervals, nulls, and the spaces that it is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from panscape.landscape._age import (
    DEPTH,
    GLOBAL,
    WITHIN,
    Design,
    Viewed,
    compared,
    evaluate,
    nearest_others,
)
from panscape.landscape._mixing import (
    age_bins,
    expected_entropy,
    expected_share,
    neighbour_links,
    other_study_share,
    study_entropy,
)
from panscape.landscape._reasons import Reasons
from panscape.landscape._roots import Roots
from panscape.landscape._sampling import Sampling
from panscape.landscape._settings import LandscapeSettings
from panscape.seeds import stream

CONTROLS = ("n_cells", "n_pairs", "n_counts")
AGE = "age"
COLUMNS = (
    "space", "statistic", "value", "low", "high", "null_mean", "null_sd", "pvalue", "n", "units", "note",
)  # fmt: skip
TAILS = (2.5, 97.5)  # percentiles of the interval
LEAST_BLOCKS = 5
LEVEL = 0.05  # a test that cannot reach it decides nothing
ROUNDING = 1e-9


@dataclass(frozen=True)
class Tested:
    """A statistic, its interval and its null.

    Parameters
    ----------
    value
        What was observed, NaN where it is not defined.
    low, high
        95 % bootstrap interval.
    null_mean, null_sd
        Mean and standard deviation (ddof 1) of the null; of absolute values where both tails count.
    pvalue
        Share of the null at least as extreme, the observed one included.
    n
        Clusters that it rests on.
    units
        What was shuffled, e.g. ``18 batch``.
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


def compare(
    views: Sequence[Viewed],
    clusters: pd.DataFrame,
    settings: LandscapeSettings,
    seed: int,
    *,
    cells: Sampling | None = None,
    usable: np.ndarray | None = None,
) -> pd.DataFrame:
    """Compute the statistics of several spaces on the clusters that all of them reach.

    Parameters
    ----------
    views
        The spaces; the first one is the landscape's.
    clusters
        One row per cluster: `study`, `n_cells` and, where known, `age`, `n_pairs`, `n_counts`.
    settings
        Their `permutations`, `bootstraps`, `root`, `root_below`, `n_maps` and `clip` count.
    seed
        The collection's seed.
    cells
        What the clusters were sampled from; None: no p-values and no intervals.
    usable
        bool (n_clusters,): clusters that may be the root.

    Returns
    -------
    Columns `space`, `statistic`, `value`, `low` and `high` (95 % bootstrap), `null_mean`, `null_sd`,
    `pvalue`, `n` (clusters), `units`, `note`. ``docs/reading-a-landscape.md`` says what each p-value tests.

    - `rho_age`: Spearman of pseudotime with mean age, on the clusters that all compared spaces reach;
      null: ages shuffled over the sampled units, |rho|
    - `rho_age_reached`: the same on all clusters that the space itself reaches
    - `partial_rho_age`: `rho_age` given cluster size, surviving pairs and depth
    - `rho_age_within_studies`: weighted mean of the studies' own; `rho_age_of_{study}`: within one; null:
      ages shuffled within studies, |rho|
    - `rho_age_other_studies`: Spearman of a cluster's age with the mean age of its five nearest clusters
      of other studies, over clusters of ages that other studies have, too; needs no pseudotime; null: ages
      shuffled within studies, large is extreme
    - `rho_n_cells`, `rho_n_pairs`, `rho_n_counts`: of pseudotime with these controls, without a p-value
    - `other_study_share`, `other_study_share_at_age`, `study_entropy`: mixing of studies among neighbours
      beside what it would be if studies were dealt anew to clusters (of similar age), without a p-value
    - `components`, `reached`: connected parts, and clusters with a pseudotime
    """
    count = len(clusters)
    usable = np.ones(count, dtype=bool) if usable is None else usable
    kept, common, left_out = compared(views)
    code, names = pd.factorize(clusters["study"])
    age = clusters[AGE].to_numpy(dtype=np.float64) if AGE in clusters else np.full(count, np.nan)
    controls = {name: clusters[name].to_numpy(dtype=np.float64) for name in CONTROLS if name in clusters}
    first = views[0].space
    design = Design(
        kept,
        common,
        code,
        list(map(str, names)),
        {name: values for name, values in controls.items() if np.isfinite(values).all()},
        Roots.of(settings, first.root, clusters["n_cells"].to_numpy(), usable),
        settings.n_maps,
        settings.clip,
        nearest_others(kept, code, np.isfinite(age)) if len(names) > 1 and np.isfinite(age).any() else {},
    )
    rows = _mixing(kept, code, age, seed)
    if first.root is not None:
        rows |= age_statistics(design, age, settings, seed, cells)
    for view in views:
        name = view.space.name
        if name in left_out:
            rows[name, "rho_age"] = Tested(np.nan, note=left_out[name])
        rows[name, "components"] = Tested(float(view.space.diffusion.component.max(initial=-1) + 1), n=count)
        rows[name, "reached"] = Tested(float(np.isfinite(view.space.pseudotime).sum()), n=count)
    order = [*(view.space.name for view in views), *controls]
    return table({key: rows[key] for key in sorted(rows, key=lambda key: order.index(key[0]))})


def table(rows: Mapping[tuple[str, str], Tested]) -> pd.DataFrame:
    """Return statistics as rows of ``statistics.tsv``."""
    found = [
        {"space": space, "statistic": name, **{key: getattr(row, key) for key in COLUMNS[2:]}}
        for (space, name), row in rows.items()
    ]
    return pd.DataFrame(found, columns=list(COLUMNS))


def age_statistics(
    design: Design, age: np.ndarray, settings: LandscapeSettings, seed: int, cells: Sampling | None
) -> dict[tuple[str, str], Tested]:
    """Return everything that has to do with age or pseudotime, tested.

    Parameters
    ----------
    design, settings, seed, cells
        As in :func:`compare`.
    age
        (n_clusters,) observed mean ages, NaN where unknown.
    """
    values, counts = evaluate(design, age[None, :], None, (GLOBAL, WITHIN, DEPTH))
    reasons = Reasons(design, age)
    rows = {
        key: Tested(float(value[0]), n=counts[key], note="" if np.isfinite(value[0]) else reasons.of(*key))
        for key, value in values.items()
    }
    if not np.isfinite(age).any():
        rows = {key: row for key, row in rows.items() if "age" not in key[1]}
    if cells is None:
        note = "no p-value and no interval: the cells of the clusters are not known"
        return {key: replace(row, note=row.note or note) for key, row in rows.items()}
    rows = _with_intervals(rows, design, settings, seed, cells)
    if settings.permutations and np.isfinite(age).any():
        rows = _with_nulls(rows, design, settings, seed, cells)
    return rows


def _with_intervals(rows, design: Design, settings, seed: int, cells: Sampling):
    if not settings.bootstraps:
        return rows
    if (number := len(cells.block_study)) < LEAST_BLOCKS:
        note = f"no interval: there are {number} samples or disjoint groups of cells to draw from"
        return {key: replace(row, note=row.note or note) for key, row in rows.items()}
    ages, weights = cells.resampled(settings.bootstraps, stream(seed, "landscape", "resampled"))
    values, _ = evaluate(design, ages, weights, (GLOBAL, WITHIN, DEPTH))
    return {
        key: row if np.isnan(row.value) else replace(row, **interval(values[key]))
        for key, row in rows.items()
    }


def interval(draws: np.ndarray) -> dict[str, float]:
    """Return `low` and `high` of the draws in which the statistic is defined, NaN if these are under half."""
    known = draws[np.isfinite(draws)]
    if 2 * len(known) < len(draws) or len(known) < 2:
        return {}
    low, high = np.percentile(known, TAILS)
    return {"low": float(low), "high": float(high)}


def _with_nulls(rows, design: Design, settings, seed: int, cells: Sampling):
    number = settings.permutations
    found = dict(rows)
    for kind, within in ((GLOBAL, False), (WITHIN, True)):
        if not any(_kind(key[1]) == kind for key in rows):
            continue
        rng = stream(seed, "landscape", "shuffled", kind)
        draws: dict[tuple[str, str], list[np.ndarray]] = {}
        for ages in cells.shuffled(number, rng, within=within):
            for key, values in evaluate(design, ages, None, (kind,))[0].items():
                draws.setdefault(key, []).append(values)
        for key, parts in draws.items():
            if key in found and np.isfinite(found[key].value):
                found[key] = _beside_null(found[key], key[1], np.concatenate(parts), number, design, cells)
    return found


def _kind(statistic: str) -> str:
    if statistic in ("rho_age", "rho_age_reached", "partial_rho_age"):
        return GLOBAL
    return WITHIN if statistic.startswith("rho_age_") else DEPTH


def _beside_null(row: Tested, statistic: str, null, number: int, design: Design, cells: Sampling) -> Tested:
    """Add the null of a statistic; the p-value only if it could reach the usual level."""
    studies: list[int] | None = None
    units = cells.described
    if _kind(statistic) == WITHIN:
        studies = list(range(len(design.study_names)))
        name = statistic.removeprefix("rho_age_of_")
        if name != statistic:
            studies = [design.study_names.index(name)]
            units = replace(cells, units=(cells.units[studies[0]],)).described
    ways = cells.arrangements(studies)
    exact = cells.arrangements(None if studies is None else range(len(design.study_names))) <= number
    one_sided = statistic == "rho_age_other_studies"
    if ways == 1:
        note = f"no p-value: all units ({units}) have the same age"
        if studies is not None and len(studies) > 1:
            note = f"no p-value: within every study, all units ({units}) have the same age"
        return replace(row, units=units, note=row.note or note)
    floor = 1 / ways if exact else max(1 / ways, 1 / (number + 1))
    known = null[np.isfinite(null)] if one_sided else np.abs(null[np.isfinite(null)])
    spread = {"null_mean": float(known.mean()), "null_sd": float(known.std(ddof=1))} if len(known) > 1 else {}
    if floor > LEVEL:
        note = f"p cannot be decided: {units} have {ways:.0f} orders of ages, so it is at least {floor:.2g}"
        if 1 / ways <= LEVEL:
            note = f"p cannot be decided: {number} permutations give at least {floor:.2g}"
        return replace(row, **spread, units=units, note=row.note or note)
    return replace(row, **spread, pvalue=permutation_pvalue(row.value, null, exact, one_sided), units=units)


def permutation_pvalue(value: float, null: np.ndarray, exact: bool, one_sided: bool = False) -> float:
    """Return the share of a null that is at least as extreme as a value.

    Parameters
    ----------
    value
        What was observed.
    null
        The draws; those in which the statistic is not defined are not extreme.
    exact
        The draws are all arrangements, the observed one among them; otherwise that one is added.
    one_sided
        Large is extreme; otherwise both tails are.
    """
    null = np.where(np.isfinite(null), null, -np.inf if one_sided else 0.0)
    if not one_sided:
        value, null = abs(value), np.abs(null)
    extreme = int((null >= value - ROUNDING).sum())
    return extreme / len(null) if exact else (1 + extreme) / (1 + len(null))


def _mixing(views: Sequence[Viewed], study: np.ndarray, age: np.ndarray, seed: int) -> dict:
    """Return the mixing of studies on the clusters that have neighbours in all spaces."""
    if len(np.unique(study)) < 2:
        return {}
    linked = np.all([(view.space.neighbours.index >= 0).any(axis=1) for view in views], axis=0)
    return {
        (view.space.name, name): row
        for view in views
        for name, row in _mixing_of(view.space.name, view.space.neighbours.index, linked, study, age, seed)
    }


def _mixing_of(space: str, index, linked, study, age, seed) -> Iterator[tuple[str, Tested]]:
    links = neighbour_links(np.where(linked[:, None], index, -1))
    number = int(linked.sum())
    share = other_study_share(links, study)
    note = "no p-value: clusters of a study share cells"
    yield "other_study_share", Tested(share, null_mean=expected_share(links, study), n=number, note=note)
    rng = stream(seed, "landscape", space, "study_entropy")
    entropy, expected = study_entropy(links, study), expected_entropy(links, study, rng)
    yield "study_entropy", Tested(entropy, null_mean=expected, n=number, note=note)
    if np.isfinite(age).any():
        expected = expected_share(links, study, age_bins(age))
        yield "other_study_share_at_age", Tested(share, null_mean=expected, n=number, note=note)
