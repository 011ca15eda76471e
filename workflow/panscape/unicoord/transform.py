"""Transforms of continuous labels to the scales on which they are learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TRANSFORMS = ("none", "log1p", "sqrt", "rank")
FROM_ZERO = ("log1p", "sqrt")  # defined for values of at least 0
_KNOTS = 201  # maximum number of knots of the scale of ranks


def ranks(values: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return knots: values and the fraction of the data below each (ties count half).

    Up to 201 pairs, in ascending order; NaN are left out.

    Examples
    --------
    >>> ranks(np.array([1.0, 10.0, 100.0, 100.0]))
    ((1.0, 10.0, 100.0), (0.125, 0.375, 0.75))
    """
    knots, count = np.unique(values[np.isfinite(values)], return_counts=True)
    share = (count.cumsum() - count / 2) / count.sum()
    if len(knots) > _KNOTS:
        even = np.linspace(share[0], share[-1], _KNOTS)
        knots, share = np.interp(even, share, knots), even
    return tuple(map(float, knots)), tuple(map(float, share))


def forward(name: str, values: np.ndarray, knots: Sequence[float], shares: Sequence[float]) -> np.ndarray:
    """Transform values; ``"rank"`` extrapolates beyond the knots with its mean slope.

    Parameters
    ----------
    name
        One of :data:`TRANSFORMS`.
    values
        Numbers in the label's unit.
    knots, shares
        From :func:`ranks`; empty for other transforms.
    """
    if name == "log1p":
        return np.log1p(values)
    if name == "sqrt":
        return np.sqrt(values)
    return _bent(values, knots, shares) if name == "rank" else values


def backward(name: str, places: np.ndarray, knots: Sequence[float], shares: Sequence[float]) -> np.ndarray:
    """Inverse of :func:`forward`; negative places of ``"log1p"`` and ``"sqrt"`` become 0.

    Parameters
    ----------
    name
        One of :data:`TRANSFORMS`.
    places
        Values on the transformed scale.
    knots, shares
        From :func:`ranks`; empty for other transforms.
    """
    if name == "log1p":
        return np.expm1(np.maximum(places, 0))
    if name == "sqrt":
        return np.maximum(places, 0) ** 2
    return _bent(places, shares, knots) if name == "rank" else places


def _bent(values: np.ndarray, x: Sequence[float], y: Sequence[float]) -> np.ndarray:
    """Interpolate between points and extrapolate linearly."""
    slope = (y[-1] - y[0]) / (x[-1] - x[0])
    beyond = np.minimum(values - x[0], 0) + np.maximum(values - x[-1], 0)
    return np.interp(values, x, y) + slope * beyond
