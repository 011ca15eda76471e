"""Dictionary learning on sparse panclusters x pairs matrices: one fit from one start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.coscape.dictionary.coding import lasso_codes
from panscape.coscape.dictionary.measured import Measured, code_products, encode_groups, entry_products

_UNUSED = 1e-6  # entries whose squared codes sum to at most this are resampled (as in scikit-learn)


@dataclass(frozen=True)
class Fit:
    """A fitted dictionary.

    Attributes
    ----------
    codes
        (N, K) non-negative usage of each entry by each pancluster, optimal for `entries`.
    entries
        (K, P) non-negative, rows of Euclidean norm 1 (0 for an entry that is empty).
    objective
        Half the squared error plus alpha times the sum of codes, at `codes` and `entries`.
    error
        Squared error divided by the squared norm of the data, in [0, 1].
    history
        Objective after each iteration, as scikit-learn's ``dict_learning`` reports it.
    """

    codes: np.ndarray
    entries: np.ndarray
    objective: float
    error: float
    history: tuple[float, ...]

    @property
    def n_entries(self) -> int:
        """Return K."""
        return self.entries.shape[0]


def learn_entries(
    data: sparse.spmatrix,
    entries: np.ndarray,
    codes: np.ndarray | None = None,
    *,
    alpha: float = 0.1,
    max_iter: int = 100,
    tol: float = 1e-8,
    rng: np.random.Generator | np.random.RandomState | None = None,
    measured: Measured | None = None,
) -> Fit:
    r"""Learn non-negative entries and codes by alternating optimisation from a start.

    Minimises :math:`\frac12\|S - CD\|_F^2 + \alpha\|C\|_1` over C >= 0, D >= 0 with rows of D of norm at
    most 1 (Coscape paper, dictionary learning; the same updates in the same order as scikit-learn's
    coordinate-descent ``dict_learning`` with positive codes and dictionary). The codes are the exact lasso
    optimum, the entries get one pass of block coordinate descent per iteration; an unused entry is
    replaced by a random pancluster plus noise.

    Per iteration: two sparse products, O(nnz K), K x K and N x K work for the codes, O(K^2 P) for the
    entries. Memory: the data as CSC float64 and three K x P arrays. No dense N x P array is created: the
    error is computed from traces. CSC, because then the small N x K side is the one accessed at random and
    stays in cache (three times faster than CSR at N = 2400).

    Parameters
    ----------
    data
        (N, P) sparse, panclusters x gene pairs; may have negative values.
    entries, codes
        (K, P) and (N, K) start; codes of zeros if None. Neither is changed.
    alpha
        Lasso penalty, >= 0.
    max_iter
        Maximum number of iterations, >= 1.
    tol
        Stop when the objective falls by less than `tol` times itself.
    rng
        Random number generator of the replacements of unused entries.
    measured
        Pairs that each pancluster measures; other pairs (0 in the data) are excluded from error and
        objective. None if all are measured.

    Raises
    ------
    ValueError
        If shapes do not match or the data have no nonzero value.
    """
    data = as_columns(data)
    norm = float(data.data @ data.data)
    if norm == 0:
        raise ValueError("the data have no nonzero value")
    if entries.shape[1] != data.shape[1]:
        raise ValueError(f"entries have {entries.shape[1]} columns, the data {data.shape[1]}")
    rng = np.random.default_rng(0) if rng is None else rng
    entries = np.array(entries, dtype=np.float64, order="C")
    codes = np.zeros((data.shape[0], len(entries))) if codes is None else np.array(codes, dtype=np.float64)

    history: list[float] = []
    for _ in range(max_iter):
        codes = entry_codes(data, entries, alpha, codes, measured)
        cross = np.ascontiguousarray((data.T @ codes).T)  # (K, P)
        cross = _update_entries(entries, codes, cross, data, rng, measured)
        history.append(_objective(norm, entries, codes, cross, alpha, measured)[0])
        if len(history) > 1 and history[-2] - history[-1] < tol * history[-1]:
            break
    return _finish(data, norm, entries, codes, alpha, tuple(history), measured)


def as_columns(data: sparse.spmatrix) -> sparse.csc_matrix:
    """Return the data as CSC float64, without a copy if possible."""
    return sparse.csc_matrix(data, dtype=np.float64, copy=False)


def data_products(data: sparse.csc_matrix, entries: np.ndarray) -> np.ndarray:
    """Return data @ entries.T, (N, K)."""
    return data @ np.ascontiguousarray(entries.T)


def entry_codes(data, entries: np.ndarray, alpha: float, codes, measured: Measured | None) -> np.ndarray:
    """Return the optimal codes (N, K) of the data for entries (K, P).

    Parameters
    ----------
    data
        (N, P) CSC.
    entries
        (K, P).
    alpha
        Lasso penalty.
    codes
        (N, K) start, or None.
    measured
        Pairs that each pancluster measures; None: all.
    """
    if measured is None:
        return lasso_codes(entries @ entries.T, data_products(data, entries), alpha, codes)
    grams = entry_products(entries, measured)
    return encode_groups(grams, data_products(data, entries), alpha, codes, measured)


def fitted_square(codes: np.ndarray, entries: np.ndarray, measured: Measured | None) -> float:
    """Return the square of codes @ entries over measured pairs.

    Parameters
    ----------
    codes, entries
        (N, K) and (K, P).
    measured
        Pairs that each pancluster measures; None: all.
    """
    if measured is None:
        return np.vdot(codes.T @ codes, entries @ entries.T)
    return np.vdot(code_products(codes, measured), entry_products(entries, measured))


def _update_entries(entries, codes, cross, data, rng, measured: Measured | None) -> np.ndarray:
    """Update the entries in place, one after the other; return codesᵀ data after any code was reset."""
    reset = False
    inner = codes.T @ codes  # (K, K)
    parts = None if measured is None else code_products(codes, measured)
    for k in range(len(entries)):
        if inner[k, k] > _UNUSED and measured is not None and parts is not None:
            _update_measured(entries, k, cross[k], parts, measured)
        elif inner[k, k] > _UNUSED:
            entries[k] += (cross[k] - inner[k] @ entries) / inner[k, k]
        else:
            fresh = np.asarray(data.T @ _one_hot(rng.choice(len(codes)), len(codes))).ravel()
            fresh += rng.normal(0, 0.01 * (fresh.std() or 1), size=len(fresh))
            entries[k] = fresh
            codes[:, k] = 0
            reset = True
        np.maximum(entries[k], 0, out=entries[k])
        entries[k] /= max(np.linalg.norm(entries[k]), 1)
    return np.ascontiguousarray((data.T @ codes).T) if reset else cross


def _update_measured(entries, k: int, cross: np.ndarray, parts: np.ndarray, measured: Measured) -> None:
    """Move entry k to its optimum at every pair, over the panclusters that measure the pair."""
    slope, weight = cross.copy(), np.zeros(len(cross))
    for group, columns in enumerate(measured.columns):
        slope[columns] -= parts[group, k] @ entries[:, columns]
        weight[columns] += parts[group, k, k]
    seen = weight > _UNUSED
    entries[k, seen] += slope[seen] / weight[seen]
    entries[k, ~seen] = 0  # pairs not measured by any pancluster that uses the entry


def _one_hot(position: int, length: int) -> np.ndarray:
    vector = np.zeros(length)
    vector[position] = 1
    return vector


def _objective(norm, entries, codes, cross, alpha, measured) -> tuple[float, float]:
    """Return (objective, squared error) from traces; `cross` is codesᵀ data."""
    fitted = fitted_square(codes, entries, measured)
    squared = max(norm - 2 * np.vdot(cross, entries) + fitted, 0.0)
    return float(0.5 * squared + alpha * codes.sum()), float(squared)


def _finish(data, norm, entries, codes, alpha, history, measured) -> Fit:
    """Normalise every entry (its codes shrink, so the objective cannot increase) and recompute codes."""
    lengths = np.linalg.norm(entries, axis=1)
    scale = np.where(lengths > 0, lengths, 1)
    entries /= scale[:, None]
    inner = data_products(data, entries)
    codes = entry_codes(data, entries, alpha, codes * scale, measured)
    fitted = fitted_square(codes, entries, measured)
    squared = max(norm - 2 * np.vdot(codes, inner) + fitted, 0.0)
    objective = 0.5 * squared + alpha * codes.sum()
    return Fit(codes, entries, float(objective), float(squared / norm), history)
