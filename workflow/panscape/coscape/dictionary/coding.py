"""Non-negative sparse coding: the lasso over all samples at once, on K x K and N x K arrays only."""

from __future__ import annotations

import numpy as np

from panscape.log import logger

_BATCH_VALUES = 4_000_000  # values in one batch of K x K systems: 32 MB


def lasso_codes(
    gram: np.ndarray,
    target: np.ndarray,
    alpha: float,
    codes: np.ndarray | None = None,
    *,
    tol: float = 1e-9,
    max_sweeps: int = 1000,
) -> np.ndarray:
    r"""Solve the non-negative lasso of every sample against one dictionary.

    Minimises :math:`\frac12 c^T G c - t^T c + \alpha \sum_k c_k` over :math:`c \ge 0` for each row t of
    `target`, which is :math:`\frac12\|x - cD\|^2 + \alpha\|c\|_1` with G = D Dᵀ and t = x Dᵀ.

    A few sweeps of coordinate descent over all samples together find the supports; block principal pivoting
    (Kim and Park, SIAM J. Sci. Comput. 2011) then makes them exact, a batch of K x K systems at a time, so
    that correlated entries do not cost thousands of sweeps.

    Parameters
    ----------
    gram
        (K, K), D Dᵀ.
    target
        (N, K), X Dᵀ.
    alpha
        Lasso penalty, >= 0, in the units of the data.
    codes
        (N, K) start; zeros if None. Negative values count as 0.
    tol
        Largest violation of the optimality conditions, relative to the largest |target| of the sample.
    max_sweeps
        Maximum number of coordinate descent sweeps for samples on which pivoting fails (nearly identical
        entries; the violation is logged).

    Returns
    -------
    (N, K) float64, non-negative.

    Examples
    --------
    >>> lasso_codes(np.eye(2), np.array([[0.5, -0.2]]), 0.1).round(6).tolist()
    [[0.4, 0.0]]
    """
    gram = np.asarray(gram, dtype=np.float64)
    target = np.asarray(target, dtype=np.float64)
    codes = np.zeros_like(target) if codes is None else np.maximum(codes, 0.0)
    active = np.flatnonzero(np.diag(gram) > 0)
    result = np.zeros_like(target)
    if active.size == 0 or len(target) == 0:
        return result
    gram = gram[np.ix_(active, active)]
    linear = target[:, active] - alpha  # (N, k): unconstrained optima of the coordinates
    start = codes[:, active]
    scale = np.maximum(np.abs(target[:, active]).max(axis=1), max(alpha, np.finfo(float).tiny))

    limit = tol * scale
    start = _sweep(gram, linear, start, 5)
    solution = _pivot(gram, linear, start > 0, limit)
    left = _violation(gram, linear, solution) > limit
    if left.any():  # supports that do not converge, because entries are nearly identical
        solution[left] = _sweep(gram, linear[left], start[left], max_sweeps)
        worst = (_violation(gram, linear, solution) / scale).max()
        logger.info(
            "lasso: %d of %d samples by coordinate descent, violation %.1e", left.sum(), len(left), worst
        )
    result[:, active] = np.maximum(solution, 0.0)
    return result


def _sweep(gram: np.ndarray, linear: np.ndarray, codes: np.ndarray, sweeps: int) -> np.ndarray:
    """Run cyclic coordinate descent on all rows; column-major so that a coordinate is contiguous."""
    codes = np.asfortranarray(codes)
    linear = np.asfortranarray(linear)
    for _ in range(sweeps):
        for k in range(len(gram)):
            step = linear[:, k] - codes @ gram[:, k]
            step /= gram[k, k]
            step += codes[:, k]
            np.maximum(step, 0.0, out=codes[:, k])
    return np.ascontiguousarray(codes)


def _pivot(gram: np.ndarray, linear: np.ndarray, support: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Solve every row exactly by block principal pivoting.

    All infeasible coordinates are exchanged at once. If their number has not decreased in three iterations,
    only the last one is exchanged, which cannot cycle.
    """
    size = len(gram)
    solution = _solve_supports(gram, linear, support)
    rows = np.arange(len(linear))
    fewest, chances = np.full(len(linear), size + 1), np.full(len(linear), 3)
    support = support.copy()
    for _ in range(5 * size + 20):
        here = solution[rows]
        slope = linear[rows] - here @ gram
        inside = support[rows]
        reach = limit[rows, None]
        wrong = np.where(inside, here * np.diag(gram) < -reach, slope > reach)
        count = wrong.sum(axis=1)
        rows, wrong, count = rows[count > 0], wrong[count > 0], count[count > 0]
        if rows.size == 0:
            break
        better = count < fewest[rows]
        fewest[rows[better]], chances[rows[better]] = count[better], 3
        chances[rows[~better]] -= 1
        stuck = np.flatnonzero(chances[rows] < 0)
        last = size - 1 - wrong[stuck, ::-1].argmax(axis=1)
        wrong[stuck] = False
        wrong[stuck, last] = True
        support[rows] ^= wrong
        solution[rows] = _solve_supports(gram, linear[rows], support[rows])
    return solution


def _solve_supports(gram: np.ndarray, linear: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Solve each row's normal equations restricted to its support (zero elsewhere)."""
    size = len(gram)
    # identical entries make the system singular; this ridge is far below the tolerance
    ridge = np.diag(1e-11 * np.diag(gram))
    solution = np.empty_like(linear)
    batch = max(1, _BATCH_VALUES // size**2)
    for start in range(0, len(linear), batch):
        part = support[start : start + batch]
        systems = np.where(part[:, :, None] & part[:, None, :], gram + ridge, 0.0)
        systems[:, np.arange(size), np.arange(size)] += ~part
        right = np.where(part, linear[start : start + batch], 0.0)
        solution[start : start + batch] = np.linalg.solve(systems, right[:, :, None])[:, :, 0]
    return solution


def _violation(gram: np.ndarray, linear: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return each row's largest violation of the optimality conditions, in units of the gradient."""
    slope = linear - codes @ gram  # > 0: increasing the coordinate lowers the objective
    wrong = np.where(codes > 0, np.abs(slope), slope)
    negative = -codes * np.diag(gram)
    return np.maximum(wrong, negative).max(axis=1)
