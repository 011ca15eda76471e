"""Rank correlations and their p-values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from panscape.stats.singular import least_squares


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Return Spearman's rho over the entries finite in both; NaN for fewer than 3 or a constant one."""
    usable = np.isfinite(x) & np.isfinite(y)
    if usable.sum() < 3:
        return np.nan
    return _cosine(centred_ranks(x[usable]), centred_ranks(y[usable]))


def partial_spearman(x: np.ndarray, y: np.ndarray, controls: Sequence[np.ndarray]) -> float:
    """Return the correlation of the ranks of x and y after regressing both on the ranks of the controls.

    Only entries finite everywhere count; NaN if the controls leave nothing to correlate.
    """
    stack = np.stack([x, y, *controls])
    usable = np.isfinite(stack).all(axis=0)
    if usable.sum() < len(controls) + 3:
        return np.nan
    ranks = np.stack([centred_ranks(row[usable]) for row in stack])
    design = ranks[2:].T
    rest = []
    for row in ranks[:2]:
        left = row - design @ least_squares(design, row) if len(controls) else row
        if left @ left <= 1e-10 * max(row @ row, 1e-300):
            return np.nan
        rest.append(left)
    return _cosine(rest[0], rest[1])


def centred_ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks (of each column), ties averaged, minus their mean."""
    ranks = rankdata(values, axis=0)
    return ranks - ranks.mean(axis=0)


def _cosine(x: np.ndarray, y: np.ndarray) -> float:
    scale = np.sqrt((x @ x) * (y @ y))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else np.nan


def correlation_pvalues(rho: np.ndarray, freedom: int, attainable: float = 0.0) -> np.ndarray:
    """Return two-sided p-values of (rank) correlations of independent observations by Student's t.

    Parameters
    ----------
    rho
        Correlations; NaN stays NaN.
    freedom
        Degrees of freedom: observations - 2, less one for each mean that was removed beyond the first.
    attainable
        Smallest p-value that any order of the observations could reach; none is smaller.
    """
    from scipy.stats import t

    rho = np.asarray(rho, dtype=np.float64)
    if freedom < 1:
        return np.full(rho.shape, np.nan)
    with np.errstate(divide="ignore"):
        score = np.abs(rho) * np.sqrt(freedom / np.maximum(1 - rho**2, 0))
    return np.where(np.isnan(rho), np.nan, np.maximum(2 * t.sf(score, freedom), attainable))
