"""Pseudotime and age of new panclusters, read off a reference: a trend over codes and what neighbours add."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.dictionary._project import Aligned, interpolate, neighbors

_RIDGE = 0.05  # penalty of the trend in units of the mean square of a code
_EDGE = 0.05  # share of the reference's values at either end that are its edge
_FEW = 10  # fewer left-out errors at an edge than this do not make a quantile


def trend(codes: np.ndarray, values: np.ndarray, new_codes: np.ndarray) -> np.ndarray:
    """Return values at new codes by ridge regression on codes of norm 1.

    Unlike a mean over neighbours it goes on where the reference's values end, as networks that are gained or
    lost do.

    Parameters
    ----------
    codes, values
        (N, K) and (N,), all known.
    new_codes
        (M, K).
    """
    rows = _unit(codes)
    centre = rows.mean(axis=0)
    rows = rows - centre
    square = float((rows**2).mean())
    if square == 0:
        return np.full(len(new_codes), values.mean())
    gram = rows.T @ rows + _RIDGE * len(rows) * square * np.eye(rows.shape[1])
    return (_unit(new_codes) - centre) @ np.linalg.solve(
        gram, rows.T @ (values - values.mean())
    ) + values.mean()


def _unit(codes: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(codes, axis=1, keepdims=True)
    return np.divide(codes, length, out=np.zeros_like(codes, dtype=float), where=length > 0)


def estimate(
    codes: np.ndarray,
    matrix: sparse.csr_matrix,
    values: np.ndarray,
    new_codes: np.ndarray,
    new: sparse.csr_matrix,
    *,
    k: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate values of new panclusters from those of a reference.

    The trend over codes, plus the mean over the k most similar panclusters of what the trend leaves there.

    Parameters
    ----------
    codes, matrix, values
        (N, K), CSR (N, Q) and (N,) of the reference, NaN where a value is unknown.
    new_codes, new
        (M, K), CSR (M, Q).
    k
        Neighbours.

    Returns
    -------
    value, spread : (M,); NaN where no neighbour is similar. The spread is that of the remainders.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(new_codes), np.nan), np.full(len(new_codes), np.nan)
    both = trend(codes[known], values[known], np.vstack([codes[known], new_codes]))
    left = np.full(len(values), np.nan)
    left[known] = values[known] - both[: known.sum()]
    index, cosine = neighbors(new, matrix, k, allowed=known)
    mean, spread = interpolate(index, cosine, left)
    return both[known.sum() :] + mean, spread


def at_edge(estimates: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Tell which estimates lie in the lowest or highest twentieth of the known values, or beyond them.

    A regression shrinks towards the middle, so what is beyond the reference appears at its edge.
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return np.zeros(len(estimates), dtype=bool)
    low, high = np.quantile(known, [_EDGE, 1 - _EDGE])
    return (estimates < low) | (estimates > high)


def calibrate(
    codes: np.ndarray, matrix: sparse.csr_matrix, study: np.ndarray, values: np.ndarray, *, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the reference's own values by leaving out each of its studies in turn.

    Parameters
    ----------
    codes, matrix, values
        Of the reference, see :func:`estimate`.
    study
        (N,) labels.
    k
        Neighbours.

    Returns
    -------
    predicted : (N,) values estimated from the other studies; NaN with one study.
    edge : (N,) bool, see :func:`at_edge`, with respect to the other studies.
    """
    study = np.asarray(study)
    predicted = np.full(matrix.shape[0], np.nan)
    edge = np.zeros(len(predicted), dtype=bool)
    if len(set(study)) > 1:
        for name in sorted(set(study)):
            own, other = np.flatnonzero(study == name), np.flatnonzero(study != name)
            rest = (codes[other], matrix[other], values[other])
            predicted[own] = estimate(*rest, codes[own], matrix[own], k=k)[0]
            edge[own] = at_edge(predicted[own], values[other])
    return predicted, edge


def half_widths(error: np.ndarray, edge: np.ndarray, new_edge: np.ndarray, coverage: float) -> np.ndarray:
    """Return the `coverage` quantile of the errors, of those at an edge for estimates at an edge.

    Parameters
    ----------
    error, edge
        (N,) absolute errors of left-out panclusters (NaN where unknown), and which were at an edge.
    new_edge
        (M,) which estimates are at an edge.
    coverage
        In (0, 1).
    """
    known = np.isfinite(error)
    result = np.full(len(new_edge), np.nan)
    for here in (False, True):
        own = known & (edge == here)
        own = own if own.sum() >= _FEW else known
        if own.any():
            result[new_edge == here] = np.quantile(error[own], coverage)
    return result


def place(
    aligned: Aligned,
    study: np.ndarray,
    values: pd.DataFrame,
    codes: tuple[np.ndarray, np.ndarray],
    *,
    k: int = 15,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """Estimate values of the reference at new panclusters, with an interval from left-out studies.

    Parameters
    ----------
    aligned
        From :func:`panscape.dictionary.align`.
    study
        (N,) study of the reference panclusters.
    values
        N rows; numeric columns to estimate, such as pseudotime and age.
    codes
        Of the new and the reference's panclusters, from :func:`panscape.dictionary.project_codes`.
    k
        Neighbours.
    coverage
        Of the interval ``<column>_low`` to ``<column>_high``.

    Returns
    -------
    One row per new pancluster: similarity (cosine with the nearest), and per column its value, the spread
    over neighbours of what the trend leaves, the interval and ``<column>_edge`` (:func:`at_edge`): the truth
    may lie beyond the values of the reference. Half-width of the interval: the larger of the error of
    left-out studies at `coverage` (:func:`half_widths`) and 1.64 spreads (for coverage .9).
    """
    from statistics import NormalDist

    new_codes, old_codes = codes
    quantile = NormalDist().inv_cdf((1 + coverage) / 2)
    table = pd.DataFrame({"similarity": neighbors(aligned.new, aligned.matrix, 1)[1][:, 0]})
    for column in values.columns:
        known = values[column].to_numpy(dtype=float)
        mean, spread = estimate(old_codes, aligned.matrix, known, new_codes, aligned.new, k=k)
        again, edge = calibrate(old_codes, aligned.matrix, study, known, k=k)
        new_edge = at_edge(mean, known)
        half = np.fmax(half_widths(np.abs(again - known), edge, new_edge, coverage), quantile * spread)
        table[column] = mean
        table[f"{column}_spread"] = spread
        table[f"{column}_low"], table[f"{column}_high"] = mean - half, mean + half
        table[f"{column}_edge"] = new_edge
    return table
