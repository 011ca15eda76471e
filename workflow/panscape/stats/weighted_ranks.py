"""Weighted rank correlations of many draws at once; each row is one draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from panscape.stats.decomposition import symmetric_pseudo_inverses


def standard_ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ranks such that the inner product of two rows is their (weighted) Spearman correlation.

    Parameters
    ----------
    values
        (draws, n); entries of positive weight must be finite.
    weights
        (draws, n), >= 0: multiplicity of each entry. Weights of 0 and 1 give the usual Spearman correlation
        of the entries with weight 1.

    Returns
    -------
    (draws, n): ranks with ties averaged, centred, scaled to norm 1 and multiplied by the square root of the
    weight; NaN in rows without variation or with fewer than 3 entries.
    """
    order = np.argsort(np.where(weights > 0, values, np.inf), axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    weight = np.take_along_axis(weights, order, axis=1)
    upto = np.cumsum(weight, axis=1)
    new = np.ones(values.shape, dtype=bool)
    new[:, 1:] = (ordered[:, 1:] != ordered[:, :-1]) | (weight[:, 1:] == 0)
    low = np.maximum.accumulate(np.where(new, upto - weight, 0.0), axis=1)
    last = np.ones(values.shape, dtype=bool)
    last[:, :-1] = new[:, 1:]
    high = np.minimum.accumulate(np.where(last, upto, np.inf)[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, low + high, axis=1)
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        ranks -= (ranks * weights).sum(axis=1, keepdims=True) / total
        ranks *= np.sqrt(weights)
        length = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
        few = (weights > 0).sum(axis=1, keepdims=True) < 3
        return np.where(few | (length <= 1e-9 * total), np.nan, ranks / length)


def products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the correlations of the rows of two arrays of :func:`standard_ranks`."""
    return np.einsum("ij,ij->i", x, y).clip(-1, 1)


def partial_products(x: np.ndarray, y: np.ndarray, controls: Sequence[np.ndarray]) -> np.ndarray:
    """Return the correlations of the rows of x and y after regressing both on the controls.

    Parameters
    ----------
    x, y
        (draws, n), from :func:`standard_ranks`.
    controls
        Variables to control for, (draws, n) each, from :func:`standard_ranks`; those without variation in a
        draw (NaN) are ignored in that draw. Without any, the result is that of :func:`products`.

    Returns
    -------
    (draws,), -1 to 1; NaN where x or y is NaN or the controls leave no variation.
    """
    if not len(controls):
        return products(x, y)
    stack = np.stack([x, y, *map(np.nan_to_num, controls)])
    r = np.einsum("aij,bij->iab", stack, stack)
    result = np.full(len(r), np.nan)
    usable = np.flatnonzero(np.isfinite(r).all(axis=(1, 2)))
    r = r[usable]
    inner = symmetric_pseudo_inverses(r[:, 2:, 2:])
    rest = r[:, :2, :2] - r[:, :2, 2:] @ inner @ r[:, 2:, :2]
    left = rest[:, [0, 1], [0, 1]]
    enough = (left > 1e-9).all(axis=1)
    scale = np.sqrt(np.where(enough[:, None], left, 1.0).prod(axis=1))
    result[usable] = np.where(enough, rest[:, 0, 1] / scale, np.nan).clip(-1, 1)
    return result


def group_ranks(values: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the ranks of :func:`standard_ranks` within groups.

    Parameters
    ----------
    values, weights
        (draws, n), as there.
    groups
        int (n,), from 0.

    Returns
    -------
    (draws, n): NaN in the groups of a draw where it is undefined.
    """
    ranks = np.empty(values.shape)
    for group in range(groups.max(initial=-1) + 1):
        inside = np.flatnonzero(groups == group)
        ranks[:, inside] = standard_ranks(values[:, inside], weights[:, inside])
    return ranks


def group_products(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Spearman correlations within groups.

    Parameters
    ----------
    x, y
        (draws, n), from :func:`group_ranks` with the same weights and groups.
    weights, groups
        As there.

    Returns
    -------
    each
        (draws, groups): the correlation in each group, NaN where undefined.
    together
        (draws,): their mean, weighted by the size of each group minus one; NaN where none is defined.
    """
    count = groups.max(initial=-1) + 1
    each = np.full((len(x), count), np.nan)
    size = np.zeros((len(x), count))
    for group in range(count):
        inside = np.flatnonzero(groups == group)
        each[:, group] = products(x[:, inside], y[:, inside])
        size[:, group] = np.maximum(weights[:, inside].sum(axis=1) - 1, 0)
    size = np.where(np.isfinite(each), size, 0.0)
    total = size.sum(axis=1)
    summed = (np.where(np.isfinite(each), each, 0.0) * size).sum(axis=1)
    return each, np.divide(summed, total, out=np.full(len(x), np.nan), where=total > 0)
