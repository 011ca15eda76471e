"""Cells drawn by the weights of a local linear regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

_REACH = 3.0  # reach of the regression, times the distance to the farther edge of the gap


def local_rows(values: ArrayLike, target: float, count: int = 2000) -> np.ndarray:
    """Draw cells by the weights of a local linear regression, so that their mean is its prediction.

    Cells are weighted by their distance (tricube kernel) and such that their mean position is the target: the
    mean of their expression does not depend on a slope. The kernel reaches three times as far as the farther
    edge of the gap around the target. Beyond the last cells there is no such weighting, and only the
    distance counts. Cleveland 1979 (key ``cleveland1979``).

    Parameters
    ----------
    values
        (n,) positions of the cells.
    target
        The position to restore, where no cell is.
    count
        Number of draws; near cells are drawn several times.

    Returns
    -------
    Rows (count,), ascending positions. The draw is systematic, not random.

    Examples
    --------
    >>> values = np.array([0.0, 1.0, 2.0, 4.0, 5.0, 6.0])
    >>> drawn = values[local_rows(values, 3.0, count=1000)]
    >>> round(float(drawn.mean()), 2), float(drawn.min()), float(drawn.max())
    (3.0, 1.0, 5.0)
    """
    place = np.asarray(values, dtype=np.float64) - target
    sides = [np.abs(place[side]).min(initial=np.inf) for side in (place < 0, place > 0)]
    both = np.isfinite(sides).all()
    reach = _REACH * (max(sides) if both else min(sides))
    weight = np.maximum(1 - np.abs(place / max(reach, 1e-12)) ** 3, 0) ** 3
    if both:
        weight = np.maximum(weight * ((weight * place**2).sum() - place * (weight * place).sum()), 0)
    order = np.argsort(place, kind="stable")
    total = np.cumsum(weight[order])
    return order[np.searchsorted(total, (np.arange(count) + 0.5) / count * total[-1])]
