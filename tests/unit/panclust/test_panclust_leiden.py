"""Levels of the Leiden algorithm: nested, connected, repeatable, and as good as igraph's own."""

import itertools

import igraph
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panscape.graph import communities
from panscape.graph.communities import partition_levels, partitions, to_igraph
from panscape.graph.leiden import leiden_levels
from panscape.graph.louvain import modularity
from panscape.graph.umap_weights import NeighborGraph


def random_graph(seed, n=60, weighted=True):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 4, n)
    first, second = np.triu_indices(n, 1)
    kept = rng.random(len(first)) < np.where(kind[first] == kind[second], 0.3, 0.02)
    edges = np.column_stack([first[kept], second[kept]])
    return NeighborGraph(n, edges, rng.uniform(0.1, 1, len(edges)) if weighted else None)


def assert_nested(levels):
    for finer, coarser in itertools.pairwise(levels):
        assert len(np.unique(np.stack([finer, coarser]), axis=1).T) == finer.max() + 1 > coarser.max() + 1
    for labels in levels:
        assert labels.dtype == np.int32 and set(labels) == set(range(labels.max() + 1))


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 1.0, 10.0]), st.booleans())
def test_levels_are_nested_and_their_parts_connected(seed, resolution, weighted):
    graph = random_graph(seed, weighted=weighted)
    linked = to_igraph(graph)
    levels = leiden_levels(linked, graph.weights, resolution, seed=seed)
    assert levels
    assert_nested(levels)
    for labels in levels:
        for label in range(labels.max() + 1):
            assert linked.induced_subgraph(np.flatnonzero(labels == label)).is_connected()
    qualities = [modularity(graph, labels, resolution) for labels in levels]
    assert qualities == sorted(qualities)


@pytest.mark.parametrize("resolution", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("weighted", [True, False])
def test_coarsest_level_has_the_modularity_of_igraphs_leiden(resolution, weighted):
    graph = random_graph(3, 300, weighted)
    linked = to_igraph(graph)
    ours = leiden_levels(linked, graph.weights, resolution, seed=1)[-1]
    theirs = linked.community_leiden("modularity", graph.weights, resolution=resolution, n_iterations=-1)
    best = modularity(graph, np.array(theirs.membership), resolution)
    assert modularity(graph, ours, resolution) >= best - 5e-3


def test_cliques_on_a_ring_are_found_at_some_level():
    ring = igraph.Graph()
    ring.add_vertices(40)
    blocks = [range(5 * at, 5 * at + 5) for at in range(8)]
    ring.add_edges([(a, b) for block in blocks for a in block for b in block if a < b])
    ring.add_edges([(5 * at, (5 * at + 5) % 40) for at in range(8)])
    levels = leiden_levels(ring, None, 1.0, seed=0)
    assert any(np.array_equal(labels[::5].repeat(5), labels) and labels.max() == 7 for labels in levels)


def test_same_seed_same_levels_another_seed_other_ones():
    graph = random_graph(5, 400)
    linked = to_igraph(graph)
    runs = [leiden_levels(linked, graph.weights, 1.0, seed=seed) for seed in (7, 7, 2**40 + 8)]
    assert len(runs[0]) == len(runs[1])
    assert all(np.array_equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
    assert len(runs[2]) != len(runs[0]) or any(
        not np.array_equal(a, b) for a, b in zip(runs[0], runs[2], strict=True)
    )


def test_graph_without_edges_has_one_level_of_single_nodes():
    assert [labels.tolist() for labels in leiden_levels(igraph.Graph(4), None, 1.0)] == [[0, 1, 2, 3]]
    assert [labels.tolist() for labels in leiden_levels(igraph.Graph(4), np.empty(0), 1.0)] == [[0, 1, 2, 3]]


def test_processes_give_what_one_process_gives(monkeypatch):
    graph, seeds = random_graph(1, 200), {0.1: 4, 1.0: 5, 10.0: 6}
    here = partitions(graph, seeds, algorithm="leiden")
    monkeypatch.setattr(communities, "PROCESS_EDGES", 0)
    there = partitions(graph, seeds, algorithm="leiden", threads=2)
    assert list(here) == list(there) == sorted(seeds)
    for resolution, levels in here.items():
        alone = partition_levels(to_igraph(graph), graph.weights, resolution, algorithm="leiden",
                                 seed=seeds[resolution])  # fmt: skip
        for a, b, c in zip(levels, there[resolution], alone, strict=True):
            assert np.array_equal(a, b) and np.array_equal(a, c)
