"""Rank correlations of many rows with one variable, adjusted for others, and their permutation null."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from panscape.stats.ranks import centred_ranks, correlation_pvalues
from panscape.stats.singular import singular

LINES_PER_CONTROL = 3  # samples required per control, beyond the first three
BLOCK_VALUES = 20_000_000  # rows x permutations x samples in memory at once
KEPT = 1e-6  # fraction of the variance that adjustment has to leave


class Adjusted:
    """Partial Spearman correlations of rows with a variable, given fixed effects and controls.

    The ranks of row and variable are regressed on a common design and on the ranks of the controls by least
    squares; the correlation of the residuals has n - 2 - (rank of the regressors) degrees of freedom. For a
    variable of several groups it is the root of the fraction of the row's residual variance that their
    residual indicators explain (0 to 1).

    Parameters
    ----------
    values
        (G, n).
    design
        (n, k) regressors that are always used: covariates, indicators of strata.
    controls
        Each (n,), the same for all rows, or (G, n), one per row. Only the first ones are used, one for every
        three samples beyond the first three and the rank of the design.
    names
        Names of the controls.
    strata
        (n,) codes: values, controls and labels are taken as differences from the means of their stratum
        before they are ranked (aligned ranks, Hodges and Lehmann 1962), and the strata are in the design.
        Without alignment large differences between strata leave only the signs of differences within.

    Examples
    --------
    >>> adjusted = Adjusted(np.array([[1.0, 2.0, 3.0, 5.0, 4.0]]))
    >>> adjusted.rho(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    array([0.9])
    """

    def __init__(
        self,
        values: np.ndarray,
        design: np.ndarray | None = None,
        controls: Sequence[np.ndarray] = (),
        names: Sequence[str] = (),
        strata: np.ndarray | None = None,
    ):
        rows, n = np.shape(values)
        self.rows = rows
        self.strata = strata
        parts = [np.zeros((n, 0)) if design is None or not design.size else design]
        if strata is not None:
            parts.append((strata[:, None] == np.unique(strata)).astype(float))
        common = np.hstack(parts)
        common = common - common.mean(axis=0)
        fixed = rank_of(common)
        self.used = min(len(controls), room_for_controls(n, fixed))
        self.names = tuple(names[: self.used])
        # rows with missing values are not tested
        taken = [
            np.nan_to_num(np.broadcast_to(centred_ranks(aligned(one, strata), axis=-1), (rows, n)))
            for one in controls[: self.used]
        ]
        scaled = common * (n / np.maximum(np.sqrt(np.square(common).sum(axis=0)), 1e-12))
        if taken:
            shared = np.broadcast_to(scaled, (rows, *scaled.shape))
            regressors = np.concatenate([np.stack(taken, axis=2), shared], axis=2)
        else:
            regressors = scaled[None]  # one basis for all rows
        left, size, _ = singular(regressors)  # (G or 1, n, k), (G or 1, k)
        good = size > 1e-8 * n * max(n, 1)
        self._basis = left * good[:, None, :]
        removed = good.sum(axis=1)
        self.freedom = np.broadcast_to(n - 2 - removed, rows).copy()
        self.plain = not removed.any()
        x = centred_ranks(aligned(values, strata), axis=-1)
        self._x = self._free(x)
        remaining = np.square(self._x).sum(axis=1)
        self._varies = remaining > KEPT * np.maximum(np.square(x).sum(axis=1), 1e-9)
        self._size = np.sqrt(remaining)

    def _free(self, x: np.ndarray) -> np.ndarray:
        """Return rows (G, n) without what the regressors explain."""
        inside = np.matmul(x[:, None], self._basis)  # (G, 1, k)
        return x - np.matmul(inside, self._basis.transpose(0, 2, 1))[:, 0]

    def rho(self, labels: np.ndarray, *, groups: int = 0) -> np.ndarray:
        """Return the partial correlations of all rows with labellings.

        Parameters
        ----------
        labels
            (n,) or (P, n): values, or codes of groups.
        groups
            Number of groups if there are more than two, else 0.

        Returns
        -------
        (G,) or (G, P); NaN where the regressors leave no variation.
        """
        y = targets(np.atleast_2d(labels), groups, self.strata)  # (P, n, q)
        step = max(BLOCK_VALUES // max(len(self._basis) * y[0].size, 1), 1)
        parts = [self._correlate(y[None, start : start + step]) for start in range(0, len(y), step)]
        rho = np.concatenate(parts, axis=1)
        return rho[:, 0] if np.ndim(labels) == 1 else rho

    def null(self, labels: np.ndarray, orders: np.ndarray, *, groups: int = 0) -> np.ndarray:
        """Return the correlations with the permuted residuals of a labelling (Freedman and Lane 1983).

        What the regressors do not explain of the labels is permuted and added to what they explain, so that
        the relation of labels and regressors stays as it is.

        Parameters
        ----------
        labels
            (n,).
        orders
            (P, n) positions, see :func:`panscape.stats.designs.orders`.
        groups
            See :meth:`rho`.

        Returns
        -------
        (G, P).
        """
        y = targets(np.asarray(labels)[None], groups, self.strata)[0]  # (n, q)
        rest = np.stack(
            [self._free(np.broadcast_to(one, (len(self._basis), len(one)))) for one in y.T], axis=2
        )
        step = max(BLOCK_VALUES // max(len(rest) * y.size, 1), 1)
        parts = [
            self._correlate(rest[:, orders[start : start + step]]) for start in range(0, len(orders), step)
        ]
        return np.concatenate([np.zeros((len(self._x), 0)), *parts], axis=1)

    def _correlate(self, y: np.ndarray) -> np.ndarray:
        """Return the correlations (G, P) with targets (G or 1, P, n, q)."""
        explained: np.ndarray | float = 0.0
        usable: np.ndarray | bool = False
        kept: list[np.ndarray] = []
        for at in range(y.shape[3]):
            one, total = y[..., at], np.square(y[..., at]).sum(axis=-1)
            for other in (None, *kept):  # Gram-Schmidt: regressors first, then the other groups
                one = one - (self._inside(one) if other is None else other * (one * other).sum(-1)[..., None])
            left = np.square(one).sum(axis=-1)
            good = left > KEPT * np.maximum(total, 1e-9)
            one = one * np.where(good, 1 / np.sqrt(np.where(good, left, 1.0)), 0.0)[..., None]
            kept.append(one)
            rows = one if len(one) == len(self._x) else np.broadcast_to(one, (len(self._x), *one.shape[1:]))
            inner = self._x @ one[0].T if len(one) == 1 else np.matmul(rows, self._x[:, :, None])[..., 0]
            explained = explained + (inner if y.shape[3] == 1 else np.square(inner))
            usable = usable | good
        fit = self._varies[:, None] & usable & (self.freedom >= 1)[:, None]
        size = np.where(self._size > 0, self._size, 1.0)[:, None]
        rho = explained / size if y.shape[3] == 1 else np.sqrt(explained) / size
        return np.where(fit, np.clip(rho, -1.0, 1.0), np.nan)

    def _inside(self, y: np.ndarray) -> np.ndarray:
        """Return what the regressors explain of targets (G or 1, P, n)."""
        return np.matmul(np.matmul(y, self._basis), self._basis.transpose(0, 2, 1))

    def pvalues(self, rho: np.ndarray, *, groups: int = 0) -> np.ndarray:
        """Return p of correlations (G,) or (G, P): Student's t, for several groups Snedecor's F.

        Parameters
        ----------
        rho
            From :meth:`rho` or :meth:`null`.
        groups
            See :meth:`rho`.
        """
        freedom = self.freedom if np.ndim(rho) == 1 else self.freedom[:, None]
        if not groups:
            return correlation_pvalues(rho, freedom)
        from scipy.special import fdtrc

        between, within = groups - 1, freedom - (groups - 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.square(rho) / between / np.maximum((1 - np.square(rho)) / within, 1e-300)
            return np.where(np.isnan(rho) | (within < 1), np.nan, fdtrc(between, within, ratio))


def targets(labels: np.ndarray, groups: int, strata: np.ndarray | None = None) -> np.ndarray:
    """Return what rows are correlated with, (P, n, q): centred ranks, or indicators of all groups but one."""
    if not groups:
        return centred_ranks(aligned(labels, strata), axis=-1)[:, :, None]
    indicators = (labels[:, :, None] == np.arange(1, groups)).astype(float)
    return indicators - indicators.mean(axis=1, keepdims=True)


def aligned(values: np.ndarray, strata: np.ndarray | None) -> np.ndarray:
    """Return the differences (..., n) of values from the means of their strata; unchanged without strata.

    Rounded to ten digits of the largest value, so that equal differences have equal ranks.
    """
    values = np.asarray(values, dtype=float)
    if strata is None:
        return values
    result = np.empty_like(values)
    for code in np.unique(strata):
        at = strata == code
        result[..., at] = values[..., at] - values[..., at].mean(axis=-1, keepdims=True)
    scale = np.abs(values).max(axis=-1, keepdims=True)
    scale = np.where(scale > 0, scale, 1.0)
    return np.round(result / scale, 10)


def room_for_controls(n: int, fixed: int) -> int:
    """Return how many controls n samples allow beside regressors of rank `fixed`.

    Examples
    --------
    >>> room_for_controls(12, 0), room_for_controls(4, 2)
    (3, 0)
    """
    return max((n - 3 - fixed) // LINES_PER_CONTROL, 0)


def rank_of(design: np.ndarray) -> int:
    """Return the rank of a matrix (n, k)."""
    if not design.shape[1]:
        return 0
    size = singular(design / np.maximum(np.sqrt(np.square(design).sum(axis=0)), 1e-12))[1]
    return int((size > 1e-8).sum())
