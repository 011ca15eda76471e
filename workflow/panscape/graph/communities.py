"""Communities of the cell graph at several resolutions, with all agglomeration levels."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from panscape.graph.leiden import leiden_levels
from panscape.graph.louvain import adjacency, louvain_levels
from panscape.graph.umap_weights import NeighborGraph

if TYPE_CHECKING:
    import igraph

PROCESS_EDGES = 500_000  # fewer edges are partitioned faster than a process starts


@contextmanager
def _igraph_seed(seed: int) -> Iterator[None]:
    """Seed igraph's random generator within the block, and restore its default afterwards."""
    import igraph

    igraph.set_random_number_generator(random.Random(seed))
    try:
        yield
    finally:
        igraph.set_random_number_generator(random)


def to_igraph(graph: NeighborGraph) -> igraph.Graph:
    """Return the graph as an igraph graph without weights, which are passed as an array."""
    import igraph

    return igraph.Graph(n=graph.n, edges=graph.edges, directed=False)


def partition_levels(
    graph: igraph.Graph,
    weights: np.ndarray | None,
    resolution: float,
    *,
    algorithm: str = "louvain-igraph",
    seed: int = 0,
) -> list[np.ndarray]:
    """Partition a graph by modularity with igraph or leidenalg.

    Parameters
    ----------
    graph, weights
        Graph from :func:`to_igraph`, and edge weights; None for equal weights.
    resolution
        Resolution of Reichardt and Bornholdt's modularity; 1 is Newman's.
    algorithm
        ``"louvain-igraph"``: every agglomeration level; ``"leiden"``: the levels of
        :func:`panscape.graph.leiden.leiden_levels`.
    seed
        Seed of the order of the nodes.

    Returns
    -------
    int32 labels of all cells per level, finest first; communities are unions of those of the previous level.
    """
    if algorithm == "leiden":
        return leiden_levels(graph, weights, resolution, seed=seed)
    with _igraph_seed(seed):
        levels = graph.community_multilevel(weights=weights, return_levels=True, resolution=resolution)
    if not levels:  # no merger of two cells increases the modularity
        return [np.arange(graph.vcount(), dtype=np.int32)]
    return [np.asarray(level.membership, dtype=np.int32) for level in levels]


def partitions(
    graph: NeighborGraph, seeds: Mapping[float, int], *, algorithm: str = "louvain", threads: int = 1
) -> dict[float, list[np.ndarray]]:
    """Partition a graph at several resolutions, in parallel.

    Parameters
    ----------
    graph
        From :func:`panscape.graph.umap_weights.neighbor_graph`.
    seeds
        Seed of each resolution.
    algorithm
        ``"louvain"``: :func:`panscape.graph.louvain.louvain_levels`; others see :func:`partition_levels`.
    threads
        Number of parallel threads, or processes for large graphs; the result does not depend on it.

    Returns
    -------
    Mapping of resolutions, ascending, to their levels.

    Examples
    --------
    >>> edges = np.array([[0, 1], [0, 2], [1, 2], [2, 3], [3, 4], [3, 5], [4, 5]])
    >>> levels = partitions(NeighborGraph(6, edges, None), {1.0: 0})
    >>> levels[1.0][-1].tolist()
    [0, 0, 0, 1, 1, 1]
    """
    if algorithm == "louvain":
        return _in_threads(graph, seeds, threads)
    if threads > 1 and len(seeds) > 1 and len(graph.edges) >= PROCESS_EDGES:
        return _in_processes(graph, seeds, algorithm, threads)
    linked = to_igraph(graph)
    return {
        resolution: partition_levels(linked, graph.weights, resolution, algorithm=algorithm, seed=seed)
        for resolution, seed in sorted(seeds.items())
    }


def _in_threads(
    graph: NeighborGraph, seeds: Mapping[float, int], threads: int
) -> dict[float, list[np.ndarray]]:
    """Partition at each resolution with compiled code, which releases Python's lock."""
    matrix = adjacency(graph)
    with ThreadPoolExecutor(max(min(threads, len(seeds)), 1)) as pool:
        jobs = {at: pool.submit(louvain_levels, matrix, at, seed=seeds[at]) for at in sorted(seeds)}
        return {resolution: job.result() for resolution, job in jobs.items()}


def _in_processes(
    graph: NeighborGraph, seeds: Mapping[float, int], algorithm: str, threads: int
) -> dict[float, list[np.ndarray]]:
    """Partition at each resolution in a separate process, since igraph does not release Python's lock.

    joblib's processes do not import the script that started them, and share a memory map of the graph.
    """
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    longest_first = sorted(seeds, reverse=True)
    jobs = [
        delayed(_levels)(graph.n, graph.edges, graph.weights, resolution, algorithm, seeds[resolution])
        for resolution in longest_first
    ]
    try:
        levels = Parallel(n_jobs=min(threads, len(jobs)), batch_size=1)(jobs)
    finally:
        get_reusable_executor().shutdown()  # idle processes would keep their memory
    return dict(sorted(zip(longest_first, levels, strict=True)))


def _levels(
    n: int, edges: np.ndarray, weights: np.ndarray | None, resolution: float, algorithm: str, seed: int
) -> list[np.ndarray]:
    try:
        graph = to_igraph(NeighborGraph(n, edges, None))
        return partition_levels(graph, weights, resolution, algorithm=algorithm, seed=seed)
    except Exception as error:  # any exception must be picklable to reach the parent process
        raise RuntimeError(f"communities at resolution {resolution:g} failed: {error!r}") from error
