"""Rank tests of many genes at once."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np

from panscape.stats.ranks import centred_ranks, correlation_pvalues

EXACT_GROUP = 8  # largest size of the smaller group with the exact null distribution
EXACT = 9  # maximum number of pairs with the exact null distribution


def spearman_pvalue(rho: np.ndarray, n: int) -> np.ndarray:
    """Return the two-sided p-value of Spearman's rho: exact (no ties) up to n = 9, else Student's t."""
    if n > EXACT:
        return correlation_pvalues(rho, n - 2)
    null, fraction = _exact_null(n)
    rho = np.asarray(rho, dtype=float)
    place = np.searchsorted(null, np.abs(np.nan_to_num(rho)) - 1e-9)
    return np.where(np.isfinite(rho), fraction[np.minimum(place, len(fraction) - 1)], np.nan)


@cache
def _exact_null(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of |rho| over all orders of n, and the fraction of orders with at least each."""
    base = centred_ranks(np.arange(n))
    orders = np.array(list(permutations(range(n))))
    rho = np.round(np.abs(base[orders] @ base) / (base @ base), 9)
    values, counts = np.unique(rho, return_counts=True)
    return values, counts[::-1].cumsum()[::-1] / len(orders)


def rank_sum(values: np.ndarray, case: np.ndarray) -> np.ndarray:
    """Return the two-sided p-value of Wilcoxon's rank-sum test of every row; NaN for constant rows.

    Exact without ties and with groups of up to eight, else by the normal approximation with tie and
    continuity corrections.

    Parameters
    ----------
    values
        (G, n).
    case
        (n,) bool.
    """
    from scipy.stats import mannwhitneyu

    case = np.asarray(case, dtype=bool)
    result = np.full(len(values), np.nan)
    varies = np.ptp(values, axis=1) > 0
    if case.any() and not case.all() and varies.any():
        rows = values[varies]
        result[varies] = mannwhitneyu(rows[:, case], rows[:, ~case], axis=1).pvalue
    return result


def rank_sum_of_rho(rho: np.ndarray, case: np.ndarray) -> np.ndarray:
    """Return the two-sided p-value of Wilcoxon's rank-sum test from the rank correlation with the groups.

    The same as :func:`rank_sum` for rows without ties; ties are treated as if broken.

    Parameters
    ----------
    rho
        Spearman's correlations of rows with `case`, of any shape.
    case
        (n,) bool.

    Examples
    --------
    >>> case = np.array([False, False, False, True, True, True])
    >>> rank_sum_of_rho(np.array([0.8783]), case).round(3), rank_sum(np.arange(6.0)[None], case)
    (array([0.1]), array([0.1]))
    """
    case = np.asarray(case, dtype=bool)
    first, n = int(case.sum()), len(case)
    second = n - first
    away = np.abs(np.asarray(rho, dtype=float)) * np.sqrt((n * n - 1) / 12 * first * second)
    return _rank_sum_pvalue(away, first, second)


def tied_rank_sum(values: np.ndarray, case: np.ndarray) -> float:
    """Return :func:`rank_sum` of one row that varies, ties included, without loading scipy.stats.

    Parameters
    ----------
    values
        (n,).
    case
        (n,) bool, some of either kind.

    Examples
    --------
    >>> values, case = np.array([1.0, 1, 2, 3, 4, 5]), np.array([False, False, False, True, True, True])
    >>> round(tied_rank_sum(values, case), 3), rank_sum(values[None], case).round(3)
    (0.077, array([0.077]))
    """
    n, first = len(values), int(case.sum())
    often = np.unique(values, return_counts=True)[1]
    away = np.abs(centred_ranks(values)[case].sum())  # from its expectation, as the statistic U
    ties = float((often.astype(float) ** 3 - often).sum() / (n * (n - 1)))
    return float(_rank_sum_pvalue(away, first, n - first, ties))


def _rank_sum_pvalue(away: np.ndarray, first: int, second: int, ties: float = 0.0) -> np.ndarray:
    """Return the two-sided p-value of U so far from its expectation; `ties` reduce its variance."""
    if min(first, second) <= EXACT_GROUP and not ties:
        null = _rank_sum_null(min(first, second), max(first, second))
        least = np.ceil(np.nan_to_num(away) + first * second / 2 - 1e-6).astype(int)
        p = null[np.clip(least, 0, len(null) - 1)]
    else:
        from scipy.special import ndtr

        p = ndtr(-(away - 0.5) / np.sqrt(first * second * (first + second + 1 - ties) / 12))
    return np.where(np.isfinite(away), np.minimum(2 * p, 1.0), np.nan)


@cache
def _rank_sum_null(first: int, second: int) -> np.ndarray:
    """Return the probability that U is at least 0, 1 ... first x second (Mann and Whitney 1947)."""
    counts = np.zeros(first * second + 1)
    counts[0] = 1.0
    # Gaussian binomial coefficient: times (1 - q^(second + one)) / (1 - q^one)
    for one in range(1, first + 1):
        counts[second + one :] -= counts[: -(second + one)].copy() if second + one < len(counts) else 0
        for at in range(one, len(counts)):
            counts[at] += counts[at - one]
    return counts[::-1].cumsum()[::-1] / counts.sum()
