"""False discovery rates."""

from __future__ import annotations

import numpy as np


def benjamini_hochberg(pvalues: np.ndarray) -> np.ndarray:
    """Return Benjamini-Hochberg adjusted p-values, ignoring NaN.

    As ``scipy.stats.false_discovery_control`` (Benjamini and Hochberg 1995) along the first axis, except that
    NaN is allowed: it stays NaN and does not count as a test.

    Parameters
    ----------
    pvalues
        (n,) or (n, m), in [0, 1] or NaN. Each column of a matrix is one family of tests.

    Returns
    -------
    float64, shaped as `pvalues`, in [0, 1] or NaN.

    Raises
    ------
    ValueError
        If a p-value lies outside [0, 1].

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, np.nan, 0.04, 0.03]))
    array([0.03,  nan, 0.04, 0.04])
    """
    pvalues = np.asarray(pvalues, dtype=np.float64)
    adjusted = np.full(pvalues.shape, np.nan)
    known = ~np.isnan(pvalues)
    rows = known if known.ndim == 1 else known.all(axis=1)
    if not known.any():
        return adjusted
    if known.ndim == 1 or (known.any(axis=1) == rows).all():
        adjusted[rows] = _adjusted(pvalues[rows])
        return adjusted
    for column in range(pvalues.shape[1]):  # columns may differ in their missing values
        adjusted[:, column] = benjamini_hochberg(pvalues[:, column])
    return adjusted


def _adjusted(pvalues: np.ndarray) -> np.ndarray:
    """Return the same for p-values without NaN; importing scipy's function takes longer than most tests."""
    if ((pvalues < 0) | (pvalues > 1)).any():
        raise ValueError("p-values must be between 0 and 1")
    order = np.argsort(pvalues, axis=0)
    count = len(pvalues)
    factor = count / np.arange(1, count + 1)
    scaled = np.take_along_axis(pvalues, order, axis=0) * factor.reshape(-1, *[1] * (pvalues.ndim - 1))
    lowest = np.minimum.accumulate(scaled[::-1], axis=0)[::-1]
    adjusted = np.empty_like(lowest)
    np.put_along_axis(adjusted, order, lowest, axis=0)
    return np.minimum(adjusted, 1.0)
