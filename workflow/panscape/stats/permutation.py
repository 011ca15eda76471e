"""P-values from random draws of a statistic."""

from __future__ import annotations

from typing import overload

import numpy as np


@overload
def permutation_pvalue(
    value: float, null: np.ndarray, *, exact: bool = False, tolerance: float = 0.0
) -> float: ...


@overload
def permutation_pvalue(
    value: np.ndarray, null: np.ndarray, *, exact: bool = False, tolerance: float | np.ndarray = 0.0
) -> np.ndarray: ...


def permutation_pvalue(
    value: float | np.ndarray, null: np.ndarray, *, exact: bool = False, tolerance: float | np.ndarray = 0.0
) -> float | np.ndarray:
    """Return the fraction of draws at least as large as the observed value.

    Unless `exact`, the observed value counts as one of the draws, so that no p-value is 0
    (Phipson and Smyth 2010).

    Parameters
    ----------
    value
        Observed statistic, a scalar or (m,); large values are extreme. NaN gives NaN.
    null
        Draws along the last axis, (n,) or (m, n).
    exact
        Whether the draws are all arrangements, including the observed one.
    tolerance
        Draws below the value by less than this count as equal, since sums in another order differ by
        rounding.

    Returns
    -------
    P-values shaped as `value`, positive unless `exact`; NaN without draws.

    Examples
    --------
    >>> permutation_pvalue(3.0, np.array([1.0, 4.0, 2.0]))
    0.5
    """
    value, null = np.asarray(value, dtype=np.float64), np.asarray(null, dtype=np.float64)
    n = null.shape[-1]
    if not n:
        return np.full(value.shape, np.nan) if value.ndim else float("nan")
    extreme = (null >= (value - tolerance)[..., None]).sum(axis=-1)
    pvalue = np.where(np.isnan(value), np.nan, extreme / n if exact else (1 + extreme) / (1 + n))
    return pvalue if value.ndim else float(pvalue)


def reference_pvalues(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the p-values of many values against a common reference, (1 + draws >= value) / (1 + draws).

    Parameters
    ----------
    values
        Of any shape; large values are extreme.
    reference
        (n,) draws.
    """
    ordered = np.sort(np.asarray(reference, dtype=np.float64))
    extreme = len(ordered) - np.searchsorted(ordered, np.asarray(values, dtype=np.float64), side="left")
    return (1 + extreme) / (1 + len(ordered))
