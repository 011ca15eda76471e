"""The neighbour graph of the landscape: connectivities and connected parts."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.graph.distances import Neighbours

# weights are rounded, so that the last bits of a sum (they depend on the thread count) reach nothing behind
DECIMALS = 7


def connectivities(
    neighbours: Neighbours, *, kernel: str = "umap", mutual: bool = False
) -> sparse.csr_matrix:
    """Turn neighbour distances into symmetric weights.

    Parameters
    ----------
    neighbours
        From :func:`nearest`.
    kernel
        ``"umap"`` (fuzzy union of exponential kernels, McInnes et al. 2018, as scanpy's default) or
        ``"gauss"`` (adaptive Gaussian kernel of Haghverdi et al. 2016, as scanpy's ``method="gauss"``).
    mutual
        Keep only the edges that both ends chose.

    Returns
    -------
    CSR (n, n), symmetric, weights in (0, 1], zero diagonal.
    """
    if kernel not in _KERNELS:
        raise ValueError(f"kernel must be one of {sorted(_KERNELS)}, found {kernel!r}")
    weights = _KERNELS[kernel](neighbours)
    if mutual:
        chosen = neighbours.matrix
        chosen.data[:] = 1
        weights = weights.multiply(chosen.multiply(chosen.T))
    weights = sparse.csr_matrix(weights, dtype=np.float64)
    weights.data = np.round(weights.data, DECIMALS)
    weights.eliminate_zeros()
    weights.sort_indices()
    return weights


def _directed(neighbours: Neighbours, weight: np.ndarray) -> sparse.csr_matrix:
    rows, places = np.nonzero(neighbours.index >= 0)
    count = len(neighbours.index)
    return sparse.csr_matrix(
        (weight[rows, places], (rows, neighbours.index[rows, places])), shape=(count, count)
    )


def umap_widths(distance: np.ndarray, target: float, *, steps: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Return (rho, sigma) of each row: distance to the nearest distinct neighbour and kernel width.

    sigma is found by bisection such that sum_j exp(-max(d_j - rho, 0) / sigma) = target, with the floor of
    1e-3 of the mean distance (McInnes et al. 2018, algorithm 3 and its reference implementation).

    Parameters
    ----------
    distance
        (n, k) sorted, the row itself not included; inf where a neighbour is missing.
    target
        log2 of the number of neighbours, the row itself counted.
    """
    finite = np.isfinite(distance)
    positive = np.where(finite & (distance > 0), distance, np.inf)
    rho = positive.min(axis=1, initial=np.inf)
    rho[~np.isfinite(rho)] = 0.0
    excess = np.where(finite, np.maximum(distance - rho[:, None], 0), np.inf)
    low, high = np.zeros(len(distance)), np.full(len(distance), np.inf)
    width = np.ones(len(distance))
    live = finite.any(axis=1)
    for _ in range(steps):
        total = np.exp(-excess / width[:, None]).sum(axis=1)
        live &= np.abs(total - target) >= 1e-5
        if not live.any():
            break
        above, below = live & (total > target), live & (total <= target)
        high[above], low[below] = width[above], width[below]
        middle = np.where(np.isfinite(high), (low + np.where(np.isfinite(high), high, 0)) / 2, width * 2)
        width = np.where(live, middle, width)
    # the row itself (distance 0) counts in these means
    number = finite.sum(axis=1) + 1
    total = np.where(finite, distance, 0).sum(axis=1)
    floor = np.where(rho > 0, total / number, total.sum() / max(number.sum(), 1))
    return rho, np.maximum(width, 1e-3 * floor)


def _umap(neighbours: Neighbours) -> sparse.csr_matrix:
    distance = neighbours.distance
    rho, width = umap_widths(distance, np.log2(distance.shape[1] + 1))
    excess = np.maximum(distance - rho[:, None], 0)
    weight = np.where(width[:, None] > 0, np.exp(-excess / np.where(width > 0, width, 1)[:, None]), 1.0)
    weight[excess <= 0] = 1.0
    weight[~np.isfinite(distance)] = 0.0
    one_way = _directed(neighbours, weight)
    back = one_way.T.tocsr()
    return one_way + back - one_way.multiply(back)


def _gauss(neighbours: Neighbours) -> sparse.csr_matrix:
    squared = neighbours.distance**2
    finite = np.isfinite(squared)
    middle = np.zeros(len(squared))
    for row in np.flatnonzero(finite.any(axis=1)):
        middle[row] = np.median(squared[row, finite[row]])
    width = np.sqrt(middle)
    other = np.where(neighbours.index >= 0, neighbours.index, 0)
    scale = middle[:, None] + middle[other]
    safe = np.where(scale > 0, scale, 1.0)
    weight = np.sqrt(2 * width[:, None] * width[other] / safe) * np.exp(-np.where(finite, squared, 0) / safe)
    weight[scale <= 0] = 1.0  # both ends sit among identical vectors
    weight[~finite] = 0.0
    one_way = _directed(neighbours, weight)
    return one_way.maximum(one_way.T)


_KERNELS = {"umap": _umap, "gauss": _gauss}


def components(weights: sparse.csr_matrix) -> np.ndarray:
    """Return the connected part of each node, numbered from 0 by size (ties: smallest position first)."""
    from scipy.sparse.csgraph import connected_components

    count, label = connected_components(weights, directed=False)
    size = np.bincount(label, minlength=count)
    first = np.full(count, len(label))
    np.minimum.at(first, label, np.arange(len(label)))
    rank = np.empty(count, dtype=np.int64)
    rank[np.lexsort((first, -size))] = np.arange(count)
    return rank[label]
