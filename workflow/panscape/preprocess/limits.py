"""Limits that a study's own cells suggest."""

from __future__ import annotations

import math

import numpy as np

AUTO = "auto"
DEVIATIONS = (
    3.0  # median absolute deviations below the median, as of a normal distribution (scater's default)
)
NORMAL = 1.4826  # standard deviations of a normal distribution in one median absolute deviation
MOST = 0.5  # of the median: a cell with half of the usual number is no outlier, however narrow the others lie
FLOOR = 0.1  # of the typical number: below it are empty droplets and debris (as Cell Ranger's first versions)


def lower_limit(values: np.ndarray) -> int:
    """Return the number below which cells are outliers.

    Three median absolute deviations below the median, on the log scale, but at most half of the median and at
    least a tenth of the *typical* number, which is that of the cell in which the middle count lies if all
    counts are lined up by the size of their cell. Many nearly empty droplets hold few of all counts, so they
    move neither that number nor the median, which is taken of the cells above the floor.

    Parameters
    ----------
    values
        Counts, or detected genes, of each cell (not negative).

    Returns
    -------
    A whole number, 0 if all values are; cells with fewer are to be removed.
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
    # rounded first, so that a limit that is a whole number in theory is one
    return math.ceil(round(max(limit, floor), 6))
