"""Neighbours against brute force, edge weights against their definition, communities against igraph."""

import itertools
import random

import igraph
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panscape.graph import communities
from panscape.graph import neighbors as module
from panscape.graph.communities import partition_levels, partitions, to_igraph
from panscape.graph.louvain import MIN_GAIN, adjacency, louvain_levels, modularity
from panscape.graph.louvain_kernel import move_nodes
from panscape.graph.neighbors import neighbors
from panscape.graph.umap_weights import NeighborGraph, memberships, neighbor_graph


def points(n=300, d=5, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) + 6 * rng.integers(0, 3, (n, 1))).astype(np.float32)


def brute(scores, k):
    distance = np.linalg.norm(scores[:, None].astype(np.float64) - scores[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    order = np.argsort(distance, axis=1)[:, : k - 1]
    return order, np.take_along_axis(distance, order, axis=1)


def test_neighbours_are_the_nearest_others():
    scores = points()
    indices, distances = neighbors(scores, 7, threads=2)
    truth, truth_distances = brute(scores, 8)
    assert [set(row) for row in indices] == [set(row) for row in truth]
    assert np.allclose(distances, truth_distances, atol=1e-4)


def test_neighbours_of_identical_cells_leave_the_cell_itself_out():
    scores = np.zeros((20, 3), dtype=np.float32)
    indices, distances = neighbors(scores, 4)
    assert indices.shape == (20, 4)
    assert (indices != np.arange(20)[:, None]).all()
    assert (distances == 0).all()
    graph = neighbor_graph(indices, distances)
    assert np.isfinite(graph.weights).all()


def test_same_neighbours_for_any_threads():
    scores = points(3000)
    one, two = (neighbors(scores, 5, threads=threads) for threads in (1, 2))
    assert np.array_equal(one[0], two[0])


@pytest.mark.parametrize("recall", [0.9, 0.99])
def test_neighbours_by_partition_have_the_recall_asked_for(recall):
    scores = points(4000, 8)
    first, _ = neighbors(scores, 9, exact_below=0, recall=recall, seed=3)
    second, _ = neighbors(scores, 9, exact_below=0, recall=recall, descent=True, seed=3, threads=2)
    assert np.array_equal(first, second)  # few points are compared: no descent
    truth, _ = neighbors(scores, 9)
    found = np.mean([len(np.intersect1d(a, b)) for a, b in zip(first, truth, strict=True)]) / 9
    assert recall - 0.03 < found <= 1


def test_descent_replaces_a_search_of_too_many_points(monkeypatch):
    monkeypatch.setattr(module, "MOST_COMPARED", 0)
    monkeypatch.setattr(module, "approximate_neighbors", lambda points, n, **given: (n, given))
    assert neighbors(points(300), 9, exact_below=0, descent=True, seed=3) == (9, {"seed": 3, "threads": 1})
    assert neighbors(points(300), 9, exact_below=0, seed=3)[0].shape == (300, 9)


@pytest.mark.slow
def test_approximate_neighbours_are_mostly_right_and_repeatable(monkeypatch):
    monkeypatch.setattr(module, "MOST_COMPARED", 0)  # as if there were millions of points
    scores = points(4000, 8)
    first, _ = neighbors(scores, 9, exact_below=0, descent=True, seed=3)
    second, _ = neighbors(scores, 9, exact_below=0, descent=True, seed=3, threads=2)
    assert np.array_equal(first, second)
    truth, _ = neighbors(scores, 9)
    assert np.mean([len(np.intersect1d(a, b)) for a, b in zip(first, truth, strict=True)]) > 0.95 * 9


def test_weights_follow_their_definition():
    indices, distances = neighbors(points(120), 6)
    graph = neighbor_graph(indices, distances)
    arcs = {}
    for cell, (row, gap) in enumerate(zip(indices, distances - distances[:, :1], strict=True)):
        low, high = 1e-6, 1e6
        for _ in range(200):
            scale = np.sqrt(low * high)
            low, high = (scale, high) if np.exp(-gap / scale).sum() < np.log2(7) else (low, scale)
        arcs |= {(cell, int(other)): float(w) for other, w in zip(row, np.exp(-gap / scale), strict=True)}
    result = {(a, b): w for (a, b), w in zip(map(tuple, graph.edges.tolist()), graph.weights, strict=True)}
    assert set(result) == {(min(pair), max(pair)) for pair in arcs}
    for (a, b), weight in result.items():
        there, back = arcs.get((a, b), 0), arcs.get((b, a), 0)
        assert weight == pytest.approx(there + back - there * back, abs=1e-5)
    assert (graph.weights * 2**20 == np.round(graph.weights * 2**20)).all()


@pytest.mark.parametrize("seed", range(4))
def test_widths_by_newton_are_those_of_bisection(seed):
    rng = np.random.default_rng(seed)
    for k in (1, 2, 5, 15):
        distance = np.sort(rng.choice([0, 1e-6, 1, 2, 2.5, 1e6, np.inf], (80, k)), axis=1)
        distance[:40] = np.sort(rng.random((40, k)) * 10.0 ** rng.integers(-6, 6), axis=1)
        newton = memberships(distance, tolerance=0.0)
        assert np.allclose(newton, memberships(distance, tolerance=1e-13), atol=1e-9)
        assert (newton[~np.isfinite(distance)] == 0).all()


@pytest.mark.slow
def test_weights_are_those_of_umap():
    fuzzy_union = pytest.importorskip("umap.umap_").fuzzy_simplicial_set
    scores = points(150)
    indices, distances = neighbors(scores, 8)
    cells = np.arange(150)[:, None]
    theirs = fuzzy_union(
        scores,
        9,
        np.random.RandomState(0),
        "euclidean",
        knn_indices=np.hstack([cells, indices]),
        knn_dists=np.hstack([np.zeros_like(cells), distances]).astype(np.float32),
    )[0].tocsr()
    graph = neighbor_graph(indices, distances)
    assert np.allclose(theirs[graph.edges[:, 0], graph.edges[:, 1]], graph.weights, atol=2e-4)
    assert theirs.nnz == 2 * len(graph.edges)


def test_unweighted_graph_is_the_union_of_arcs():
    indices, distances = neighbors(points(80), 4)
    graph = neighbor_graph(indices, distances, "none")
    truth = {(min(a, int(b)), max(a, int(b))) for a in range(80) for b in indices[a]}
    assert graph.weights is None
    assert sorted(truth) == list(map(tuple, graph.edges.tolist()))


def made_graph(seed=0, weighted=True, n=300):
    indices, distances = neighbors(points(n, seed=seed), 8)
    return neighbor_graph(indices, distances, "umap" if weighted else "none")


@settings(max_examples=25)
@given(st.integers(2, 25), st.integers(0, 10**6), st.sampled_from([0.1, 1.0, 10.0]))
def test_modularity_is_igraphs(n, seed, resolution):
    rng = np.random.default_rng(seed)
    edges = np.argwhere(np.triu(rng.random((n, n)) < 0.4, 1))
    labels = rng.integers(0, 4, n)
    weights = rng.random(len(edges))
    if len(edges):
        linked = igraph.Graph(n=n, edges=edges)
        truth = linked.modularity(labels.tolist(), weights=weights, resolution=resolution)
        assert modularity(NeighborGraph(n, edges, weights), labels, resolution) == pytest.approx(
            truth, abs=1e-12
        )
        truth = linked.modularity(labels.tolist(), resolution=resolution)
        assert modularity(NeighborGraph(n, edges, None), labels, resolution) == pytest.approx(
            truth, abs=1e-12
        )


def levels_of(graph, resolution, seed, algorithm="louvain"):
    return partitions(graph, {resolution: seed}, algorithm=algorithm)[resolution]


@pytest.mark.parametrize("algorithm", ["louvain", "louvain-igraph"])
@pytest.mark.parametrize("resolution", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("weighted", [True, False])
def test_levels_are_nested_and_get_better(resolution, weighted, algorithm):
    graph = made_graph(weighted=weighted)
    levels = levels_of(graph, resolution, 5, algorithm)
    for fine, coarse in itertools.pairwise(levels):
        assert len({(a, b) for a, b in zip(fine, coarse, strict=True)}) == len(set(fine))
        assert modularity(graph, coarse, resolution) >= modularity(graph, fine, resolution)


@pytest.mark.parametrize("resolution", [0.1, 1.0, 10.0])
def test_modularity_is_as_good_as_igraphs(resolution):
    graph = made_graph(n=600)
    linked = to_igraph(graph)
    ours, theirs = [], []
    for seed in range(8):
        ours.append(modularity(graph, levels_of(graph, resolution, seed)[-1], resolution))
        random.seed(1000 + seed)  # igraph's default source
        levels = linked.community_multilevel(weights=graph.weights, resolution=resolution)
        theirs.append(linked.modularity(levels.membership, weights=graph.weights, resolution=resolution))
    assert np.mean(ours) >= np.mean(theirs) - 0.001
    assert min(ours) >= min(theirs) - 0.002


@settings(max_examples=30)
@given(st.integers(1, 30), st.integers(0, 10**6), st.sampled_from([0.1, 1.0, 10.0]))
def test_no_merger_of_communities_gains(n, seed, resolution):
    rng = np.random.default_rng(seed)
    edges = np.argwhere(np.triu(rng.random((n, n)) < 0.3, 1))
    graph = NeighborGraph(n, edges, rng.integers(1, 2**20, len(edges)) / 2**20)
    levels = levels_of(graph, resolution, seed)
    assert all(set(level) == set(range(max(level) + 1)) for level in levels)
    last = levels[-1]
    value = modularity(graph, last, resolution)
    for one, other in itertools.combinations(range(last.max() + 1), 2):  # communities are nodes of the last
        merged = np.where(last == one, other, last)
        merged = np.unique(merged, return_inverse=True)[1]
        assert modularity(graph, merged, resolution) <= value + 1e-6


def test_cells_without_edges_stay_apart():
    levels = levels_of(NeighborGraph(4, np.array([[1, 2]]), np.array([0.5])), 1.0, 0)
    assert [level.tolist() for level in levels] == [[0, 1, 1, 2]]
    levels = levels_of(NeighborGraph(3, np.empty((0, 2), int), None), 1.0, 0)
    assert [level.tolist() for level in levels] == [[0, 1, 2]]


def test_more_starts_are_never_worse():
    graph = made_graph(n=600, seed=3)
    matrix = adjacency(graph)
    for seed in range(5):
        values = [
            modularity(graph, louvain_levels(matrix, 1.0, seed=seed, starts=starts)[-1]) for starts in (1, 3)
        ]
        assert values[1] >= values[0]


def test_a_resolution_of_zero_is_refused():
    with pytest.raises(ValueError, match="not positive"):
        louvain_levels(adjacency(made_graph()), 0.0)


def test_same_seed_same_levels_and_nobody_elses_random_numbers():
    graph = made_graph()
    linked = to_igraph(graph)
    random.seed(1)
    state = random.getstate()
    first = partition_levels(linked, graph.weights, 10.0, seed=7)
    assert random.getstate() == state
    random.seed(99)
    second = partition_levels(linked, graph.weights, 10.0, seed=7)
    assert len(first) == len(second)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    before = random.getstate()
    linked.community_multilevel(weights=graph.weights)
    assert random.getstate() != before  # igraph has its default source back


@pytest.mark.parametrize("algorithm", ["louvain", "louvain-igraph"])
def test_processes_and_threads_give_what_one_gives(monkeypatch, algorithm):
    graph = made_graph()
    seeds = {0.1: 4, 1.0: 5, 10.0: 6}
    here = partitions(graph, seeds, algorithm=algorithm)
    monkeypatch.setattr(communities, "PROCESS_EDGES", 0)
    there = partitions(graph, seeds, algorithm=algorithm, threads=2)
    assert list(here) == list(there) == sorted(seeds)
    for resolution in seeds:
        assert len(here[resolution]) == len(there[resolution])
        for a, b in zip(here[resolution], there[resolution], strict=True):
            assert np.array_equal(a, b)


def test_a_process_that_fails_says_why(monkeypatch):
    monkeypatch.setattr(communities, "PROCESS_EDGES", 0)
    with pytest.raises(RuntimeError, match=r"resolution -1 failed(.|\n)*rror"):
        partitions(made_graph(), {-1.0: 0, 1.0: 0}, algorithm="louvain-igraph", threads=2)


def moved(weights, resolution, min_gain=MIN_GAIN):
    """Return the communities and moves of a path a - c - b, whose middle is visited first."""
    matrix = adjacency(NeighborGraph(3, np.array([[0, 1], [1, 2]]), np.asarray(weights, float)))
    degree = np.asarray(matrix.sum(axis=1)).ravel()
    parts = (part.astype(np.int64) for part in (matrix.indptr, matrix.indices))
    return move_nodes(*parts, matrix.data, degree, resolution, np.array([1, 0, 2]), min_gain)


def test_a_move_gains_more_than_the_least():
    # c gains 1 - r / 2 from joining a; b would lose from joining both if r > 4 / 3
    assert moved([1, 1], 1.6)[1] == 1 and moved([1, 1], 1.98)[1] == 1
    assert moved([1, 1], 1.6, 0.19)[1] == 1 and moved([1, 1], 1.6, 0.21)[1] == 0


@pytest.mark.parametrize("more", [0, 1e-9])
def test_gains_that_are_equal_but_for_rounding_move_no_node(more):
    community, moves = moved([1, 1 + more], 1.6)
    assert community[1] == community[0] != community[2] and moves == 1
    assert moved([1, 1.01], 1.6)[0].tolist() == [0, 2, 2]


def test_edges_without_weight_are_no_edges():
    matrix = adjacency(NeighborGraph(3, np.array([[0, 1], [1, 2]]), np.array([2.0, 0.0])))
    assert matrix.nnz == 2 and matrix.toarray().tolist() == [[0, 2, 0], [2, 0, 0], [0, 0, 0]]
