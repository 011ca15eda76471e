"""Rank tests of many genes at once, with or without controls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import permutations

import numpy as np

from panscape.stats.ranks import centred_ranks, correlation_pvalues
from panscape.stats.singular import singular

EXACT = 9  # maximum number of pairs with the exact null distribution
LINES_PER_CONTROL = 3  # lines required per control, beyond the first three


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


class Controlled:
    """Partial Spearman correlations of rows with a phenotype, given controls.

    The ranks of row and phenotype are regressed on the ranks of the controls (and the mean) by least squares;
    the correlation of the residuals has n - 2 - (rank of the controls) degrees of freedom.

    Parameters
    ----------
    values
        (G, n).
    controls
        Each (n,), the same for all rows, or (G, n), one per row. Only the first ones are used, one for every
        three lines beyond the first three.
    names
        Names of the controls.
    """

    def __init__(self, values: np.ndarray, controls: Sequence[np.ndarray], names: Sequence[str] = ()):
        rows, n = np.shape(values)
        self.used = max(min(len(controls), (n - 3) // LINES_PER_CONTROL), 0)
        self.names = tuple(names[: self.used])
        # rows with missing values are not tested
        taken = [
            np.nan_to_num(np.broadcast_to(centred_ranks(one, axis=-1), (rows, n)))
            for one in controls[: self.used]
        ]
        design = np.stack(taken, axis=2) if taken else np.zeros((rows, n, 0))
        left, size, _ = singular(design)  # (G, n, k), (G, k)
        good = size > 1e-8 * n * max(n, 1)
        self._basis = left * good[:, None, :]
        self.freedom = n - 2 - good.sum(axis=1)
        x = centred_ranks(values, axis=-1)
        self._x = self._free(x)
        remaining = np.square(self._x).sum(axis=1)
        self._varies = remaining > 1e-6 * np.maximum(np.square(x).sum(axis=1), 1e-9)
        self._size = np.sqrt(remaining)

    def _free(self, x: np.ndarray) -> np.ndarray:
        inside = np.einsum("gnk,gn->gk", self._basis, x)
        return x - np.einsum("gnk,gk->gn", self._basis, inside)

    def rho(self, phenotype: np.ndarray) -> np.ndarray:
        """Return the partial correlations, (G,) or (G, P); NaN where the controls leave no variation."""
        y = centred_ranks(np.atleast_2d(phenotype), axis=-1)  # (P, n)
        total = np.square(y).sum(axis=1)
        inside = np.einsum("gnk,pn->gpk", self._basis, y, optimize=True)
        left = total[None, :] - np.square(inside).sum(axis=2)
        fit = self._varies[:, None] & (left > 1e-6 * np.maximum(total, 1e-9)) & (self.freedom >= 1)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            rho = self._x @ y.T / (self._size[:, None] * np.sqrt(np.maximum(left, 0)))
        rho = np.where(fit, np.clip(rho, -1.0, 1.0), np.nan)
        return rho[:, 0] if np.ndim(phenotype) == 1 else rho
