"""Nearest neighbours of cells: exact below 50,000 cells; by partition of the cells, or by descent, beyond."""

from __future__ import annotations

import numpy as np

from panscape.errors import fail
from panscape.graph.knn import nearest_points
from panscape.log import logger
from panscape.stats.threads import limited

EXACT_BELOW = 50_000  # points: below, all distances are computed
RECALL_QUERIES = 500
MOST_SPARE = 30
QUERY_NEIGHBORS = 10
PARTS = 0.8  # parts per square root of the number of points
RECALL = 0.995  # diffusion components depend on few neighbours between parts: at 0.98 they shift by a tenth
SAMPLED = 60  # points per part, for k-means
QUERY_BLOCK = 512
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
        Below this number of points the search is exact (:func:`panscape.graph.knn.nearest_points`), otherwise
        nearly exact (:func:`partitioned_neighbors`).
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
    except _TooMany:
        return approximate_neighbors(points, n_neighbors, seed=seed, threads=threads)


class _TooMany(Exception):
    """Each point would be compared with too many others."""


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


def partitioned_neighbors(
    points: np.ndarray,
    n_neighbors: int,
    *,
    recall: float = RECALL,
    most: float = np.inf,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Find nearly exact nearest neighbours of every point by Euclidean distance.

    Points are partitioned by k-means into about 0.8 times the square root of their number; the neighbours of
    a point are sought in the parts nearest to its own, as many as hold most of those of 500 points. Where
    these are few, the operations grow with the power 1.5 of the number of points.

    Parameters
    ----------
    points
        (n, d), finite.
    n_neighbors
        Neighbours per point, excluding the point itself, below n.
    recall
        Fraction of the neighbours of these 500 points that has to be found.
    most
        Largest number of points that each may be compared with, on average; for :func:`neighbors`.
    seed
        Seed of the partition.

    Returns
    -------
    indices, distances
        (n, n_neighbors) each, nearest first, ties by position. The distances have the dtype of the points.

    Examples
    --------
    >>> indices, distances = partitioned_neighbors(np.array([[0.0], [1.0], [3.0]]), 1)
    >>> indices.ravel(), distances.ravel()
    (array([1, 0, 1]), array([1., 1., 2.]))
    """
    points = checked(points)
    rng, count = np.random.default_rng(seed), len(points)
    with limited(1):
        part, centres = _parts(points, max(round(PARTS * count**0.5), 1), rng, seed)
        order = np.argsort(part, kind="stable")
        members = np.split(order, np.cumsum(np.bincount(part, minlength=len(centres)))[:-1])
        sizes = np.array([len(rows) for rows in members])
        indices = np.empty((count, n_neighbors), dtype=np.int64)
        distances = np.empty((count, n_neighbors), dtype=points.dtype)
        rank = _ranks(centres)
        probes = _probes(points, part, rank, n_neighbors, recall, rng)
        if probes / len(centres) * count > most:
            raise _TooMany
        for number in np.flatnonzero(sizes):
            nearest = np.argsort(rank[number])
            # more parts where these have too few points
            enough = int(np.searchsorted(np.cumsum(sizes[nearest]), n_neighbors + 1)) + 1
            near = np.sort(np.concatenate([members[at] for at in nearest[: max(probes, enough)]]))
            for start in range(0, sizes[number], QUERY_BLOCK):
                rows = members[number][start : start + QUERY_BLOCK]
                indices[rows], distances[rows] = _nearest_of(points, rows, near, n_neighbors, centres[number])
    return indices, distances


def _ranks(centres: np.ndarray) -> np.ndarray:
    """Return the rank of every part (columns) by distance from each (rows); its own is 0."""
    gap = np.stack([((centres - one) ** 2).sum(axis=1) for one in centres])
    np.fill_diagonal(gap, -1)
    return np.argsort(np.argsort(gap, axis=1, kind="stable"), axis=1)


def _probes(
    points: np.ndarray,
    part: np.ndarray,
    rank: np.ndarray,
    n_neighbors: int,
    wanted: float,
    rng: np.random.Generator,
) -> int:
    """Return the number of parts in which the wanted fraction of the neighbours of some points lies."""
    rows = rng.choice(len(points), min(RECALL_QUERIES, len(points)), replace=False)
    truth, _ = nearest_points(points, n_neighbors, queries=points[rows], itself=rows)
    needed = np.sort(rank[part[rows][:, None], part[truth]].ravel())
    probes = int(needed[max(int(np.ceil(wanted * len(needed))) - 1, 0)]) + 1
    recall = float((needed < probes).mean())
    logger.info("partitioned neighbours: %d of %d parts searched, recall %.3f", probes, len(rank), recall)
    return probes


def _parts(points: np.ndarray, k: int, rng: np.random.Generator, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of every point and the centres, from k-means of a sample."""
    from sklearn.cluster import KMeans

    sample = np.sort(rng.choice(len(points), min(len(points), SAMPLED * k), replace=False))
    means = KMeans(min(k, len(sample)), n_init=1, max_iter=10, random_state=seed)
    with limited(1):  # again: scikit-learn may just have been loaded
        centres = np.asarray(means.fit(points[sample]).cluster_centers_, dtype=points.dtype)
    square = (centres**2).sum(axis=1)
    blocks = [points[at : at + 8192] for at in range(0, len(points), 8192)]
    return np.concatenate([(square - 2 * rows @ centres.T).argmin(axis=1) for rows in blocks]), centres


def _nearest_of(points, rows, near, k: int, centre) -> tuple[np.ndarray, np.ndarray]:
    """Return the `k` nearest of the points `near` (ascending) to each of `rows`, and their distances."""
    from panscape.graph.nearest_kernel import keep_smallest

    queries, found = points[rows] - centre, points[near] - centre
    squared = (found**2).sum(axis=1) - 2 * queries @ found.T
    squared[np.arange(len(rows)), np.searchsorted(near, rows)] = np.inf
    places, kept = np.empty((len(rows), k), dtype=np.int64), np.empty((len(rows), k), squared.dtype)
    keep_smallest(squared, places, kept)
    chosen = near[np.sort(places, axis=1)]
    apart = (points[rows][:, None].astype(np.float64) - points[chosen]) ** 2
    distance = np.sqrt(apart.sum(axis=2))
    order = np.argsort(distance, axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1), np.take_along_axis(distance, order, axis=1)


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
