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
    """Return the fraction of draws that are at least as large as what was observed.

    Unless the draws are all arrangements, the observed one counts among them, so that no p-value is 0
    (Phipson and Smyth 2010).

    Parameters
    ----------
    value
        Observed statistic, a number or (m,); large is extreme. NaN gives NaN.
    null
        Draws along the last axis, (n,) or (m, n).
    exact
        The draws are all arrangements, the observed one among them.
    tolerance
        Draws less than this below the value count as equal: sums in another order differ in the last digits.

    Returns
    -------
    As `value`, above 0 unless `exact`; NaN without draws.

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
    """Return for many values (1 + draws of one common reference at least as large) / (1 + draws).

    Parameters
    ----------
    values
        Of any shape; large is extreme.
    reference
        (n,).
    """
    ordered = np.sort(np.asarray(reference, dtype=np.float64))
    extreme = len(ordered) - np.searchsorted(ordered, np.asarray(values, dtype=np.float64), side="left")
    return (1 + extreme) / (1 + len(ordered))
