"""Leiden communities with the levels of their aggregation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import igraph

SEEDS = 2**31 - 1  # leidenalg reads its seed as a signed 32-bit integer
GAIN = 1e-4  # of modularity; iterations that gain less take most of the time


def leiden_levels(
    graph: igraph.Graph, weights: np.ndarray | None, resolution: float, *, seed: int = 0
) -> list[np.ndarray]:
    """Partition a graph by modularity with the Leiden algorithm, and keep its levels.

    An iteration moves nodes between communities, refines each community into well-connected parts, and
    aggregates the parts to the nodes of the next round. The parts of all rounds are nested, and the
    communities after the last round are unions of its parts; they start the next iteration. The levels are
    those of the last iteration, the first that gains less than 1e-4 of modularity [traag2019leiden]_.

    Parameters
    ----------
    graph, weights
        Undirected graph, and (n_edges,) edge weights >= 0; None for equal weights.
    resolution
        Resolution of Reichardt and Bornholdt's modularity, > 0; 1 is Newman's.
    seed
        Seed of the order in which nodes are visited.

    Returns
    -------
    int32 (n,) labels from 0 of all nodes per level, finest first; communities are unions of those of the
    previous level. There is at least one level.

    Examples
    --------
    >>> import igraph
    >>> two = igraph.Graph([(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (4, 5), (3, 5)])
    >>> leiden_levels(two, None, 1.0)[-1].tolist()
    [0, 0, 0, 1, 1, 1]
    """
    import leidenalg

    optimiser = leidenalg.Optimiser()
    optimiser.set_rng_seed(seed % SEEDS)
    given = None if weights is None else np.asarray(weights, dtype=np.float64).tolist()
    total = 2 * (float(graph.ecount()) if weights is None else float(np.sum(weights)))
    start, quality = leidenalg.RBConfigurationVertexPartition(graph, None, given, resolution), -np.inf
    while True:
        levels = _one_iteration(optimiser, start, given)
        start = type(start)(graph, levels[-1].tolist(), given, resolution)
        if not start.quality() > quality + GAIN * total:
            return levels
        quality = start.quality()


def _one_iteration(optimiser, communities, weights: list[float] | None) -> list[np.ndarray]:
    """Move, refine and aggregate until no part joins another; return the nested levels."""
    place = np.arange(communities.graph.vcount())
    levels: list[np.ndarray] = []
    while True:
        optimiser.move_nodes(communities)
        graph = communities.graph
        parts = type(communities)(graph, None, weights, communities.resolution_parameter)
        optimiser.merge_nodes_constrained(parts, communities)
        above, part_of = np.asarray(communities.membership), np.asarray(parts.membership)
        if len(parts) == graph.vcount():
            break
        place = part_of[place]
        levels.append(_labels(place))
        communities = parts.aggregate_partition()
        start = np.empty(communities.graph.vcount(), dtype=np.int64)
        start[part_of] = above
        communities.set_membership(start.tolist())
        weights = communities.graph.es["weight"]
    last = _labels(above[place])
    if not levels or last.max() < levels[-1].max():
        levels.append(last)
    return levels


def _labels(membership: np.ndarray) -> np.ndarray:
    """Return labels from 0 without gaps."""
    return np.unique(membership, return_inverse=True)[1].astype(np.int32)
