import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.coscape.overlap.baselines import clusters_at_resolution, pooled_correlation, strong_pairs
from panscape.coscape.overlap.scores import overlap_score, overlap_table, supported_edges
from panscape.data.edge_lists import Graph, Network, graph_of
from panscape.graph.rewire import adjacency_bits, count_shared, rewire
from panscape.seeds import derive


def random_graph(rng, n, count, skew=0.0):
    """Draw a simple graph; skew > 0 makes hubs."""
    first, second = np.triu_indices(n, 1)
    weight = np.exp(skew * rng.standard_normal(n))
    chance = weight[first] * weight[second]
    chosen = np.sort(rng.choice(len(first), count, replace=False, p=chance / chance.sum()))
    return np.stack([first[chosen], second[chosen]], axis=1).astype(np.int32)


def as_set(edges):
    return {tuple(sorted(edge)) for edge in np.asarray(edges).tolist()}


@pytest.mark.parametrize(
    ("n", "count", "skew"), [(50, 100, 0), (300, 2000, 1.0), (64, 900, 0.5), (65, 64, 0), (700, 5000, 0.7)]
)
def test_rewiring_keeps_degrees_and_stays_simple(n, count, skew):
    rng = np.random.default_rng(n)
    edges = random_graph(rng, n, count, skew)
    before = edges.copy()
    new = rewire(edges, n, tries=10 * count, seed=5)
    assert np.array_equal(edges, before)
    assert (new[:, 0] != new[:, 1]).all()
    assert len(as_set(new)) == count
    np.testing.assert_array_equal(
        np.bincount(new.ravel(), minlength=n), np.bincount(edges.ravel(), minlength=n)
    )


def test_rewiring_changes_nearly_all_edges():
    edges = random_graph(np.random.default_rng(0), 2000, 20_000, 0.5)
    new = rewire(edges, 2000, tries=200_000, seed=1)
    assert len(as_set(edges) & as_set(new)) <= 0.1 * len(edges)
    again = rewire(edges, 2000, tries=200_000, seed=1)
    np.testing.assert_array_equal(new, again)
    assert not np.array_equal(new, rewire(edges, 2000, tries=200_000, seed=2))


def test_rewiring_samples_graphs_of_these_degrees_evenly():
    # all simple graphs on 6 vertices of degree 1 each: the 15 perfect matchings
    edges = np.array([[0, 1], [2, 3], [4, 5]], dtype=np.int32)
    seen = [frozenset(as_set(rewire(edges, 6, tries=60, seed=s))) for s in range(6000)]
    counts = pd.Series(seen).value_counts()
    assert len(counts) == 15
    chi = ((counts - 400) ** 2 / 400).sum()
    assert chi < 36.1  # .999 quantile at 14 degrees of freedom


@pytest.mark.parametrize(
    "edges", [np.empty((0, 2)), [[0, 1]], [[0, 1], [1, 2], [0, 2]], [[0, 1], [0, 2], [0, 3]]]
)
def test_graphs_that_cannot_change_do_not(edges):
    edges = np.asarray(edges, dtype=np.int32).reshape(-1, 2)
    assert as_set(rewire(edges, 4, tries=500, seed=0)) == as_set(edges)


def test_too_many_genes_are_refused():
    with pytest.raises(ValueError, match="at most"):
        rewire(np.array([[0, 1]]), 70_000, tries=1, seed=0)


def test_count_shared_equals_sets():
    rng = np.random.default_rng(0)
    one, two = random_graph(rng, 130, 800), random_graph(rng, 130, 900)
    bits, words = adjacency_bits(two, 130)
    assert count_shared(one[:, ::-1], bits, words) == len(as_set(one) & as_set(two))


def test_planted_overlap_stands_out_and_random_graphs_do_not():
    rng = np.random.default_rng(1)
    genes = np.array([f"g{i}" for i in range(150)], dtype=object)
    known = Graph(genes, random_graph(rng, 150, 600, 0.8))
    part = known.edges[rng.choice(600, 80, replace=False)]
    rest = random_graph(rng, 150, 220, 0.8)
    pairs = np.array(sorted(as_set(np.concatenate([part, rest]))), dtype=np.int32)
    planted = overlap_score(Graph(genes, pairs), known)
    assert planted["z"] > 6 and planted["pvalue"] == pytest.approx(1 / 101) and planted["fold"] > 1.5
    scores = [
        overlap_score(Graph(genes, random_graph(rng, 150, 300, 0.8)), known, seed=s)["z"] for s in range(200)
    ]
    assert (np.abs(scores) <= 2.5).mean() >= 0.97


def test_hubs_alone_do_not_count():
    # both graphs have the same hubs: many more shared edges than a uniform null expects, as degrees give
    rng = np.random.default_rng(2)
    n = 200
    genes = np.array([f"g{i}" for i in range(n)], dtype=object)
    weight = np.exp(1.2 * rng.standard_normal(n))
    first, second = np.triu_indices(n, 1)
    chance = np.minimum(weight[first] * weight[second] * 0.004, 0.3)
    one, two = (
        np.stack([first, second], 1)[rng.random(len(first)) < chance].astype(np.int32) for _ in range(2)
    )
    score = overlap_score(Graph(genes, one), Graph(genes, two))
    uniform = len(one) * len(two) / len(first)
    assert score["observed"] > 2 * uniform
    assert abs(score["z"]) < 3


def test_the_known_network_can_be_rewired_instead():
    rng = np.random.default_rng(3)
    genes, known = (
        np.arange(150).astype(str),
        Graph(np.arange(150).astype(str), random_graph(rng, 150, 400, 0.8)),
    )
    first = np.concatenate([known.edges[:60], random_graph(rng, 150, 200, 0.8)])
    planted = Graph(genes, np.unique(first, axis=0))
    first, other = (overlap_score(planted, known, rewired=which) for which in ("coexpression", "known"))
    assert first["observed"] == other["observed"] and other["z"] > 5
    # the null keeps the degrees of the known network, whose rewirings are compared with the fixed target
    bits, words = adjacency_bits(planted.edges, 150)
    seeds = [derive(0, "rewire", index) for index in range(100)]
    null = [count_shared(rewire(known.edges, 150, tries=4000, seed=s), bits, words) for s in seeds]
    assert other["null_mean"] == pytest.approx(np.mean(null)) and other["null_mean"] != first["null_mean"]
    unrelated = [
        overlap_score(Graph(genes, random_graph(rng, 150, 300, 0.8)), known, rewired="known", seed=s)["z"]
        for s in range(30)
    ]
    assert np.mean(np.abs(unrelated) < 2.5) >= 0.9
    with pytest.raises(ValueError, match="one of coexpression, known"):
        overlap_score(planted, known, rewired="both")


def test_result_does_not_depend_on_threads():
    rng = np.random.default_rng(0)
    genes = np.arange(80).astype(object)
    target, known = Graph(genes, random_graph(rng, 80, 200)), Graph(genes, random_graph(rng, 80, 200))
    assert overlap_score(target, known, threads=2) == overlap_score(target, known)


def test_empty_target_has_no_z():
    genes = np.array(["a", "b", "c"], dtype=object)
    score = overlap_score(
        Graph(genes, np.empty((0, 2), np.int32)), Graph(genes, np.array([[0, 1]], np.int32))
    )
    assert score["observed"] == 0 and np.isnan(score["z"]) and score["pvalue"] == 1


def test_table_restricts_to_shared_genes_and_matches_sizes():
    rng = np.random.default_rng(0)
    genes = [f"g{i}" for i in range(60)]
    big, small = random_graph(rng, 60, 400), random_graph(rng, 60, 150)
    targets = {
        name: Graph(np.array(genes, dtype=object), edges, rng.random(len(edges)))
        for name, edges in (("a", big), ("b", small))
    }
    pairs = [(genes[i], genes[j]) for i, j in random_graph(rng, 40, 300)]
    table = overlap_table(targets, [Network("net", [*pairs, ("x", "g1")], 301, 0, 0)], genes, rewirings=20)
    assert table[["target", "matched"]].to_numpy().tolist() == [
        ["a", False],
        ["b", False],
        ["a", True],
        ["b", True],
    ]
    used = {g for pair in pairs for g in pair}
    within = [sum(genes[i] in used and genes[j] in used for i, j in edges) for edges in (big, small)]
    assert table["edges"].tolist() == [*within, min(within), min(within)]
    assert (table["genes"] == len(used)).all() and (table["network_edges"] == 300).all()
    shared = len(as_set(big) & {tuple(sorted((int(a[1:]), int(b[1:])))) for a, b in pairs})
    assert table["observed"][0] == shared


def test_supported_edges():
    genes = ["a", "b", "c", "d"]
    pan = graph_of([("a", "b"), ("b", "c"), ("c", "d")], genes, [0.1, 0.9, 0.5])
    base = graph_of([("b", "c")], genes, [1])
    nets = [
        Network("one", [("a", "b"), ("b", "c")], 2, 0, 0),
        Network("two", [("a", "b"), ("b", "c"), ("b", "x")], 3, 0, 0),
    ]
    table = supported_edges({"pan": pan, "single": base}, nets, genes, main="pan")
    assert table["gene_a"].tolist() == ["a", "b"]
    assert table["networks"].tolist() == ["one;two", "one;two"]
    assert table["only_here"].tolist() == [True, False] and table["n_baselines"].tolist() == [0, 1]
    alone = supported_edges({"pan": pan}, nets, genes, main="pan")
    assert alone["only_here"].all() and supported_edges({"pan": pan}, [], genes, main="pan").empty


def test_clusters_at_a_resolution_count_duplicates():
    clusters = pd.DataFrame(
        {"resolution": [np.nan, 0.1, 1, 10, 10], "duplicates": [None, "r1-l2;r10-l3", "", "r0.1-l0", np.nan]}
    )
    assert clusters_at_resolution(clusters, 10).tolist() == [False, True, False, True, True]
    assert clusters_at_resolution(clusters, 1).tolist() == [False, True, True, False, False]
    assert clusters_at_resolution(clusters, 0.1).tolist() == [False, True, False, True, False]
    assert clusters_at_resolution(clusters[["resolution"]], 10).sum() == 2


def test_pooled_correlation_equals_numpy():
    rng = np.random.default_rng(0)
    dense = rng.poisson(0.8, (90, 12)).astype(float)
    dense[:, 3], dense[:, 5] = 0, 2
    blocks = [sparse.csr_matrix(dense[s : s + 25]) for s in range(0, 90, 25)]
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.nan_to_num(np.corrcoef(dense.T))
    expected[5], expected[:, 5] = 0, 0
    result = pooled_correlation([sparse.csr_matrix((0, 12)), *blocks], 12)
    np.testing.assert_allclose(result, expected, atol=1e-12)
    pairs, value = strong_pairs(result, 0.1)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    np.testing.assert_allclose(value, np.abs(expected[pairs[:, 0], pairs[:, 1]]))
    assert len(pairs) == (np.abs(expected[np.triu_indices(12, 1)]) >= 0.1).sum()
    assert not pooled_correlation([], 3).any()


def test_null_equals_that_of_igraph_and_networkx():
    import random

    import igraph
    import networkx

    rng = np.random.default_rng(5)
    n, weight = 90, np.random.default_rng(6).gamma(0.7, 1, 90)
    first, second = np.triu_indices(n, 1)
    chance = rng.random(len(first)) < np.minimum(weight[first] * weight[second] * 0.12, 0.9)
    edges = np.stack([first[chance], second[chance]], axis=1).astype(np.int32)
    known = np.stack([first, second], axis=1)[rng.random(len(first)) < 0.15 * np.minimum(weight[first], 2)]
    bits, words = adjacency_bits(known.astype(np.int32), n)
    tries = 10 * len(edges)

    def igraph_null(seed):
        random.seed(seed)
        graph = igraph.Graph(n=n, edges=edges)
        graph.rewire(n=tries)
        return np.array(graph.get_edgelist(), dtype=np.int32)

    def networkx_null(seed):
        graph = networkx.Graph(list(map(tuple, edges)))
        networkx.double_edge_swap(graph, nswap=3 * len(edges), max_tries=200 * len(edges), seed=seed)
        return np.array(graph.edges, dtype=np.int32)

    samples = {
        "own": [rewire(edges, n, tries=tries, seed=seed) for seed in range(300)],
        "igraph": [igraph_null(seed) for seed in range(150)],
        "networkx": [networkx_null(seed) for seed in range(30)],
    }
    shared = {
        name: np.array([count_shared(graph, bits, words) for graph in graphs])
        for name, graphs in samples.items()
    }
    ours = shared["own"]
    assert ours.std() > 3
    for name in ("igraph", "networkx"):
        other = shared[name]
        error = np.sqrt(ours.var() / len(ours) + other.var() / len(other))
        assert abs(ours.mean() - other.mean()) < 4 * error, name
        assert 0.6 < ours.std() / other.std() < 1.7, name
