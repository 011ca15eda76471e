import networkx as nx
import numpy as np
import pandas as pd
import pytest
from planted_networks import planted
from scipy import sparse

from panscape.coscape.dictionary.choose import fit_starts
from panscape.coscape.dictionary.entries import arrange_entries, entry_edges, entry_names, usage_by
from panscape.coscape.dictionary.networks import (
    all_centralities,
    centralities,
    gene_network,
    marker_edges,
    marker_genes,
    top_network,
)
from panscape.coscape.dictionary.nmf_programs import compare_usage, expression_factors, factor_genes


@pytest.fixture(scope="module")
def fitted():
    data, entries, _, first, second = planted(0, n=120, genes=60, modules=4)
    genes = np.array([f"G{i}_x" for i in range(60)], dtype=object)  # names with the character others split at
    choice = fit_starts(data, 5, alpha=0.1, starts=2)
    return data, entries, genes[first], genes[second], choice


def arranged(fitted, **kwargs):
    data, _, a, b, choice = fitted
    when = np.linspace(0, 1, data.shape[0])
    when[::7] = np.nan
    return arrange_entries(choice, a == b, when, **kwargs), when


def test_entries_are_ordered_by_pseudotime(fitted):
    result, when = arranged(fitted)
    known = np.isfinite(when)
    means = [np.average(when[known], weights=column[known]) for column in result.usage.T]
    assert means == sorted(means)
    np.testing.assert_allclose(result.table["pseudotime"][: len(means)], means)
    assert result.table["entry"].tolist()[: len(means)] == entry_names(len(means))


def test_rare_entries_are_set_aside(fitted):
    choice = fitted[-1]
    share = choice.fit.codes / np.maximum(choice.fit.codes.sum(axis=1, keepdims=True), 1e-300)
    counts = (share > 0.05).sum(axis=0)
    least = int(np.sort(counts)[1])
    result, _ = arranged(fitted, min_panclusters=least)
    assert result.entries.shape[0] == (counts >= least).sum() == result.table["kept"].sum()
    assert len(result.table) == len(counts)
    assert sorted(result.table["n_panclusters"]) == sorted(counts)
    assert arranged(fitted, min_panclusters=10**6)[0].entries.shape[0] == 0


def test_no_pseudotime_orders_by_usage(fitted):
    result = arrange_entries(fitted[-1], fitted[2] == fitted[3], None)
    assert result.table["pseudotime"].isna().all()
    assert (np.diff(result.table.loc[result.table["kept"], "share"]) <= 0).all()


def test_edges_leave_out_the_diagonal_and_carry_their_share():
    entries = sparse.csr_matrix(np.array([[0.9, 0.4, 0.1, 0.1, 0.0], [0.0, 0.0, 0.5, 0.0, 0.0]]))
    diagonal = np.array([True, False, False, False, False])
    whole = entry_edges(entries, diagonal)
    assert whole.toarray().tolist() == [[0, 0.4, 0.1, 0.1, 0], [0, 0, 0.5, 0, 0]]
    heavy = entry_edges(entries, diagonal, 0.9)
    square = np.array([0.16, 0.01, 0.01])
    assert heavy[[0]].nnz == np.searchsorted(np.cumsum(square) / square.sum(), 0.9) + 1
    assert entries[0, 0] == 0.9


@pytest.mark.parametrize("seed", range(4))
def test_centralities_equal_networkx(seed):
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(30, 1)
    genes = np.array([f"g{i:02d}" for i in range(30)], dtype=object)
    weight = np.where(rng.random(len(first)) < (0.04, 0.1, 0.3, 0.6)[seed], rng.random(len(first)), 0)
    edges = sparse.csr_matrix(weight[None])
    graph = gene_network(edges, 0, genes[first], genes[second])
    table = centralities(graph).set_index("gene")
    other = nx.Graph()
    other.add_weighted_edges_from(
        (genes[a], genes[b], w) for a, b, w in zip(first, second, weight, strict=True) if w > 0
    )
    assert set(table.index) == set(other)
    between, harmonic = nx.betweenness_centrality(other), nx.harmonic_centrality(other)
    for gene in other:
        assert table.loc[gene, "betweenness"] == pytest.approx(between[gene], abs=1e-9)
        assert table.loc[gene, "harmonic"] == pytest.approx(harmonic[gene] / (len(other) - 1), abs=1e-9)
        assert table.loc[gene, "degree"] == other.degree(gene)
        assert table.loc[gene, "strength"] == pytest.approx(other.degree(gene, weight="weight"))
    assert (np.diff(table["betweenness"]) <= 0).all()


def test_one_edge_and_no_edge():
    edges = sparse.csr_matrix(np.array([[0.5, 0], [0, 0]]))
    a, b = np.array(["x", "x"], dtype=object), np.array(["y", "z"], dtype=object)
    table = all_centralities(edges, ["one", "none"], a, b)
    assert table["entry"].tolist() == ["one", "one"] and (table["betweenness"] == 0).all()
    assert all_centralities(edges[[1]], ["none"], a, b).empty


def test_marker_edges_are_in_one_entry_only():
    edges = sparse.csr_matrix(np.array([[0.1, 0.5, 0, 0.2], [0, 0.6, 0.3, 0]]))
    a = np.array(["a", "a", "b", "c"], dtype=object)
    b = np.array(["b", "c", "c", "d"], dtype=object)
    table = marker_edges(edges, ["one", "two"], a, b)
    assert table.to_numpy().tolist() == [
        ["one", "c", "d", 0.2],
        ["one", "a", "b", 0.1],
        ["two", "b", "c", 0.3],
    ]
    genes = marker_genes(table)
    assert genes["gene"].tolist() == ["a", "b", "c", "d", "b", "c"]
    twice = pd.concat([table, table.iloc[[0]].assign(gene_b="e")])
    assert marker_genes(twice).iloc[0].tolist() == ["one", "c", 2]


def test_top_network_links_neighbours_of_neighbours():
    # a path a-b-c-d-e: c is most central
    first, second = np.array(list("abcd"), dtype=object), np.array(list("bcde"), dtype=object)
    graph = gene_network(sparse.csr_matrix(np.ones((1, 4))), 0, first, second)
    table = centralities(graph)
    assert table["gene"][0] == "c"
    links = top_network(graph, table, genes=3)  # c, b, d
    result = {frozenset((r.gene_a, r.gene_b)): r.hops for r in links.itertuples()}
    assert result == {frozenset("bc"): 1, frozenset("cd"): 1, frozenset("bd"): 2}
    assert set(links.loc[links["hops"] == 2, "weight"]) == {0.0}


def test_usage_by_labels_and_numbers():
    usage = np.array([[1.0, 0], [3, 0], [0, 2], [0, 2]])
    obs = pd.DataFrame(
        {"study": ["a", "a", "b", "a"], "age": [1.0, 3, np.nan, 5], "type": ["x", None, "y", "x"]}
    )
    table = usage_by(usage, ["e1", "e2"], obs, ["study", "age", "type"]).set_index(
        ["entry", "column", "value"]
    )
    assert table.loc[("e1", "study", "a"), "usage"] == 1
    assert table.loc[("e2", "study", "b"), ["usage", "expected"]].tolist() == [0.5, 0.25]
    assert table.loc[("e1", "age", "mean"), "usage"] == pytest.approx(2.5)
    assert table.loc[("e2", "age", "mean"), "usage"] == 5
    assert table.loc[("e1", "type", "x"), "usage"] == 0.25
    assert table.loc[("e1", "age", "mean"), "n_panclusters"] == 3


def test_expression_factors_find_planted_programmes():
    rng = np.random.default_rng(0)
    usage = rng.random((50, 3)) * (rng.random((50, 3)) < 0.5)
    weights = np.zeros((3, 30))
    for k in range(3):
        weights[k, 10 * k : 10 * k + 10] = rng.uniform(1, 100, 10)
    result = expression_factors(usage @ weights + 1e-3, 3)
    table = compare_usage(usage, ["a", "b", "c"], result.usage, ["f0", "f1", "f2"])
    assert set(table["factor"]) == {"f0", "f1", "f2"} and table["rho"].min() > 0.8
    top = factor_genes(result.weights, ["f0", "f1", "f2"], [f"g{i}" for i in range(30)], top=10)
    for _, genes in top.groupby("factor"):
        assert len({int(name[1:]) // 10 for name in genes["gene"]}) == 1
    with pytest.raises(ValueError, match="negative"):
        expression_factors(-usage, 2)
