"""Several starts, stability of entries across them, and how many entries to learn."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from panscape.dictionary._learn import Fit, as_columns, learn
from panscape.dictionary._starts import profile_start, singular_start, spread_start
from panscape.log import Progress, logger
from panscape.seeds import stream


@dataclass(frozen=True)
class Choice:
    """The best of several fits.

    Attributes
    ----------
    fit
        The fit of lowest objective.
    objectives
        Final objective of every start, see :func:`fit_starts`.
    best
        Which start `fit` came from.
    stability
        (K,) mean over the other starts of the cosine of each entry with its matched entry, in [0, 1];
        NaN with one start.
    """

    fit: Fit
    objectives: tuple[float, ...]
    best: int
    stability: np.ndarray


def fit_starts(
    data: sparse.spmatrix,
    k: int,
    *,
    alpha: float,
    starts: int = 5,
    max_iter: int = 100,
    tol: float = 1e-8,
    seed: int = 0,
    threads: int = 1,
) -> Choice:
    """Fit a dictionary from several starts and keep the one of lowest objective.

    The first start is the truncated singular value decomposition (what scikit-learn and the released code
    start from), the others are groups of pairs with alike profiles and spread-out panclusters in turn; with
    ``starts=1`` the fit is the published one. The result does not depend on `threads`.

    Parameters
    ----------
    data
        (N, P) sparse, panclusters x pairs.
    k
        Number of entries.
    alpha, max_iter, tol
        See :func:`learn`.
    starts
        Number of starts, >= 1.
    seed
        Seed of the step.
    threads
        Fits run side by side (each holds three k x P arrays of its own).
    """
    data = as_columns(data)
    first = singular_start(data, k, stream(seed, "singular"))

    def one(index: int) -> Fit:
        rng = stream(seed, "start", k, index)
        begin = first if index == 0 else _other_start(data, k, index, rng)
        return learn(data, *begin, alpha=alpha, max_iter=max_iter, tol=tol, rng=rng)

    progress = Progress("dictionary fits", starts)
    fits = []
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for fit in pool.map(one, range(starts)):
            fits.append(fit)
            progress.add()
    objectives = tuple(fit.objective for fit in fits)
    best = int(np.argmin(objectives))
    others = [match(fits[best].entries, fit.entries)[1] for i, fit in enumerate(fits) if i != best]
    stability = np.mean(others, axis=0) if others else np.full(k, np.nan)
    return Choice(fits[best], objectives, best, stability)


def _other_start(data, k: int, index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the start number `index` > 0."""
    return (profile_start if index % 2 else spread_start)(data, k, rng)


def match(entries: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Match two sets of entries one to one by largest total cosine.

    Parameters
    ----------
    entries, other
        (K, P) and (L, P).

    Returns
    -------
    partner : (K,) row of `other`, -1 where there is none (L < K).
    cosine : (K,) cosine with the partner, 0 where there is none.
    """
    lengths = [np.linalg.norm(rows, axis=1) for rows in (entries, other)]
    cosine = entries @ other.T
    cosine /= np.maximum(np.outer(*lengths), np.finfo(float).tiny)
    rows, columns = linear_sum_assignment(-cosine)
    partner = np.full(len(entries), -1)
    value = np.zeros(len(entries))
    partner[rows], value[rows] = columns, cosine[rows, columns]
    return partner, value


def elbow(
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
) -> pd.DataFrame:
    """Fit every number of entries briefly and suggest one.

    Parameters
    ----------
    data
        (N, P) sparse.
    ks
        Numbers of entries, increasing.
    alpha, starts, max_iter, tol, seed, threads
        As in :func:`fit_starts`; short fits suffice for the curve.
    factor
        See :func:`suggest`.

    Returns
    -------
    One row per k: k, error (squared error / squared norm, of the best start), mean_start, worst_start,
    hull (convex lower hull of the error), gain (fall of the hull per entry), suggested.
    """
    data = as_columns(data)
    ks = sorted({int(k) for k in ks})
    most = singular_start(data, ks[-1], stream(seed, "singular"))
    jobs = [(k, index) for k in ks[::-1] for index in range(starts)]  # the long fits first
    progress = Progress("elbow fits", len(jobs))

    def one(job: tuple[int, int]) -> float:
        k, index = job
        rng = stream(seed, "elbow", k, index)
        begin = (most[0][:k], most[1][:, :k]) if index == 0 else _other_start(data, k, index, rng)
        error = learn(data, *begin, alpha=alpha, max_iter=max_iter, tol=tol, rng=rng).error
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
    table["suggested"] = table["k"] == suggest(table["k"], table["error"], factor=factor)
    return table


def suggest(ks: Sequence[int], errors: Sequence[float], *, factor: float = 2.0) -> int:
    """Suggest the number of entries from the error curve.

    Rule: an entry that explains a network of its own lowers the error by more than one that only fits
    noise. Noise gains are read off the end of the range (median gain per entry over its last third), and
    the suggestion is the largest k whose last entry gains more than `factor` times that, on the convex
    lower hull of the curve (which removes the bumps of local optima). If every gain is alike, the smallest
    k is suggested. A suggestion within the last third means that the range is too short to tell: logged.

    Parameters
    ----------
    ks
        Increasing numbers of entries.
    errors
        Error of each.
    factor
        > 1; larger values suggest fewer entries.
    """
    ks = np.asarray(ks, dtype=float)
    gains = _gains(ks, _lower_hull(ks, np.asarray(errors, dtype=float)))[1:]
    if len(gains) < 3:
        logger.warning("dictionary.k_range: %d values cannot show an elbow; taking the largest", len(ks))
        return int(ks[-1])
    tail = max(len(gains) // 3, 1)
    noise = max(float(np.median(gains[-tail:])), 1e-6 * float(errors[0]))
    above = np.flatnonzero(gains > factor * noise)
    still = gains[-tail] > factor * gains[-1]
    chosen = int(ks[above[-1] + 1]) if above.size else int(ks[0])
    if still or (above.size and above[-1] >= len(gains) - tail):
        logger.warning(
            "dictionary.k_range ends at %d: the error still falls there, a longer range may suggest more",
            ks[-1],
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
