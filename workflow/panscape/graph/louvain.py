"""The Louvain method, with all agglomeration levels."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.graph.umap_weights import NeighborGraph
from panscape.seeds import stream

STARTS = 3  # orders of the nodes; more gain little modularity
MIN_GAIN = 1e-7  # in units of edge weight; smaller gains are rounding errors


def adjacency(graph: NeighborGraph) -> sparse.csr_matrix:
    """Return the symmetric matrix of edge weights, CSR float64 (n, n), without zeros."""
    weights = np.ones(len(graph.edges)) if graph.weights is None else np.asarray(graph.weights, float)
    there = sparse.csr_matrix((weights, (graph.edges[:, 0], graph.edges[:, 1])), shape=(graph.n, graph.n))
    matrix = sparse.csr_matrix(there + there.T)
    matrix.eliminate_zeros()
    return matrix


def louvain_levels(
    matrix: sparse.csr_matrix, resolution: float, *, seed: int = 0, starts: int = STARTS
) -> list[np.ndarray]:
    """Partition a graph by modularity with the Louvain method, and keep every agglomeration level.

    Nodes move to the neighbouring community with the largest gain, in a queue as in Leiden's fast local move,
    until no move gains; communities then become the nodes of the next level [blondel2008louvain]_. Of several
    orders of the nodes, the one with the largest modularity is kept. Time and memory are linear in the edges.

    Parameters
    ----------
    matrix
        (n, n) CSR, symmetric, weights above 0, without a diagonal; from :func:`adjacency`.
    resolution
        Resolution of Reichardt and Bornholdt's modularity, > 0; 1 is Newman's.
    seed
        Seed of the orders of the nodes.
    starts
        Number of orders, at least 1.

    Returns
    -------
    int32 (n,) labels from 0 of all nodes per level, finest first; communities are unions of those of the
    previous level. There is at least one level.

    Raises
    ------
    ValueError
        If the resolution is not positive.

    Examples
    --------
    >>> edges = np.array([[0, 1], [0, 2], [1, 2], [2, 3], [3, 4], [3, 5], [4, 5]])
    >>> louvain_levels(adjacency(NeighborGraph(6, edges, None)), 1.0)[-1].tolist()
    [0, 0, 0, 1, 1, 1]
    """
    if not resolution > 0:
        raise ValueError(f"the resolution is {resolution}, not positive")
    best: list[np.ndarray] = []
    most = -np.inf
    degree = np.asarray(matrix.sum(axis=1)).ravel()
    for start in range(starts):
        levels, value = _one_start(matrix, degree, resolution, stream(seed, "louvain", start))
        if value > most:
            best, most = levels, value
    return best


def _one_start(
    matrix: sparse.csr_matrix, degree: np.ndarray, resolution: float, rng: np.random.Generator
) -> tuple[list[np.ndarray], float]:
    """Return the levels of one order of the nodes, and their modularity times twice the total weight."""
    from panscape.graph.louvain_kernel import aggregate, move_nodes, renumber

    indptr, indices, weights = matrix.indptr, matrix.indices, matrix.data
    loops, label = np.zeros(matrix.shape[0]), np.arange(matrix.shape[0])
    levels: list[np.ndarray] = []
    while len(weights):
        order = rng.permutation(len(loops))
        community, moves = move_nodes(indptr, indices, weights, degree, resolution, order, MIN_GAIN)
        if moves == 0:
            break
        community, k = renumber(community)
        label = community[label]
        levels.append(label.astype(np.int32))
        indptr, indices, weights, loops = aggregate(indptr, indices, weights, loops, community, k)
        degree = np.bincount(community, degree, k)
    total = degree.sum()
    value = 2 * loops.sum() - resolution * np.square(degree).sum() / total if total else 0.0
    return levels or [label.astype(np.int32)], float(value)


def modularity(graph: NeighborGraph, labels: np.ndarray, resolution: float = 1.0) -> float:
    """Return the modularity of a partition, in [-1/2, 1] at resolution 1.

    ``sum over communities of e / m - resolution * (d / 2 m)^2`` with e the weight within the community, d the
    summed degrees and m the weight of all edges.

    Parameters
    ----------
    graph
        The graph; edges without weights count 1 each.
    labels
        int (n,): community of each cell, from 0.
    resolution
        Resolution of Reichardt and Bornholdt's modularity, as in :func:`partition_levels`; 1 is Newman's.

    Returns
    -------
    The modularity; 0 if the graph has no edges or all weights are 0.
    """
    weights = np.ones(len(graph.edges)) if graph.weights is None else graph.weights
    total = weights.sum()
    if total == 0:
        return 0.0
    first, second = labels[graph.edges[:, 0]], labels[graph.edges[:, 1]]
    n_labels = int(labels.max()) + 1
    degree = np.bincount(first, weights, n_labels) + np.bincount(second, weights, n_labels)
    within = weights[first == second].sum()
    return float(within / total - resolution * np.square(degree / (2 * total)).sum())
