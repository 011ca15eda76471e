"""Enforce minimum and maximum sizes of metacells: merge small ones, split large ones."""

from __future__ import annotations

import numpy as np

from panscape import seeds
from panscape.graph.spectral import kmeans
from panscape.stats.singular import singular


def enforce_sizes(
    label: np.ndarray,
    z: np.ndarray,
    *,
    k: int,
    min_size: int = 5,
    max_size: int | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, dict[str, int]]:
    """Assign every cell to a metacell, merge small metacells and split large ones.

    Cells without a label join the metacell with the nearest centre, or form one metacell if no cell has a
    label. After merging, the largest metacells are split until there are `k` again.

    Parameters
    ----------
    label
        Metacell of each cell, -1 for none.
    z
        Embedding, cells x dimensions; metacells are compared by Euclidean distance.
    k
        Target number of metacells.
    min_size
        Minimum number of cells of a metacell (unless there are fewer cells in total).
    max_size
        Maximum number of cells of a metacell; None sets no limit.
    seed
        Seed of the splits.

    Returns
    -------
    (labels 0..., numbered by first cell; counts of `adopted` cells, `merged` and `split` metacells).

    Examples
    --------
    >>> enforce_sizes(np.array([0, 0, 0, 1, -1]), np.arange(5.0)[:, None], k=1, min_size=2)[0]
    array([0, 0, 0, 1, 1])
    """
    label, z = np.asarray(label, dtype=np.int64).copy(), np.asarray(z, dtype=float)
    done = {"adopted": int((label < 0).sum()), "merged": 0, "split": 0}
    label = _adopt(label, z)
    label, done["merged"] = _merge(label, z, min(min_size, len(z)))
    label, done["split"] = _split(label, z, k, min_size, max_size, seed)
    return renumber(label), done


def renumber(label: np.ndarray) -> np.ndarray:
    """Renumber labels from 0 in the order of their first cells."""
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def centres(label: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means and numbers of cells of labels 0..max; means of empty labels are infinite."""
    count = np.bincount(label)
    order = np.argsort(label, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(count)])[:-1]
    mean = np.full((len(count), z.shape[1]), np.inf)
    filled = count > 0
    sums = np.add.reduceat(z[order], bounds[filled], axis=0)
    mean[filled] = sums / count[filled, None]
    return mean, count


def _adopt(label: np.ndarray, z: np.ndarray) -> np.ndarray:
    lost = np.flatnonzero(label < 0)
    if not len(lost):
        return label
    if len(lost) == len(label):
        return np.zeros(len(label), dtype=np.int64)
    mean, _ = centres(np.where(label < 0, label.max() + 1, label), z)
    mean = mean[:-1]
    for start in range(0, len(lost), 4096):
        rows = lost[start : start + 4096]
        gap = (mean**2).sum(axis=1) - 2 * z[rows] @ mean.T
        label[rows] = gap.argmin(axis=1)
    return label


def _merge(label: np.ndarray, z: np.ndarray, min_size: int) -> tuple[np.ndarray, int]:
    mean, count = centres(label, z)
    into = np.arange(len(count))
    merged = 0
    while True:
        small = np.flatnonzero((count > 0) & (count < min_size))
        if not len(small) or (count > 0).sum() == 1:
            break
        one = small[np.argmin(count[small])]
        gap = np.where(count > 0, ((mean - mean[one]) ** 2).sum(axis=1), np.inf)
        gap[one] = np.inf
        other = int(np.argmin(gap))
        total = count[one] + count[other]
        mean[other] = (mean[one] * count[one] + mean[other] * count[other]) / total
        count[other], count[one] = total, 0
        mean[one] = np.inf
        into[into == one] = other
        merged += 1
    return into[label], merged


def _split(
    label: np.ndarray, z: np.ndarray, k: int, min_size: int, max_size: int | None, seed: int
) -> tuple[np.ndarray, int]:
    count = np.bincount(label).tolist()
    number, done = sum(size > 0 for size in count), 0
    while True:
        largest = int(np.argmax(count))
        size = count[largest]
        wanted = number < k or (max_size is not None and size > max_size)
        if not wanted or size < 2 * max(min_size, 1) or size < 2:
            return label, done
        rows = np.flatnonzero(label == largest)
        half = halves(z[rows], min_size, seeds.derive(seed, "split", done))
        label[rows[half]] = len(count)
        count[largest] = int((~half).sum())
        count.append(int(half.sum()))
        number, done = number + 1, done + 1


def halves(points: np.ndarray, min_size: int, seed: int) -> np.ndarray:
    """Return a mask of the second half of points: by 2-means, or at the median if 2-means is unbalanced.

    Parameters
    ----------
    points
        Cells x dimensions.
    min_size
        Minimum number of cells of a half.
    seed
        Seed of 2-means.
    """
    second = kmeans(points, 2, seed, starts=1) == 1
    if min(second.sum(), (~second).sum()) >= max(min_size, 1, len(points) // 5):
        return second
    centred = points - points.mean(axis=0)
    direction = singular(centred)[2][0]
    order = np.argsort(centred @ direction, kind="stable")
    second = np.zeros(len(points), dtype=bool)
    second[order[len(points) // 2 :]] = True
    return second
