"""Cells drawn by the weights of a local linear regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

REACHES = (1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)  # times the distance to the farther edge of the gap
USUAL = 2.0  # reach where there are too few other gaps to choose it
_GAPS = 8  # maximum number of other gaps that decide
_LEAST = 10  # cells in such a gap, and on either side


def local_rows(values: ArrayLike, target: float, count: int = 2000, *, reach: float = USUAL) -> np.ndarray:
    """Draw cells by the weights of a local linear regression, so that their mean is its prediction.

    Cells are weighted by their distance (tricube kernel) and such that their mean position is the target: the
    mean of their expression does not depend on a slope. Beyond the last cells there is no such weighting, and
    only the distance counts. Cleveland 1979 (key ``cleveland1979``).

    Parameters
    ----------
    values
        (n,) positions of the cells.
    target
        The position to restore, where no cell is.
    count
        Number of draws; near cells are drawn several times.
    reach
        Reach of the kernel, as a multiple of the distance to the farther edge of the gap around the target;
        see :func:`local_reach`.

    Returns
    -------
    Rows (count,), ascending positions. The draw is systematic, not random.

    Examples
    --------
    >>> values = np.array([0.0, 1.0, 2.0, 4.0, 5.0, 6.0])
    >>> drawn = values[local_rows(values, 3.0, count=1000, reach=3.0)]
    >>> round(float(drawn.mean()), 2), float(drawn.min()), float(drawn.max())
    (3.0, 1.0, 5.0)
    """
    place = np.asarray(values, dtype=np.float64) - target
    weight = _weights(place, reach)
    order = np.argsort(place, kind="stable")
    total = np.cumsum(weight[order])
    return order[np.searchsorted(total, (np.arange(count) + 0.5) / count * total[-1])]


def local_reach(values: ArrayLike, x: sparse.csr_matrix, low: float, high: float) -> float:
    """Choose the reach of :func:`local_rows` by restoring other gaps of the same width.

    Up to eight gaps beside the given one, at quantiles of the cells, are left out in turn. The reach with the
    lowest mean logarithm of the squared error of the mean expression is chosen: wide where change is slow
    beside the noise, narrow where it is fast.

    Parameters
    ----------
    values
        (n,) positions of the cells; none is within the gap.
    x
        (n, G) their expression.
    low, high
        The gap.

    Returns
    -------
    One of eight reaches from 1.2 to 6; 2 if fewer than two other gaps have 10 cells in and on either side.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> values = random.uniform(0, 1, 2000)
    >>> values = values[(values < 0.45) | (values > 0.55)]
    >>> wave = sparse.csr_matrix(np.sin(30 * values)[:, None] + 0.1)
    >>> noise = sparse.csr_matrix(random.normal(5, 1, (len(values), 9)))
    >>> local_reach(values, wave, 0.45, 0.55) < local_reach(values, noise, 0.45, 0.55)
    True
    """
    values, errors = np.asarray(values, dtype=np.float64), {}
    half = (high - low) / 2
    for middle in np.quantile(values, (np.arange(_GAPS) + 0.5) / _GAPS):
        inside = np.abs(values - middle) <= half
        sides = (values < middle - half, inside, values > middle + half)
        overlaps = middle - half <= high and middle + half >= low
        if overlaps or min(side.sum() for side in sides) < _LEAST:
            continue
        target = float(np.median(values[inside]))
        out, rest = np.flatnonzero(inside), np.flatnonzero(~inside)
        weight = np.stack([_weights(values[rest] - target, reach) for reach in REACHES], axis=1)
        guess = x[rest].T @ (weight / weight.sum(axis=0))
        true = np.asarray(x[out].mean(axis=0)).reshape(-1, 1)
        errors[middle] = np.log(np.maximum(((np.asarray(guess) - true) ** 2).sum(axis=0), 1e-300))
    if len(errors) < 2:
        return USUAL
    return REACHES[int(np.mean(list(errors.values()), axis=0).argmin())]


def _weights(place: np.ndarray, reach: float) -> np.ndarray:
    """Return the weights (n,) of cells at some distance (n,) from the target, not negative."""
    sides = [np.abs(place[side]).min(initial=np.inf) for side in (place < 0, place > 0)]
    both = np.isfinite(sides).all()
    width = reach * (max(sides) if both else min(sides))
    weight = np.maximum(1 - np.abs(place / max(width, 1e-12)) ** 3, 0) ** 3
    if not both:
        return weight
    return np.maximum(weight * ((weight * place**2).sum() - place * (weight * place).sum()), 0)
