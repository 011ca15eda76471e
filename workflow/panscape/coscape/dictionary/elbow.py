"""Choice of the number of entries from the error curve."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.dictionary.choose import other_start
from panscape.coscape.dictionary.grow import Growth, chance_gain, grow_entries
from panscape.coscape.dictionary.learn import as_columns, learn_entries
from panscape.coscape.dictionary.measured import Measured
from panscape.coscape.dictionary.pair_data import PairData
from panscape.coscape.dictionary.pair_index import PairIndex
from panscape.coscape.dictionary.starts import singular_start
from panscape.log import Progress, logger
from panscape.seeds import stream

_CHANCE_REPEATS = 3  # permutations, of which the mean gain is taken


def elbow_table(
    data: sparse.spmatrix,
    ks: Sequence[int],
    *,
    alpha: float,
    starts: int = 2,
    max_iter: int = 40,
    tol: float = 1e-4,
    factor: float = 2.0,
    seed: int = 0,
    threads: int = 1,
    measured: Measured | None = None,
) -> pd.DataFrame:
    """Fit every number of entries briefly and suggest one.

    Parameters
    ----------
    data
        (N, P) sparse.
    ks
        Numbers of entries, increasing.
    alpha, starts, max_iter, tol, seed, threads, measured
        As in :func:`fit_starts`; short fits suffice for the curve.
    factor
        See :func:`suggest_k`.

    Returns
    -------
    One row per k: k, error (squared error / squared norm, of the best start), mean_start, worst_start, hull
    (convex lower hull of the error), gain (fall of the hull per entry), chance_gain and needed (NaN: the end
    of the range is used instead), suggested.
    """
    data = as_columns(data)
    ks = sorted({int(k) for k in ks})
    largest = singular_start(data, ks[-1], stream(seed, "singular"))
    jobs = [(k, index) for k in ks[::-1] for index in range(starts)]  # long fits first
    progress = Progress("elbow fits", len(jobs))

    def one(job: tuple[int, int]) -> float:
        k, index = job
        rng = stream(seed, "elbow", k, index)
        begin = (largest[0][:k], largest[1][:, :k]) if index == 0 else other_start(data, k, index, rng)
        options: dict[str, Any] = {"alpha": alpha, "max_iter": max_iter, "tol": tol, "measured": measured}
        error = learn_entries(data, *begin, rng=rng, **options).error
        progress.add()
        return error

    with ThreadPoolExecutor(max(1, threads)) as pool:
        errors = dict(zip(jobs, pool.map(one, jobs), strict=True))
    by_k = np.array([[errors[k, index] for index in range(starts)] for k in ks])
    table = pd.DataFrame(
        {"k": ks, "error": by_k.min(axis=1), "worst_start": by_k.max(axis=1), "mean_start": by_k.mean(axis=1)}
    )
    table["hull"] = _lower_hull(table["k"].to_numpy(float), table["error"].to_numpy())
    table["gain"] = _gains(table["k"].to_numpy(float), table["hull"].to_numpy())
    table["chance_gain"] = table["needed"] = np.nan
    table["suggested"] = table["k"] == suggest_k(table["k"], table["error"], factor=factor)
    return table


def grown_elbow_table(
    data: sparse.spmatrix,
    ends: PairIndex,
    ks: Sequence[int],
    *,
    alpha: float,
    starts: int = 2,
    factor: float = 1.5,
    seed: int = 0,
    threads: int = 1,
    measured: Measured | None = None,
) -> pd.DataFrame:
    """Grow dictionaries of products to the largest size and suggest one.

    The suggested number is that of entries which, when added, explain more than `factor` times what an entry
    explains by chance (:func:`panscape.coscape.dictionary.grow.chance_gain`), independent of the range. It is
    measured in the data, where a strong network of a single pancluster makes it large, and again in what the
    entries found so far leave, until no further entry explains more than chance. A warning is logged if the
    range is too short.

    Parameters
    ----------
    data, ends, alpha, seed, threads, measured
        As in :func:`panscape.coscape.dictionary.choose.fit_starts`.
    ks
        Numbers of entries, >= 1.
    starts
        Number of dictionaries; the one of lowest error is used.
    factor
        > 0; larger values suggest fewer entries.

    Returns
    -------
    The columns of :func:`elbow_table`; gain, chance_gain and needed (`factor` times that) are fractions of
    the squared norm: the gain is the part of the previous residual that an entry explains. Fewer rows than
    `ks` if growth ends early.
    """
    data = as_columns(data)
    sizes = np.array(sorted({int(k) for k in ks}))
    most = sizes[-1]

    def one(index: int) -> Growth:
        rng = stream(seed, "elbow", index)
        return grow_entries(data, ends, most, alpha=alpha, rng=rng, measured=measured)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        grown = list(pool.map(one, range(starts)))
    longest = min(len(growth.errors) for growth in grown)
    if longest == 0:
        raise ValueError("the data have no positive value")
    sizes = sizes[sizes <= longest] if sizes[0] <= longest else np.array([longest])
    best = min(grown, key=lambda growth: growth.errors[longest - 1])
    errors = np.array([growth.errors[sizes - 1] for growth in grown])
    options: dict[str, Any] = {"alpha": alpha, "seed": seed, "threads": threads, "measured": measured}
    number, chance = _above_chance(data, ends, best, longest, factor, **options)
    wanted = int(np.clip(number, sizes[0], sizes[-1]))
    if longest == most and best.gains[most - 1] > factor * chance[-1]:
        logger.warning("dictionary.k_range ends at %d, but further entries explain more than chance", most)
    suggested = int(sizes[np.abs(sizes - wanted).argmin()])
    logger.info("%d entries explain more than %.3g times chance (%.2g)", wanted, factor, chance[-1])
    return pd.DataFrame(
        {
            "k": sizes,
            "error": best.errors[sizes - 1],
            "worst_start": errors.max(axis=0),
            "mean_start": errors.mean(axis=0),
            "hull": _lower_hull(sizes.astype(float), best.errors[sizes - 1]),
            "gain": best.gains[sizes - 1],
            "chance_gain": chance[sizes - 1],
            "needed": factor * chance[sizes - 1],
            "suggested": sizes == suggested,
        }
    )


def _above_chance(
    data: sparse.csc_matrix,
    ends: PairIndex,
    growth: Growth,
    longest: int,
    factor: float,
    *,
    seed: int,
    threads: int,
    **options: Any,
) -> tuple[int, np.ndarray]:
    """Return the number of entries that explain more than chance, and the gain by chance at each.

    Chance after k entries is measured in what they leave; it never rises, as the data that are left shrink.
    """
    norm = float(data.data @ data.data)
    gains, pairs = growth.gains[:longest], PairData.of(data, ends)
    chance = np.full(longest, np.inf)
    number, left = 0, sparse.csr_matrix(data)
    while True:

        def one(index: int, left: sparse.csr_matrix = left, at: int = number) -> float:
            rng = stream(seed, "chance", at, index)
            return chance_gain(left, ends, rng=rng, norm=norm, **options)

        with ThreadPoolExecutor(max(1, threads)) as pool:
            drawn = float(np.mean(list(pool.map(one, range(_CHANCE_REPEATS)))))
        chance[number:] = np.minimum(chance[number:], drawn)
        above = max(number, int((gains > factor * chance).sum()))
        if above in (number, longest):
            return above, chance
        number = above
        left = pairs.residual(*growth.steps[number - 1])


def suggest_k(ks: Sequence[int], errors: Sequence[float], *, factor: float = 2.0) -> int:
    """Suggest the number of entries from the error curve.

    Rule: an entry that explains a separate network lowers the error by more than one that only fits noise.
    The noise gain is estimated at the end of the range (median gain per entry over its last third), and the
    suggestion is the largest k whose last entry gains more than `factor` times that, on the convex lower hull
    of the curve (which removes the bumps of local optima). If all gains are equal, the smallest k is
    suggested. A suggestion within the last third is logged, because the range is too short.

    Parameters
    ----------
    ks
        Increasing numbers of entries.
    errors
        Error for each number of entries.
    factor
        > 1; larger values suggest fewer entries.

    Examples
    --------
    >>> suggest_k([1, 2, 3, 4, 5, 6, 7, 8], [0.8, 0.5, 0.2, 0.19, 0.18, 0.17, 0.16, 0.15])
    3
    """
    sizes = np.asarray(ks, dtype=float)
    gains = _gains(sizes, _lower_hull(sizes, np.asarray(errors, dtype=float)))[1:]
    if len(gains) < 3:
        logger.warning("dictionary.k_range: %d values cannot show an elbow; taking the largest", len(sizes))
        return int(sizes[-1])
    tail = max(len(gains) // 3, 1)
    noise = max(float(np.median(gains[-tail:])), 1e-6 * float(errors[0]))
    above = np.flatnonzero(gains > factor * noise)
    still = gains[-tail] > factor * gains[-1]
    chosen = int(sizes[above[-1] + 1]) if above.size else int(sizes[0])
    if still or (above.size and above[-1] >= len(gains) - tail):
        logger.warning(
            "dictionary.k_range ends at %d: the error still falls there, a longer range may suggest more",
            sizes[-1],
        )
    return chosen


def _lower_hull(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the convex lower hull of the points, made non-increasing, at every x."""
    y = np.minimum.accumulate(y)
    corner: list[int] = []
    for i in range(len(x)):
        while len(corner) > 1:
            a, b = corner[-2:]
            if (y[b] - y[a]) * (x[i] - x[a]) < (y[i] - y[a]) * (x[b] - x[a]):
                break
            corner.pop()
        corner.append(i)
    return np.interp(x, x[corner], y[corner])


def _gains(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the fall of y per unit of x towards each point (NaN for the first)."""
    return np.concatenate([[np.nan], -np.diff(y) / np.diff(x)])
