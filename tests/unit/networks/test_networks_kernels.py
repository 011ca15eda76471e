"""Similarities of networks against GraKeL and against definitions written out."""

import itertools

import numpy as np
import pytest
from scipy import sparse

from panscape.graph.weisfeiler_lehman import wl_histograms, wl_kernel
from panscape.sivae.networks.similarity import average_bins, edge_jaccard, linear_cka, neighbour_jaccard


def random_graph(rng, n, edges):
    pairs = np.array(list(itertools.combinations(range(n), 2)))
    chosen = pairs[rng.choice(len(pairs), edges, replace=False)]
    graph = sparse.coo_matrix((np.ones(edges), chosen.T), shape=(n, n))
    return sparse.csr_matrix(graph + graph.T)


@pytest.fixture
def graphs():
    rng = np.random.default_rng(0)
    return [random_graph(rng, 40, edges) for edges in (30, 60, 60, 90, 120)]


def grakel_kernel(graphs, labels, h):
    grakel = pytest.importorskip("grakel")
    made = []
    for graph in graphs:
        adjacency = {
            i: graph.indices[graph.indptr[i] : graph.indptr[i + 1]].tolist() for i in range(graph.shape[0])
        }
        names = {i: len(adjacency[i]) if labels == "degree" else i for i in adjacency}
        made.append(grakel.Graph(adjacency, node_labels=names))
    return grakel.WeisfeilerLehman(n_iter=h, normalize=True).fit_transform(made)


@pytest.mark.parametrize("labels", ["degree", "name"])
@pytest.mark.parametrize("h", [1, 2, 5])
def test_wl_is_grakels(graphs, labels, h):
    assert np.abs(wl_kernel(graphs, labels=labels, h=h) - grakel_kernel(graphs, labels, h)).max() < 1e-12


def test_wl_of_isolated_nodes_and_empty_graphs(graphs):
    empty = sparse.csr_matrix((40, 40))
    some = [empty, graphs[0], empty]
    assert np.abs(wl_kernel(some, h=3) - grakel_kernel(some, "degree", 3)).max() < 1e-12


def test_histogram_of_a_graph_does_not_depend_on_the_others(graphs):
    alone = np.concatenate([np.sort(wl_histograms([graph], h=2).data) for graph in graphs[:2]])
    joint = wl_histograms(graphs, h=2)
    assert (alone == np.concatenate([np.sort(joint[at].data) for at in range(2)])).all()


def test_degree_labels_ignore_names_and_name_labels_do_not(graphs):
    order = np.random.default_rng(1).permutation(40)
    moved = graphs[3][order][:, order]
    assert wl_kernel([graphs[3], moved])[0, 1] == pytest.approx(1.0, abs=1e-12)
    # h = 0 counts all genes, h = 1 those whose whole neighbourhood is the same
    same = sum(set(graphs[3][g].indices) == set(moved[g].indices) for g in range(40))
    assert wl_kernel([graphs[3], moved], labels="name", h=1)[0, 1] == pytest.approx((40 + same) / 80)


def test_diagonal_and_direction_of_storage_do_not_matter(graphs):
    loops = sparse.csr_matrix(graphs[1] + sparse.eye(40) * 3)
    for similarity in (wl_kernel, edge_jaccard, neighbour_jaccard):
        assert similarity([graphs[1], loops])[0, 1] == pytest.approx(1.0)


def test_edge_jaccard_by_sets(graphs):
    edges = [set(zip(*sparse.triu(g).nonzero(), strict=True)) for g in graphs]
    expected = [[len(a & b) / len(a | b) for b in edges] for a in edges]
    np.testing.assert_allclose(edge_jaccard(graphs), expected, rtol=0, atol=1e-15)


def test_neighbour_jaccard_by_sets(graphs):
    around = [[set(g[i].indices) for i in range(40)] for g in graphs]
    expected = np.ones((5, 5))
    for i, j in itertools.product(range(5), repeat=2):
        expected_ = [len(a & b) / len(a | b) for a, b in zip(around[i], around[j], strict=True) if a | b]
        expected[i, j] = np.mean(expected_)
    np.testing.assert_allclose(neighbour_jaccard(graphs), expected, rtol=0, atol=1e-7)


def test_graphs_without_edges_are_alike():
    empty = [sparse.csr_matrix((4, 4))] * 2
    assert edge_jaccard(empty)[0, 1] == neighbour_jaccard(empty)[0, 1] == 1.0


def brute_cka(x, y):
    centre = np.eye(len(x)) - 1 / len(x)
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    return (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())


def test_cka_by_gram_matrices():
    rng = np.random.default_rng(2)
    embeddings = [rng.normal(1, 1, (30, k)) for k in (3, 5, 2)]
    embeddings.append(embeddings[0] + rng.normal(0, 0.3, (30, 3)))
    expected = [[brute_cka(x, y) for y in embeddings] for x in embeddings]
    np.testing.assert_allclose(linear_cka(embeddings), expected, rtol=0, atol=1e-12)


def test_cka_does_not_see_rotation_sign_order_or_scale():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(50, 4))
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    assert linear_cka([x, 7 * x @ turn])[0, 1] == pytest.approx(1.0)
    assert linear_cka([x, np.zeros((50, 4))])[0, 1] == 0.0


def test_averages_are_of_all_pairs_of_bins():
    rng = np.random.default_rng(4)
    line = np.array([0, 0, 1, 2, 2, 2])
    kernel = rng.random((6, 6))
    result = average_bins(kernel, line, 3)
    expected = [[kernel[np.ix_(line == a, line == b)].mean() for b in range(3)] for a in range(3)]
    np.testing.assert_allclose(result, expected)


def test_unknown_labels():
    with pytest.raises(ValueError, match="labels"):
        wl_kernel([sparse.eye(2)], labels="colour")
