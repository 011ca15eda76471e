"""Shifts between batches, estimated from cells of different batches that are each other's neighbours."""

from __future__ import annotations

import numpy as np

from panscape.stats.threads import limited

ROUNDS = 40  # maximum; pairs are found anew after each shift, which falls short in dense clouds
SETTLED = 0.002  # a shift smaller than this fraction of the coordinates' standard deviation is the last
PAIRS = 10  # neighbours of a cell in the other batch that are candidates for a pair; in large batches
SHARE = 8  # the smaller batch's cells over this: with few neighbours dense clouds move slowly
MAX_CELLS = 2000  # of a batch, and of those it is aligned to


def batch_shifts(points: np.ndarray, batch: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the shift of each batch that aligns its cells with those of the others.

    Beginning with the largest, batches are moved one after another onto those before them by the mean
    difference between mutual nearest neighbours. Unlike a difference of means it does not depend on the
    numbers of cells of each type, nor on types that only one batch has.

    Parameters
    ----------
    points
        Coordinates, cells x dimensions.
    batch
        Number of each cell's batch, 0 to b-1.
    random
        Random numbers, for samples of large batches.

    Returns
    -------
    Shifts to add, batches x dimensions, with a mean over cells of 0.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> batch = np.arange(90) % 2
    >>> points = np.where(random.random((90, 1)) < 0.3 + 0.4 * batch[:, None], 9.0, 0.0)
    >>> points = points + random.normal(size=(90, 2)) + batch[:, None]
    >>> shift = batch_shifts(points, batch, random)
    >>> np.abs(shift[0] - shift[1] - 1).max().round(0)
    np.float64(0.0)
    """
    sizes = np.bincount(batch)
    shifts = np.zeros((len(sizes), points.shape[1]))
    rows = [_sampled(np.flatnonzero(batch == b), random) for b in range(len(sizes))]
    order = np.argsort(-sizes, kind="stable")
    scale = float(np.sqrt(points.var(axis=0).sum()))
    for at in range(1, len(order)):
        mine = rows[order[at]]
        others = _sampled(np.concatenate([rows[b] for b in order[:at]]), random)
        right = points[others] + shifts[batch[others]]
        for _ in range(ROUNDS):
            left = points[mine] + shifts[order[at]]
            one, two = mutual_neighbours(left, right, max(PAIRS, min(len(left), len(right)) // SHARE))
            step = (right[two] - left[one]).mean(axis=0) if len(one) else np.zeros(points.shape[1])
            shifts[order[at]] += step
            if np.linalg.norm(step) < SETTLED * scale:
                break
    return shifts - sizes @ shifts / sizes.sum()


def mutual_neighbours(left: np.ndarray, right: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of rows of two sets that are among each other's `k` nearest in the other set.

    Parameters
    ----------
    left, right
        Coordinates, points x dimensions.
    k
        Number of neighbours.

    Returns
    -------
    Rows of `left` and rows of `right`, in the order of `left`.
    """
    with limited(1):
        gap = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    k = min(k, *gap.shape)
    near = np.zeros((2, *gap.shape), dtype=bool)
    np.put_along_axis(near[0], np.argpartition(gap, k - 1, axis=1)[:, :k], True, axis=1)
    np.put_along_axis(near[1], np.argpartition(gap, k - 1, axis=0)[:k], True, axis=0)
    one, two = np.nonzero(near.all(axis=0))
    return one, two


def _sampled(rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= MAX_CELLS else np.sort(random.choice(rows, MAX_CELLS, replace=False))
