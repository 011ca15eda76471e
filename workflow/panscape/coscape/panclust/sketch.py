"""Subsamples of very large studies, and assignment of the other cells to their nearest sampled cell."""

from __future__ import annotations

import numpy as np

from panscape.graph.points import nearest_points

EVEN_COMPONENTS = 10  # in more dimensions every box has a single cell
EXACT_PAIRS = 4_000_000_000  # maximum number of pairs for exact search; approximate above


def sketch(scores: np.ndarray, size: int, how: str, rng: np.random.Generator) -> np.ndarray:
    """Draw a representative subsample of cells.

    Parameters
    ----------
    scores
        cells x components.
    size
        Size of the subsample, at most the number of cells.
    how
        ``"uniform"``: each cell with equal probability. ``"even"``: one cell of every occupied box of a grid
        over the first components, with boxes just small enough that at least `size` are occupied, which
        preserves rare types.
    rng
        Random number generator.

    Returns
    -------
    Ascending indices, (size,).
    """
    n = len(scores)
    if how == "uniform" or size >= n:
        return np.sort(rng.choice(n, size, replace=False)) if size < n else np.arange(n)
    points = scores[:, :EVEN_COMPONENTS].astype(np.float64)
    points -= points.min(axis=0)
    low, high = 0.0, float(points.max()) or 1.0  # too many boxes at low, too few at high
    for _ in range(30):
        side = (low + high) / 2
        if len(np.unique(_boxes(points, side))) >= size:
            low = side
        else:
            high = side
    order = rng.permutation(n)
    boxes = _boxes(points, low)[order] if low > 0 else np.arange(n)[order]
    _, first = np.unique(boxes, return_index=True)
    chosen = order[first]
    return np.sort(rng.permutation(chosen)[:size])


def _boxes(points: np.ndarray, side: float) -> np.ndarray:
    """Return a 64-bit label of the grid box of every point."""
    label = np.zeros(len(points), dtype=np.uint64)
    for column in np.floor(points / side).T:
        label = label * np.uint64(0x9E3779B97F4A7C15) + column.astype(np.uint64) + np.uint64(1)
        label ^= label >> np.uint64(29)
    return label


def follow(scores: np.ndarray, chosen: np.ndarray, *, seed: int, threads: int = 1) -> np.ndarray:
    """Return the position in `chosen` of each cell's nearest chosen cell (possibly itself).

    Parameters
    ----------
    scores
        cells x components.
    chosen
        Indices of the sampled cells.
    seed
        Seed of the approximate search, used for many cells.
    threads
        Number of threads; the result does not depend on it.

    Examples
    --------
    >>> follow(np.array([[0.0], [1.0], [5.0], [6.0]]), np.array([0, 3]), seed=0)
    array([0, 0, 1, 1])
    """
    place = np.empty(len(scores), dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    others = np.setdiff1d(np.arange(len(scores)), chosen, assume_unique=True)
    if not len(others):
        return place
    if len(others) * len(chosen) <= EXACT_PAIRS:
        indices, _ = nearest_points(scores[chosen], 1, queries=scores[others], threads=threads)
        place[others] = indices[:, 0]
    else:
        from panscape.graph.neighbors import approximate_nearest

        place[others] = approximate_nearest(scores[chosen], scores[others], seed=seed)
    return place
