"""Weighted neighbour graphs, such as UMAP's fuzzy union."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.graph.points import Neighbours

# weights are rounded, so that results do not depend on rounding errors, which vary with the thread count
DECIMALS = 7
# edge lists: weights are integer multiples of this, so that their sums are exact in any order
WEIGHT_STEPS = 2**20
ROWS = 16384  # rows per batch
NEWTON_STEPS = 60


@dataclass(frozen=True)
class NeighborGraph:
    """Undirected graph of cells.

    Attributes
    ----------
    n
        Number of cells.
    edges
        (n_edges, 2) int64, first < second, sorted.
    weights
        (n_edges,) float64 in (0, 1], or None for equal weights.
    """

    n: int
    edges: np.ndarray
    weights: np.ndarray | None


def connectivities(
    neighbours: Neighbours, *, kernel: str = "umap", mutual: bool = False
) -> sparse.csr_matrix:
    """Convert neighbour distances to symmetric weights.

    Parameters
    ----------
    neighbours
        From :func:`nearest`.
    kernel
        ``"umap"`` (fuzzy union of exponential kernels, McInnes et al. 2018, as scanpy's default) or
        ``"gauss"`` (adaptive Gaussian kernel of Haghverdi et al. 2016, as scanpy's ``method="gauss"``).
    mutual
        Keep only edges between mutual neighbours.

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


def umap_widths(
    distance: np.ndarray, target: float, *, steps: int = 64, tolerance: float = 1e-5
) -> tuple[np.ndarray, np.ndarray]:
    """Return (rho, sigma) of each row: distance to the nearest distinct neighbour and kernel width.

    sigma is determined by bisection such that sum_j exp(-max(d_j - rho, 0) / sigma) = target, with the floor
    of 1e-3 of the mean distance (McInnes et al. 2018, algorithm 3 and its reference implementation).

    Parameters
    ----------
    distance
        (n, k) sorted, excluding the row itself; inf where a neighbour is missing.
    target
        log2 of the number of neighbours, including the row itself.
    steps, tolerance
        The bisection stops after `steps` halvings, or once the sum is within `tolerance` of `target`. With a
        tolerance of 0, Newton's method finds the solution to full precision.
    """
    finite = np.isfinite(distance)
    positive = np.where(finite & (distance > 0), distance, np.inf)
    rho = positive.min(axis=1, initial=np.inf)
    rho[~np.isfinite(rho)] = 0.0
    excess = np.where(finite, np.maximum(distance - rho[:, None], 0), np.inf)
    width = _bisected(excess, target, steps, tolerance) if tolerance else _solved(excess, target)
    # the means include the row itself, at distance 0
    number = finite.sum(axis=1) + 1
    total = np.where(finite, distance, 0).sum(axis=1)
    floor = np.where(rho > 0, total / number, total.sum() / max(number.sum(), 1))
    return rho, np.maximum(width, 1e-3 * floor)


def _bisected(excess: np.ndarray, target: float, steps: int, tolerance: float) -> np.ndarray:
    low, high = np.zeros(len(excess)), np.full(len(excess), np.inf)
    width = np.ones(len(excess))
    live = np.isfinite(excess).any(axis=1)
    for _ in range(steps):
        total = np.exp(-excess / width[:, None]).sum(axis=1)
        live &= np.abs(total - target) >= tolerance
        if not live.any():
            break
        above, below = live & (total > target), live & (total <= target)
        high[above], low[below] = width[above], width[below]
        middle = np.where(np.isfinite(high), (low + np.where(np.isfinite(high), high, 0)) / 2, width * 2)
        width = np.where(live, middle, width)
    return width


def _solved(excess: np.ndarray, target: float) -> np.ndarray:
    """Return the widths by Newton's method on 1 / width, in which the sum is convex.

    0 where as many neighbours as the target are at distance rho, so that every width has a larger sum; huge
    where too few neighbours are there.
    """
    there = np.isfinite(excess)
    gap = np.where(there, excess, 0.0)
    rate = np.zeros(len(excess))
    solvable = (excess <= 0).sum(axis=1) < target
    live = np.flatnonzero(solvable)
    for _ in range(NEWTON_STEPS):
        kernel = np.exp(-rate[live, None] * gap[live]) * there[live]
        slope = np.einsum("ij,ij->i", kernel, gap[live])
        step = (kernel.sum(axis=1) - target) / np.maximum(slope, np.finfo(float).tiny)
        rate[live] = np.maximum(rate[live] + step, 0.0)
        live = live[np.abs(step) > 1e-14 * rate[live]]
        if not len(live):
            break
    return np.where(solvable, 1 / np.maximum(rate, 1e-100), 0.0)


def memberships(distance: np.ndarray, *, tolerance: float = 1e-5) -> np.ndarray:
    """Return UMAP's membership strengths of neighbours, exp(-max(d - rho, 0) / sigma).

    Parameters
    ----------
    distance
        (n, k) sorted, excluding the row itself; inf where a neighbour is missing.
    tolerance
        See :func:`umap_widths`.

    Returns
    -------
    (n, k) float64 in [0, 1]; 0 where a neighbour is missing.
    """
    weight = np.empty(distance.shape)
    target = np.log2(distance.shape[1] + 1)
    for start in range(0, len(distance), ROWS):
        part = np.asarray(distance[start : start + ROWS], dtype=np.float64)
        rho, width = umap_widths(part, target, tolerance=tolerance)
        excess = np.maximum(part - rho[:, None], 0)
        one = np.where(width[:, None] > 0, np.exp(-excess / np.where(width > 0, width, 1)[:, None]), 1.0)
        one[excess <= 0] = 1.0
        one[~np.isfinite(part)] = 0.0
        weight[start : start + ROWS] = one
    return weight


def fuzzy_union(arcs: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return a + b - a b of the memberships in both directions (probabilistic t-conorm), symmetric."""
    back = arcs.T.tocsr()
    return arcs + back - arcs.multiply(back)


def _umap(neighbours: Neighbours) -> sparse.csr_matrix:
    return fuzzy_union(_directed(neighbours, memberships(neighbours.distance)))


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
    weight[scale <= 0] = 1.0  # both ends have only identical neighbours
    weight[~finite] = 0.0
    one_way = _directed(neighbours, weight)
    return one_way.maximum(one_way.T)


_KERNELS = {"umap": _umap, "gauss": _gauss}


def neighbor_graph(indices: np.ndarray, distances: np.ndarray, weights: str = "umap") -> NeighborGraph:
    """Return the undirected neighbour graph.

    Parameters
    ----------
    indices, distances
        From :func:`panscape.graph.neighbors.neighbors`.
    weights
        ``"umap"``: fuzzy union of the local memberships (McInnes 2018, section 3.1); ``"none"``: unweighted
        edges where either cell is among the other's neighbours.

    Returns
    -------
    The graph; with ``"umap"`` the weights are rounded to positive multiples of 2**-20.
    """
    n, k = indices.shape
    # bisect to full precision: a tolerance would show in the rounded weights
    value = memberships(distances, tolerance=0.0) if weights == "umap" else np.ones(indices.shape)
    arcs = sparse.csr_matrix((value.ravel(), indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    union = sparse.triu(fuzzy_union(arcs), 1, format="csr")
    union.sort_indices()
    first = np.repeat(np.arange(n, dtype=np.int64), np.diff(union.indptr))
    edges = np.column_stack([first, union.indices.astype(np.int64)])
    if weights == "none":
        return NeighborGraph(n, edges, None)
    steps = np.maximum(np.round(union.data * WEIGHT_STEPS), 1)
    return NeighborGraph(n, edges, steps / WEIGHT_STEPS)
