"""Nearly exact nearest neighbours of many points, sought in the parts of a partition around each point."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from panscape.graph.points import nearest_points
from panscape.log import logger
from panscape.stats.threads import limited

RECALL_QUERIES = 500
PARTS = 0.8  # parts per square root of the number of points
SAMPLED = 60  # points per part, for k-means
ROUNDS = 10  # of k-means
MORE = 2  # candidates beside the neighbours, since single precision cannot order near ties
QUERY_BLOCK, ROW_BLOCK = 1024, 8192
PAIRS = 1 << 25  # of points and parts that are kept whether to compare


class TooManyError(Exception):
    """Each point would be compared with too many others."""


def partitioned_neighbors(
    points: np.ndarray,
    n_neighbors: int,
    *,
    recall: float,
    most: float = np.inf,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Find nearly exact nearest neighbours of every point by Euclidean distance.

    Points are partitioned by k-means into about 0.8 times the square root of their number; the neighbours of
    a point are sought in the parts whose centres are nearest to it, as many as hold most of those of 500
    points. Where these are few, the operations grow with the power 1.5 of the number of points.

    Parameters
    ----------
    points
        (n, d) float32 or float64, finite.
    n_neighbors
        Neighbours per point, excluding the point itself, below n.
    recall
        Fraction of the neighbours of these 500 points that has to be found.
    most
        Largest number of points that each may be compared with, on average.
    seed
        Seed of the partition.

    Returns
    -------
    indices, distances
        (n, n_neighbors) each, nearest first, ties by position. The distances have the dtype of the points.

    Raises
    ------
    TooManyError
        If points were to be compared with more than `most` others.

    Examples
    --------
    >>> points = np.array([[0.0], [1.0], [3.0]])
    >>> indices, distances = partitioned_neighbors(points, 1, recall=0.99)
    >>> indices.ravel(), distances.ravel()
    (array([1, 0, 1]), array([1., 1., 2.]))
    """
    from panscape.graph.nearest_kernel import measure_candidates

    rng, count = np.random.default_rng(seed), len(points)
    with limited(1):
        part, centres = _parts(points, max(round(PARTS * count**0.5), 1), rng)
        order = np.argsort(part, kind="stable")
        heads = np.searchsorted(part[order], np.arange(len(centres) + 1))
        probes = _probes(points, part, centres, n_neighbors, recall, rng)
        if probes / len(centres) * count > most:
            raise TooManyError
        sorted_points = points[order]  # so that a part is a slice
        near = _search(sorted_points, heads, centres, probes, min(n_neighbors + MORE, count - 1))
    indices = np.empty((count, n_neighbors), dtype=np.int64)
    distances = np.empty((count, n_neighbors))
    measure_candidates(points, order, near, indices, distances)
    distances = distances.astype(points.dtype, copy=False)
    lost = order[(near[:, :n_neighbors] < 0).any(axis=1)]  # the parts near outliers may have too few points
    if len(lost):
        indices[lost], distances[lost] = nearest_points(
            points, n_neighbors, queries=points[lost], itself=lost
        )
    return indices, distances


def _parts(points: np.ndarray, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of every point and the centres (float64), from k-means of a sample."""
    sample = points[np.sort(rng.choice(len(points), min(len(points), SAMPLED * k), replace=False))]
    centres = sample[np.sort(rng.choice(len(sample), k, replace=False))].astype(np.float64)
    for _ in range(ROUNDS):
        part = _nearest_centre(sample, centres)
        size = np.bincount(part, minlength=k)
        order, there = np.argsort(part, kind="stable"), np.flatnonzero(size)
        heads = (np.cumsum(size) - size)[there]
        centres[there] = np.add.reduceat(sample[order].astype(np.float64), heads) / size[there, None]
    return _nearest_centre(points, centres), centres


def _nearest_centre(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.concatenate([gaps.argmin(axis=1) for _, gaps in _gaps(points, centres)])


def _gaps(points: np.ndarray, centres: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield rows and their squared distances from all centres, less the squared norms of the points.

    In float64, so that no other order of summation changes which centres are nearest.
    """
    square = (centres**2).sum(axis=1)
    for at in range(0, len(points), ROW_BLOCK):
        rows = slice(at, at + ROW_BLOCK)
        yield rows, square - 2 * points[rows].astype(np.float64, copy=False) @ centres.T


def _probes(
    points: np.ndarray,
    part: np.ndarray,
    centres: np.ndarray,
    n_neighbors: int,
    wanted: float,
    rng: np.random.Generator,
) -> int:
    """Return the number of parts in which the wanted fraction of the neighbours of some points lies."""
    rows = rng.choice(len(points), min(RECALL_QUERIES, len(points)), replace=False)
    truth, _ = nearest_points(points, n_neighbors, queries=points[rows], itself=rows)
    gaps = np.concatenate([gaps for _, gaps in _gaps(points[rows], centres)])
    rank = np.argsort(np.argsort(gaps, axis=1, kind="stable"), axis=1)
    needed = np.sort(np.take_along_axis(rank, part[truth], axis=1).ravel())
    probes = int(needed[max(int(np.ceil(wanted * len(needed))) - 1, 0)]) + 1
    recall = float((needed < probes).mean())
    logger.info("partitioned neighbours: %d of %d parts searched, recall %.3f", probes, len(centres), recall)
    return probes


def _search(points: np.ndarray, heads: np.ndarray, centres: np.ndarray, probes: int, wide: int) -> np.ndarray:
    """Return the nearest points of each point within the parts nearest to it, int32 (n, wide), -1 if missing.

    Points are sorted by part.
    """
    from panscape.graph.nearest_kernel import keep_nearer

    near = np.full((len(points), wide), -1, dtype=np.int32)
    kept = np.full((len(points), wide), np.inf, dtype=np.float32)
    middles = centres.astype(points.dtype)
    products = np.empty(QUERY_BLOCK * int(np.diff(heads).max()), dtype=np.float32)

    def compare(number: int, asking: np.ndarray) -> None:
        first, stop = heads[number], heads[number + 1]
        if first == stop:
            return
        # differences from a centre near both, so that single precision suffices
        inside = (points[first:stop] - middles[number]).astype(np.float32)
        columns = np.vstack([-2 * inside.T, (inside**2).sum(axis=1)])
        for start in range(0, len(asking), QUERY_BLOCK):
            rows = asking[start : start + QUERY_BLOCK]
            queries = np.ones((len(rows), len(columns)), dtype=np.float32)
            queries[:, :-1] = points[rows] - middles[number]
            squared = products[: len(rows) * (stop - first)].reshape(len(rows), -1)
            np.matmul(queries, columns, out=squared)
            squares = np.einsum("ij,ij->i", queries[:, :-1], queries[:, :-1])
            keep_nearer(squared, squares, rows, first, near, kept)

    for number in range(len(centres)):  # first its own part, which leaves few candidates in the others
        compare(number, np.arange(heads[number], heads[number + 1]))
    limit = _limits(points, centres, probes)
    at_once = max(PAIRS // len(points), 1)
    for start in range(0, len(centres), at_once):
        some = slice(start, start + at_once)
        close = np.empty((len(centres[some]), len(points)), dtype=bool)
        for rows, gaps in _gaps(points, centres[some]):
            np.less_equal(gaps.T, limit[rows], out=close[:, rows])
        for number, asking in enumerate(close, start=start):
            asking[heads[number] : heads[number + 1]] = False
            compare(number, np.flatnonzero(asking))
    return near


def _limits(points: np.ndarray, centres: np.ndarray, probes: int) -> np.ndarray:
    """Return the value of :func:`_gaps` below which a point is compared with a part, for `probes` parts."""
    limit = np.full(len(points), np.inf)
    if probes < len(centres):
        for rows, gaps in _gaps(points, centres):
            # halfway to the next one, which rounding does not reach
            limit[rows] = np.partition(gaps, (probes - 1, probes), axis=1)[:, probes - 1 : probes + 1].mean(
                axis=1
            )
    return limit
