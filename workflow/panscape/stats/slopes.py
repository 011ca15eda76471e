"""Slopes of many rows on one variable, with intervals from permutations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from panscape.stats.singular import singular

BLOCK_VALUES = 20_000_000  # rows x permutations x samples in memory at once
KEPT = 1e-9  # fraction of the variance that regressors have to leave


@dataclass(frozen=True)
class Slopes:
    """Least-squares slopes with intervals.

    Attributes
    ----------
    value
        (G,) change of a row per unit of the variable; NaN where the regressors leave no variation.
    low, high
        (G,) limits of the interval; infinite where there are too few permutations for its level.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def slopes(
    values: np.ndarray,
    variable: np.ndarray,
    orders: np.ndarray,
    design: np.ndarray | None = None,
    *,
    level: float = 0.95,
) -> Slopes:
    """Regress rows on a variable, and invert its permutation test for the intervals.

    A slope b is in the interval if the variable's permutation test does not reject rows from which b times
    the variable has been subtracted. The test's statistic is linear in b, so that every permutation accepts
    the slopes between two numbers, and the limits are quantiles of these: the interval is exact where the
    samples are exchangeable, whatever the distribution. With regressors, residuals are permuted, which is
    approximate (Freedman and Lane 1983).

    Parameters
    ----------
    values
        (G, n).
    variable
        (n,) numbers, or 0 and 1 for two groups, whose slope is the difference of their means.
    orders
        (P, n) positions: other orders of the samples, see :func:`panscape.stats.designs.orders`.
    design
        (n, k), or (G, n, k) for regressors of every row: covariates, indicators of strata. The mean is always
        among the regressors.
    level
        Confidence level, in (0, 1).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.arange(12.0)
    >>> orders = np.argsort(rng.random((999, 12)), axis=1)
    >>> fitted = slopes(2 * x[None] + rng.normal(0, 0.1, (1, 12)), x, orders)
    >>> bool(fitted.low[0] < 2 < fitted.high[0]), fitted.value.round(1).tolist()
    (True, [2.0])
    """
    values, variable = np.asarray(values, dtype=float), np.asarray(variable, dtype=float)
    n = len(variable)
    basis = _basis(design, n)
    x, y = _free(np.atleast_2d(variable), basis), _free(values, basis)
    x = np.broadcast_to(x, (len(y), n)) if len(basis) > 1 else x
    size = np.square(x).sum(axis=1)
    fits = size > KEPT * np.square(variable - variable.mean()).sum()
    safe = np.where(fits, size, 1.0)
    value = np.where(fits, (y * x).sum(axis=1) / safe, np.nan)
    low, high = np.full(len(y), -np.inf), np.full(len(y), np.inf)
    step = max(BLOCK_VALUES // max(len(orders) * n, 1), 1)
    for start in range(0, len(y), step):
        rows = slice(start, start + step)
        own = rows if len(x) > 1 else slice(0, 1)
        moved = x[own][:, orders]  # (rows or 1, P, n)
        moved = _free(moved, basis[own] if len(basis) > 1 else basis)
        slope = np.einsum("gpn,gn->gp", np.broadcast_to(moved, (len(y[rows]), *moved.shape[1:])), y[rows])
        overlap = np.einsum("gpn,gn->gp", moved, x[own])
        scale = safe[own][:, None]
        low[rows], high[rows] = _limits(value[rows], slope / scale, overlap / scale, level)
    return Slopes(value, low, high)


def _limits(
    value: np.ndarray, slope: np.ndarray, overlap: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the limits (G,) from the permuted slopes (G, P) and the overlaps of both variables."""
    count = slope.shape[1]
    # p = (1 + permutations that accept) / (1 + P): a slope is out if at most `out` of them accept it
    out = int(np.floor((1 - level) * (1 + count) + 1e-9)) - 1
    if out < 0:
        return np.full(len(value), -np.inf), np.full(len(value), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        one = (value[:, None] - slope) / (1 - overlap)
        two = (value[:, None] + slope) / (1 + overlap)
    same = np.isclose(np.abs(overlap), 1.0)  # a permutation to equal or opposite values accepts every slope
    ends = np.sort(np.where(same[None], np.inf, np.stack([one, two])), axis=0)
    lower = np.where(same, -np.inf, ends[0])
    low = np.sort(lower, axis=1)[:, out]
    high = np.sort(ends[1], axis=1)[:, count - 1 - out]
    missing = np.isnan(value)
    return np.where(missing, np.nan, low), np.where(missing, np.nan, high)


def _basis(design: np.ndarray | None, n: int) -> np.ndarray:
    """Return orthonormal regressors (1 or G, n, k) with the mean."""
    regressors = np.zeros((1, n, 0)) if design is None else np.asarray(design, dtype=float)
    regressors = regressors[None] if regressors.ndim == 2 else regressors
    length = np.sqrt(np.square(regressors).sum(axis=1, keepdims=True))
    regressors = regressors / np.where(length > 0, length, 1.0)
    ones = np.broadcast_to(np.full((1, n, 1), n**-0.5), (len(regressors), n, 1))
    left, size, _ = singular(np.concatenate([ones, regressors], axis=2))
    return left * (size > 1e-8)[:, None, :]


def _free(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return values (G, n) or (G, P, n) without what the regressors (1 or G, n, k) explain."""
    rows = values if values.ndim == 3 else values[:, None]
    free = rows - np.matmul(np.matmul(rows, basis), basis.transpose(0, 2, 1))
    return free if values.ndim == 3 else free[:, 0]
