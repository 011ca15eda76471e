"""Selection among several starts, and stability of entries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from panscape.coscape.dictionary.grow import grown_fit
from panscape.coscape.dictionary.learn import Fit, as_columns, learn_entries
from panscape.coscape.dictionary.measured import Measured
from panscape.coscape.dictionary.pair_index import PairIndex
from panscape.coscape.dictionary.starts import profile_start, singular_start, spread_start
from panscape.log import Progress
from panscape.seeds import stream


@dataclass(frozen=True)
class Choice:
    """Best of several fits.

    Attributes
    ----------
    fit
        The fit of lowest objective.
    objectives
        Final objective of every start, see :func:`fit_starts`.
    best
        Index of the start of `fit`.
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
    ends: PairIndex | None = None,
    measured: Measured | None = None,
) -> Choice:
    """Fit a dictionary from several starts and return the fit of lowest objective.

    With `ends` every start grows a dictionary of products, see
    :func:`panscape.coscape.dictionary.grow.grow_entries`. Otherwise the first start is the truncated singular
    value decomposition (as in scikit-learn and the released code), the others alternate between groups of
    pairs with similar profiles and distant panclusters; ``starts=1`` gives the published fit. The result does
    not depend on `threads`.

    Parameters
    ----------
    data
        (N, P) sparse, panclusters x pairs.
    k
        Number of entries.
    alpha, max_iter, tol
        See :func:`learn_entries`.
    starts
        Number of starts, >= 1.
    seed
        Seed of the step.
    threads
        Number of parallel fits (each needs three k x P arrays).
    ends
        The pairs' genes, for entries that are products of loadings; None for free entries.
    measured
        Pairs (with `ends` also genes) that each pancluster measures; None: all.
    """
    data = as_columns(data)
    first = None if ends else singular_start(data, k, stream(seed, "singular"))

    def one(index: int) -> Fit:
        rng = stream(seed, "start", k, index)
        options: dict[str, Any] = {
            "alpha": alpha,
            "max_iter": max_iter,
            "tol": tol,
            "rng": rng,
            "measured": measured,
        }
        if ends:
            return grown_fit(data, ends, k, **options)
        begin = other_start(data, k, index, rng) if index or first is None else first
        return learn_entries(data, *begin, **options)

    progress = Progress("dictionary fits", starts)
    fits = []
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for fit in pool.map(one, range(starts)):
            fits.append(fit)
            progress.add()
    objectives = tuple(fit.objective for fit in fits)
    best = int(np.argmin(objectives))
    others = [match_entries(fits[best].entries, fit.entries)[1] for i, fit in enumerate(fits) if i != best]
    stability = np.mean(others, axis=0) if others else np.full(fits[best].n_entries, np.nan)
    return Choice(fits[best], objectives, best, stability)


def other_start(data, k: int, index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return start `index` > 0.

    Parameters
    ----------
    data
        (N, P) sparse.
    k
        Number of entries.
    index
        Odd numbers start from pairs with similar profiles, even ones from spread-out panclusters.
    rng
        Random number generator of the start.
    """
    return (profile_start if index % 2 else spread_start)(data, k, rng)


def match_entries(entries: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
    from scipy.optimize import linear_sum_assignment  # most jobs with a dictionary match no entries

    lengths = [np.linalg.norm(rows, axis=1) for rows in (entries, other)]
    cosine = entries @ other.T
    cosine /= np.maximum(np.outer(*lengths), np.finfo(float).tiny)
    rows, columns = linear_sum_assignment(-cosine)
    partner = np.full(len(entries), -1)
    value = np.zeros(len(entries))
    partner[rows], value[rows] = columns, cosine[rows, columns]
    return partner, value
