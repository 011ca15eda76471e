"""Exact nearest neighbours of rows under any metric."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import sparse

from panscape.graph.distances import by_difference, comparable_rows, squared_distances, squared_norms
from panscape.graph.measured import Measured
from panscape.graph.points import Neighbours, smallest

# squared distances within this fraction of the squared norms are recomputed from differences
TIE = 1e-11


def nearest(
    vectors: sparse.csr_matrix | np.ndarray,
    k: int,
    *,
    metric: str = "cosine",
    allowed: np.ndarray | None = None,
    distances: tuple[np.ndarray, np.ndarray] | None = None,
    refine: bool = True,
    measured: Measured | None = None,
) -> Neighbours:
    """Find the exact nearest neighbours of every row.

    The result equals a brute-force search in float64; exact ties go to the smaller position. Distances come
    from inner products; those within rounding of each other or of zero are recomputed from differences.

    Parameters
    ----------
    vectors
        (n, p) CSR or dense, finite.
    k
        Neighbours per row, >= 1, excluding the row itself; at most n - 1.
    metric
        As in :func:`panscape.graph.distances.squared_distances`; Euclidean distances are returned as such,
        not squared.
    allowed
        bool (n, n), optional: mask of permitted neighbours.
    distances
        Precomputed result of :func:`panscape.graph.distances.squared_distances`.
    refine
        Whether to recompute close distances from differences. False is sufficient and much faster for binary
        vectors with many exact ties.
    measured
        See :func:`panscape.graph.distances.squared_distances`.

    Returns
    -------
    Neighbours with min(k, n - 1) columns.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, found {k}")
    known, defined = squared_distances(vectors, metric, measured) if distances is None else distances
    count = len(known)
    k = min(k, max(count - 1, 0))
    norms = squared_norms(vectors, metric, defined)
    rows = comparable_rows(vectors, metric, defined, measured) if refine else None
    blocked = ~defined[:, None] | ~defined[None, :]
    if allowed is not None:
        blocked |= ~allowed
    np.fill_diagonal(blocked, True)
    values = np.where(blocked, np.inf, known)
    index = np.full((count, k), -1, dtype=np.int64)
    distance = np.full((count, k), np.inf)
    for row in range(count if k else 0):
        slack = TIE * (norms[row] + norms)
        measure = partial(by_difference, rows, row) if refine else None
        positions, squared = smallest(values[row], k, slack, measure)
        index[row, : len(positions)], distance[row, : len(positions)] = positions, squared
    if metric == "euclidean":
        distance = np.sqrt(distance)
    return Neighbours(index, distance, defined)
