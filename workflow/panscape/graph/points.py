"""Nearest neighbours of every row, and the exact nearest points by Euclidean distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.stats.threads import limited

BLOCK_VALUES = 4_000_000  # differences in memory at once
MORE = 6  # additional candidates compared by differences, including the point itself
Measure = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Neighbours:
    """Nearest neighbours of every row, nearest first, excluding the row itself.

    Parameters
    ----------
    index
        int64, (n, k): positions; -1 where a row has fewer neighbours (undefined vectors have none).
    distance
        float64, (n, k): distances; inf where `index` is -1.
    defined
        bool, (n,): False where distances are undefined (all-zero or constant vectors under an angular
        metric).
    """

    index: np.ndarray
    distance: np.ndarray
    defined: np.ndarray

    @property
    def matrix(self) -> sparse.csr_matrix:
        """Return the distances as CSR (n, n), with explicit zeros for identical rows."""
        rows, places = np.nonzero(self.index >= 0)
        count = len(self.index)
        indptr = np.concatenate([[0], np.cumsum((self.index >= 0).sum(axis=1))])
        matrix = sparse.csr_matrix(
            (self.distance[rows, places], self.index[rows, places], indptr), shape=(count, count)
        )
        matrix.sort_indices()
        return matrix


def smallest(
    values: np.ndarray, k: int, slack: np.ndarray | float = 0.0, measure: Measure | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and values of the `k` smallest finite entries, ties by position.

    `slack` bounds the error of each value; values within it of each other, or of 0, are recomputed.
    """
    k = min(k, int(np.isfinite(values).sum()))
    if k == 0:
        return np.empty(0, dtype=np.int64), np.empty(0)
    last = np.partition(values, k - 1)[k - 1]
    candidates = np.flatnonzero(values <= last + 2 * slack)
    chosen = values[candidates].copy()
    if measure is not None:
        order = np.argsort(chosen, kind="stable")
        error = np.broadcast_to(slack, values.shape)[candidates]
        near = np.diff(chosen[order]) <= error[order][1:]
        close = chosen <= error
        close[order[1:]] |= near
        close[order[:-1]] |= near
        if close.any():
            chosen[close] = measure(candidates[close])
    order = np.lexsort((candidates, chosen))[:k]
    return candidates[order], chosen[order]


def nearest_points(
    points: np.ndarray,
    k: int,
    *,
    queries: np.ndarray | None = None,
    itself: np.ndarray | None = None,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the exact nearest points of every query by Euclidean distance.

    Inner products in single precision propose a few more candidates than requested. Their distances are
    recomputed from differences; queries with possibly incomplete candidates are compared with all points.

    Parameters
    ----------
    points
        (n, d), finite.
    k
        Points per query, at most the number of admissible points.
    queries
        (m, d); by default the points themselves, each excluding itself.
    itself
        int (m,), optional: position of the point that each query excludes.
    threads
        Threads of the matrix product; the result does not depend on them.

    Returns
    -------
    indices, distances
        (m, k) each, nearest first, ties by position; float32 distances of float32 points and queries, else
        float64.
    """
    if queries is None:
        queries, itself = points, np.arange(len(points))
    indices, squared = np.empty((len(queries), k), dtype=np.int64), np.empty((len(queries), k))
    precision = np.float32 if points.dtype == queries.dtype == np.float32 else np.float64
    if k and len(queries):
        if precision != np.float32:  # only differences of float32 values are exact in float64
            middle = points.mean(axis=0)
            points, queries = points - middle, queries - middle
        for rows, near, complete in _candidates(points, queries, k, itself, threads):
            indices[rows], squared[rows] = _measured(points, queries, rows, near, k, itself)
            doubt = rows[squared[rows, -1] >= complete]
            if len(doubt):
                indices[doubt], squared[doubt] = _among_all(points, queries, doubt, k, itself)
    return indices, np.sqrt(squared.astype(precision, copy=False))


def _candidates(points, queries, k: int, itself, threads: int):
    """Yield queries, their candidates, and lower bounds of the squared distances of all other points.

    Distances come from inner products in single precision, which suffices to propose candidates: the bounds
    hold for any order of summation.
    """
    from panscape.graph.nearest_kernel import keep_smallest

    wide, dims = min(k + MORE, len(points)), points.shape[1]
    middle = points.mean(axis=0, dtype=np.float64)
    centred, asked = points - middle, queries - middle
    scale = max(float(np.abs(x).max(initial=0)) for x in (centred, asked)) or 1.0  # no square overflows
    centred, asked = (np.asarray(x / scale, dtype=np.float32) for x in (centred, asked))
    norms, lengths = (np.einsum("ij,ij->i", x, x, dtype=np.float64) for x in (centred, asked))
    # rounding of coordinates, products, sums and norms, all relative to at most |q|^2 + |p|^2
    slack = (4 * dims + 16) * np.finfo(np.float32).eps * (lengths + norms.max())
    columns = np.vstack([-2 * centred.T, norms]).astype(np.float32)
    asked = np.hstack([asked, np.ones((len(asked), 1), np.float32)])
    block = max(BLOCK_VALUES // max(len(points), wide * dims), 1)
    products = np.empty((min(block, len(queries)), len(points)), np.float32)
    near, farthest = np.empty((len(products), wide), np.int64), np.empty((len(products), wide), np.float32)
    for start in range(0, len(queries), block):
        rows = np.arange(start, min(start + block, len(queries)))
        n = len(rows)
        with limited(threads):
            np.matmul(asked[rows], columns, out=products[:n])
        keep_smallest(products[:n], near[:n], farthest[:n])
        complete = (farthest[:n, -1] + lengths[rows] - slack[rows]) * scale**2
        if wide == len(points):
            complete[:] = np.inf
        yield rows, near[:n], complete


def _measured(points, queries, rows, near, k: int, itself) -> tuple[np.ndarray, np.ndarray]:
    """Return the `k` nearest of each query's candidates, sorted, and their squared distances."""
    apart = queries[rows][:, None].astype(np.float64, copy=False) - points[near]
    squared = np.einsum("ijk,ijk->ij", apart, apart)
    if itself is not None:
        squared[near == itself[rows][:, None]] = np.inf
    order = np.lexsort((near, squared), axis=1)[:, :k]
    return np.take_along_axis(near, order, axis=1), np.take_along_axis(squared, order, axis=1)


def _among_all(points, queries, rows, k: int, itself) -> tuple[np.ndarray, np.ndarray]:
    """Return the same as :func:`_measured`, from the distances to all points."""
    from scipy.spatial.distance import cdist

    indices = np.empty((len(rows), k), dtype=np.int64)
    step = max(BLOCK_VALUES // len(points), 1)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        squared = cdist(queries[part], points, "sqeuclidean")
        if itself is not None:
            squared[np.arange(len(part)), itself[part]] = np.inf
        indices[start : start + step] = [smallest(row, k)[0] for row in squared]
    return _measured(points, queries, rows, indices, k, itself)
