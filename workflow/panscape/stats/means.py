"""Means over cells in exact arithmetic, so that equal values give equal means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse

EXACT = 2.0**53  # sums of whole numbers up to here are exact in float64
SPARE = 64  # resampled cells may count repeatedly
MOST_DECIMALS = 22  # powers of ten up to here are exact in float64


def whole_multiples(values: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Return values as integer multiples of a power of ten whose sums are exact.

    Means of such numbers do not depend on the order of summation, and two sets of cells with the same
    proportions of the same values have bitwise equal means: rounding is never mistaken for variation.

    Parameters
    ----------
    values
        Numbers; non-finite ones become NaN.
    count
        Maximum number of values in a sum.

    Returns
    -------
    whole
        float64 integers, shaped as `values`; value = whole / scale.
    scale
        The power of ten.
    """
    values = np.where(np.isfinite(values), np.asarray(values, dtype=np.float64), np.nan)
    largest = np.nanmax(np.abs(values), initial=0.0)
    if largest == 0:
        return values, 1.0
    room = EXACT / (SPARE * max(count, 1) * largest)
    scale = 10.0 ** min(int(np.floor(np.log10(room))), MOST_DECIMALS)
    return np.round(values * scale), scale


def cluster_means(members: sparse.csr_matrix, values: np.ndarray) -> np.ndarray:
    """Return the mean of each cluster's known values; NaN if none is known.

    Parameters
    ----------
    members
        CSR (clusters, cells), 1 where a cell belongs to a cluster.
    values
        (cells,), NaN where unknown.
    """
    whole, scale = whole_multiples(values, members.shape[1])
    known = np.isfinite(whole)
    number = members @ known.astype(np.float64)
    total = members @ np.where(known, whole, 0.0)
    return divided(total, number, scale)


def group_means(label: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Return the mean of each group's known values; NaN if none is known.

    Parameters
    ----------
    label
        int (n,): group of each value, from 0.
    values
        (n,), NaN where unknown.
    count
        Number of groups.
    """
    whole, scale = whole_multiples(values, len(values))
    known = np.isfinite(whole)
    total = np.bincount(label[known], whole[known], minlength=count)
    return divided(total, np.bincount(label[known], minlength=count).astype(float), scale)


def divided(total: np.ndarray, number: np.ndarray, scale: float) -> np.ndarray:
    """Return means from sums of integer multiples, rounded once.

    Parameters
    ----------
    total
        Sums of the integers of :func:`whole_multiples`.
    number
        Number of values in each sum, >= 0, shaped as `total`.
    scale
        Power of ten from :func:`whole_multiples`.

    Returns
    -------
    float64, shaped as `total`: total / (number x scale), NaN where the number is 0.
    """
    return np.divide(total, number * scale, out=np.full(total.shape, np.nan), where=number > 0)
