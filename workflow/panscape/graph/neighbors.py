"""Nearest neighbours of cells: exact below 50,000 cells; by partition of the cells, or by descent, beyond."""

from __future__ import annotations

import numpy as np

from panscape.errors import fail
from panscape.graph.partitioned import RECALL_QUERIES, TooManyError, partitioned_neighbors
from panscape.graph.points import nearest_points
from panscape.log import logger

EXACT_BELOW = 50_000  # points: below, all distances are computed
MOST_SPARE = 30
QUERY_NEIGHBORS = 10
RECALL = 0.995  # diffusion components depend on few neighbours between parts: at 0.98 they shift by a tenth
MOST_COMPARED = 150_000  # points in the time of one point's descent


def neighbors(
    points: np.ndarray,
    n_neighbors: int,
    *,
    exact_below: int = EXACT_BELOW,
    recall: float = RECALL,
    descent: bool = False,
    seed: int = 0,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest other points of every point by Euclidean distance.

    Parameters
    ----------
    points
        (n, d), finite.
    n_neighbors
        Neighbours per point, excluding the point itself; at most n - 1.
    exact_below
        Below this number of points the search is exact (:func:`panscape.graph.points.nearest_points`),
        otherwise nearly exact (:func:`panscape.graph.partitioned.partitioned_neighbors`).
    recall
        Fraction of the neighbours that the search by partition finds.
    descent
        Whether :func:`approximate_neighbors` replaces it where each point would be compared with too many
        others, as in millions of points without structure. It is compiled first (26 s of CPU time).
    seed
        Seed of the approximate search.
    threads
        Threads of the exact search; the result does not depend on them.

    Returns
    -------
    indices, distances
        (n, n_neighbors) each, nearest first, ties by position. The distances have the dtype of the points.

    Raises
    ------
    UserError
        If a coordinate is not finite.

    Examples
    --------
    >>> indices, distances = neighbors(np.array([[0.0], [1.0], [3.0]]), 1)
    >>> indices.ravel(), distances.ravel()
    (array([1, 0, 1]), array([1., 1., 2.]))
    """
    points = checked(points)
    n_neighbors = min(n_neighbors, len(points) - 1)
    if len(points) < exact_below:
        return nearest_points(points, n_neighbors, threads=threads)
    most = MOST_COMPARED if descent else np.inf
    try:
        return partitioned_neighbors(points, n_neighbors, recall=recall, most=most, seed=seed)
    except TooManyError:
        return approximate_neighbors(points, n_neighbors, seed=seed, threads=threads)


def approximate_neighbors(
    points: np.ndarray, n_neighbors: int, *, seed: int = 0, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Find approximate nearest neighbours of every point by Euclidean distance, with pynndescent.

    The recall on 500 points is logged. The search runs in one thread, since its result depends on their
    number.

    Parameters
    ----------
    points
        (n, d), finite; compared in single precision.
    n_neighbors
        Neighbours per point, excluding the point itself, below n.
    seed
        Seed of the search.
    threads
        Threads of the exact search for the recall.

    Returns
    -------
    indices, distances
        (n, n_neighbors) each, nearest first, the distances float32.
    """
    from pynndescent import NNDescent

    single = np.asarray(points, dtype=np.float32)
    k = n_neighbors + 1  # the search includes the point itself
    # a search for twice as many takes twice the time and raises the recall of the nearer half from .87 to .98
    wide = min(k + min(k, MOST_SPARE), len(points) - 1)
    indices, distances = NNDescent(single, n_neighbors=wide, random_state=seed, n_jobs=1).neighbor_graph
    indices, distances = indices[:, :k].astype(np.int64), distances[:, :k]
    lost = np.flatnonzero((indices < 0).any(axis=1))  # the search may return too few neighbours of outliers
    indices, distances = _without_self(indices, distances)
    if len(lost):
        indices[lost], distances[lost] = nearest_points(
            points, n_neighbors, queries=points[lost], itself=lost, threads=threads
        )
    rows = np.random.default_rng(seed).choice(len(points), min(RECALL_QUERIES, len(points)), replace=False)
    truth, _ = nearest_points(points, n_neighbors, queries=points[rows], itself=rows, threads=threads)
    hits = [len(np.intersect1d(a, b)) for a, b in zip(indices[rows], truth, strict=True)]
    logger.info("approximate neighbours: recall %.3f on %d cells", np.mean(hits) / n_neighbors, len(rows))
    return indices, distances


def approximate_nearest(points: np.ndarray, queries: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the position of the approximate nearest point of every query, int64 (m,).

    Parameters
    ----------
    points
        (n, d), finite.
    queries
        (m, d).
    seed
        Seed of the search.
    """
    from pynndescent import NNDescent

    # a search for one neighbour stops early: one in ten results is not the nearest
    index = NNDescent(points, random_state=seed, n_jobs=1)
    indices, _ = index.query(queries, k=min(QUERY_NEIGHBORS, len(points)))
    return indices[:, 0].astype(np.int64)


def _without_self(indices: np.ndarray, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop each row's own point, or its last neighbour if identical points displaced it."""
    keep = indices != np.arange(len(indices))[:, None]
    crowded = keep.all(axis=1)
    keep[crowded, -1] = False
    shape = (len(indices), indices.shape[1] - 1)
    return indices[keep].reshape(shape), distances[keep].reshape(shape)


def checked(z: np.ndarray) -> np.ndarray:
    """Return an embedding as a float array, checked to be finite.

    Raises
    ------
    UserError
        If a coordinate is NaN or infinite.
    """
    z = np.asarray(z)
    if z.ndim != 2 or not len(z):
        raise ValueError(f"an embedding is cells x dimensions, not {z.shape}")
    z = z if z.dtype == np.float32 else z.astype(float)
    bad = ~np.isfinite(z).all(axis=1)
    if bad.any():
        raise fail(
            "embedding",
            f"{int(bad.sum())} of {len(z)} cells have coordinates that are NaN or infinite",
            "leave out cells without counts, or lower the learning rate if the model was trained",
        )
    return z
