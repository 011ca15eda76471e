"""Rank tests of many genes at once."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np

from panscape.stats.ranks import centred_ranks, correlation_pvalues

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
