"""Ranks, rank correlations and their p-values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from panscape.stats.singular import least_squares


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Return Spearman's rho over the entries finite in both; NaN for fewer than 3 or if one is constant."""
    usable = np.isfinite(x) & np.isfinite(y)
    if usable.sum() < 3:
        return np.nan
    return float(_cosine(*(centred_ranks(one[usable])[None] for one in (x, y)))[0, 0])


def spearman_rows(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return Spearman's rho of every row with one or more vectors; NaN if either is constant.

    Parameters
    ----------
    values
        (G, n), finite; a row with NaN gives NaN.
    others
        (n,) or (P, n).

    Returns
    -------
    (G,) or (G, P), -1 to 1.

    Examples
    --------
    >>> spearman_rows(np.array([[1.0, 2.0, 3.0], [3.0, 9.0, 4.0]]), np.array([5.0, 6.0, 8.0]))
    array([1. , 0.5])
    """
    rho = _cosine(centred_ranks(values, axis=-1), centred_ranks(np.atleast_2d(others), axis=-1))
    return rho[:, 0] if np.ndim(others) == 1 else rho


def partial_spearman(x: np.ndarray, y: np.ndarray, controls: Sequence[np.ndarray]) -> float:
    """Return the correlation of the ranks of x and y after regressing both on the ranks of the controls.

    Parameters
    ----------
    x, y
        (n,); only entries finite in all arguments count.
    controls
        Variables to control for, (n,) each; without any, the result is Spearman's rho.

    Returns
    -------
    -1 to 1. NaN if fewer entries count than 3 plus the number of controls, or these leave no variation.
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
    return float(_cosine(rest[0][None], rest[1][None])[0, 0])


def average_ranks(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return ranks from 1 along an axis, float64, ties averaged.

    As ``scipy.stats.rankdata``, whose import takes longer than most jobs rank.

    Parameters
    ----------
    values
        Of any shape. All ranks along the axis are NaN if a value is.
    axis
        Axis along which values are ranked.

    Examples
    --------
    >>> average_ranks(np.array([0.5, 0.1, 0.5]))
    array([2.5, 1. , 2.5])
    """
    rows = np.moveaxis(np.asarray(values), axis, -1)
    order = np.argsort(rows, axis=-1)
    ordered = np.take_along_axis(rows, order, axis=-1)
    place = np.arange(rows.shape[-1])
    begins = np.ones(rows.shape, dtype=bool)  # a run of equal values
    begins[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    ends = np.roll(begins, -1, axis=-1)
    first = np.maximum.accumulate(np.where(begins, place, 0), axis=-1)
    last = np.minimum.accumulate(np.where(ends, place, len(place))[..., ::-1], axis=-1)[..., ::-1]
    ranks = np.empty(rows.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=-1)
    if rows.dtype.kind == "f":
        ranks[np.isnan(rows).any(axis=-1)] = np.nan
    return np.moveaxis(ranks, -1, axis)


def centred_ranks(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return ranks along an axis, ties averaged, minus their mean (exact: multiples of 1/2)."""
    ranks = average_ranks(values, axis)
    return ranks - ranks.mean(axis=axis, keepdims=True)


def _cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the correlations, (G, P), of centred rows (G, n) and (P, n); NaN if one is constant."""
    # a single root of the product, so that equal ranks give exactly 1
    scale = np.sqrt(np.multiply.outer(np.square(x).sum(axis=1), np.square(y).sum(axis=1)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(np.where(scale > 0, x @ y.T / scale, np.nan), -1.0, 1.0)


def auroc(score: np.ndarray, positive: np.ndarray) -> float:
    """Return the probability that a positive scores above a negative, ties counting one half.

    Parameters
    ----------
    score
        (n,); NaN is ignored.
    positive
        bool (n,).

    Returns
    -------
    0 to 1; NaN without positives or without negatives.
    """
    score, positive = np.asarray(score, dtype=np.float64), np.asarray(positive, dtype=bool)
    known = ~np.isnan(score)
    score, positive = score[known], positive[known]
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    return float((average_ranks(score)[positive].sum() - n * (n + 1) / 2) / (n * m))


def correlation_pvalues(rho: np.ndarray, freedom: np.ndarray | int, attainable: float = 0.0) -> np.ndarray:
    """Return two-sided p-values of (rank) correlations of independent observations by Student's t.

    Parameters
    ----------
    rho
        Correlations; NaN stays NaN.
    freedom
        Degrees of freedom, broadcast to `rho`: observations - 2, minus one for each control or further mean
        that was removed. NaN below 1.
    attainable
        Smallest p-value that any order of the observations can reach, a lower bound of the result.
    """
    from scipy.special import stdtr

    rho = np.asarray(rho, dtype=np.float64)
    freedom = np.broadcast_to(np.asarray(freedom, dtype=np.float64), rho.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.abs(rho) * np.sqrt(freedom / np.maximum(1 - rho**2, 0))
        pvalue = np.maximum(2 * stdtr(freedom, -score), attainable)
    return np.where(np.isnan(rho) | (freedom < 1), np.nan, pvalue)
