"""Communities of the cell graph, with every level of their agglomeration."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from panscape.graph.umap_weights import NeighborGraph

if TYPE_CHECKING:
    import igraph

PROCESS_EDGES = 500_000  # fewer edges are done before another process has started


@contextmanager
def _igraph_seed(seed: int) -> Iterator[None]:
    """Give igraph its own random stream, and afterwards Python's shared one, its default."""
    import igraph

    igraph.set_random_number_generator(random.Random(seed))
    try:
        yield
    finally:
        igraph.set_random_number_generator(random)


def to_igraph(graph: NeighborGraph) -> igraph.Graph:
    """Return the graph without its weights (they stay an array)."""
    import igraph

    return igraph.Graph(n=graph.n, edges=graph.edges, directed=False)


def partition_levels(
    graph: igraph.Graph,
    weights: np.ndarray | None,
    resolution: float,
    *,
    algorithm: str = "louvain",
    seed: int = 0,
) -> list[np.ndarray]:
    """Partition a graph by modularity.

    Parameters
    ----------
    graph, weights
        From :func:`to_igraph`; None for equal weights.
    resolution
        Of Reichardt and Bornholdt's modularity; 1 is Newman's.
    algorithm
        ``"louvain"`` keeps every agglomeration level, ``"leiden"`` runs until nothing moves and gives one
        level.
    seed
        Of igraph's random numbers during this call.

    Returns
    -------
    int32 labels of all cells per level, finest first; each level's communities are unions of the level's
    before.
    """
    with _igraph_seed(seed):
        if algorithm == "louvain":
            levels = graph.community_multilevel(weights=weights, return_levels=True, resolution=resolution)
        else:
            levels = [
                graph.community_leiden("modularity", weights=weights, resolution=resolution, n_iterations=-1)
            ]
    if not levels:  # no merger of two cells gains anything
        return [np.arange(graph.vcount(), dtype=np.int32)]
    return [np.asarray(level.membership, dtype=np.int32) for level in levels]


def partitions(
    graph: NeighborGraph, seeds: Mapping[float, int], *, algorithm: str = "louvain", threads: int = 1
) -> dict[float, list[np.ndarray]]:
    """Partition a graph at several resolutions, large graphs in parallel processes.

    Parameters
    ----------
    graph
        From :func:`panscape.graph.umap_weights.neighbor_graph`.
    seeds
        Seed of each resolution.
    algorithm
        See :func:`partition_levels`.
    threads
        Processes at a time; the result does not depend on them.

    Returns
    -------
    The levels of :func:`partition_levels` per resolution, ascending.
    """
    if threads > 1 and len(seeds) > 1 and len(graph.edges) >= PROCESS_EDGES:
        return _in_processes(graph, seeds, algorithm, threads)
    linked = to_igraph(graph)
    return {
        resolution: partition_levels(linked, graph.weights, resolution, algorithm=algorithm, seed=seed)
        for resolution, seed in sorted(seeds.items())
    }


def _in_processes(graph: NeighborGraph, seeds, algorithm: str, threads: int) -> dict[float, list[np.ndarray]]:
    """Run :func:`_work` once per resolution: igraph holds Python's lock, so threads would not help."""
    with tempfile.TemporaryDirectory(prefix="panclust-") as folder:
        np.save(Path(folder) / "edges.npy", graph.edges)
        if graph.weights is not None:
            np.save(Path(folder) / "weights.npy", graph.weights)
        # a script finds the library through the path that the workflow gave it
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

        def run(resolution: float) -> list[np.ndarray]:
            words = [folder, str(graph.n), repr(resolution), algorithm, str(seeds[resolution])]
            code = f"from panscape.graph.louvain import _work; _work(*{words!r})"
            job = subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, text=True
            )
            if job.returncode:
                raise RuntimeError(f"communities at resolution {resolution:g} failed:\n{job.stderr}")
            return list(np.load(Path(folder) / f"{resolution!r}.npy"))

        longest_first = sorted(seeds, reverse=True)
        with ThreadPoolExecutor(threads) as pool:
            found = dict(zip(longest_first, pool.map(run, longest_first), strict=True))
    return dict(sorted(found.items()))


def _work(folder: str, n: str, resolution: str, algorithm: str, seed: str) -> None:
    """Partition the graph saved in a folder and save the levels beside it."""
    place = Path(folder)
    weights = np.load(place / "weights.npy") if (place / "weights.npy").exists() else None
    graph = to_igraph(NeighborGraph(int(n), np.load(place / "edges.npy"), None))
    levels = partition_levels(graph, weights, float(resolution), algorithm=algorithm, seed=int(seed))
    np.save(place / f"{resolution}.npy", np.stack(levels))


def modularity(graph: NeighborGraph, labels: np.ndarray, resolution: float = 1.0) -> float:
    """Return the modularity of a partition, -1/2 to 1 at resolution 1, higher is better.

    ``sum over communities of e / m - resolution * (d / 2 m)^2`` with e the weight within the community, d the
    summed degrees and m the weight of all edges.
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
