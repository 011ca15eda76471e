"""Automatic lower limits of quality control."""

from __future__ import annotations

import math

import numpy as np

AUTO = "auto"
DEVIATIONS = 3.0  # scaled median absolute deviations below the median (scater's default)
NORMAL = 1.4826  # standard deviations of a normal distribution in one median absolute deviation
MOST = 0.5  # of the median: cells above half of the median are never outliers
FLOOR = 0.1  # of the typical number: below are empty droplets and debris (as in early Cell Ranger versions)


def lower_limit(values: np.ndarray) -> int:
    """Return the lower limit of a cell measure, below which cells are outliers.

    Three scaled median absolute deviations below the median, on the log scale, but at most half of the median
    and at least a tenth of the *typical* number, which is the median weighted by the values themselves.
    Nearly empty droplets contribute little to this weighted median, and the median itself is over the cells
    above the floor, so that many such droplets change neither.

    Parameters
    ----------
    values
        Counts, or detected genes, of each cell (non-negative).

    Returns
    -------
    An integer, 0 if all values are 0; cells with fewer are to be removed.
    """
    values = np.asarray(values, dtype=np.float64)
    values = np.sort(values[values > 0])
    if not len(values):
        return 0
    total = np.cumsum(values)
    floor = FLOOR * values[np.searchsorted(total, total[-1] / 2)]
    logs = np.log(values[values >= floor])
    middle = np.median(logs)
    spread = NORMAL * np.median(np.abs(logs - middle))
    limit = min(math.exp(middle - DEVIATIONS * spread), MOST * math.exp(middle))
    # rounded first, so that limits that are mathematically integers are exact
    return math.ceil(round(max(limit, floor), 6))
