"""Paired comparison of two graphs with a known network, and verdicts on the paper's claim."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from panscape.coscape.overlap.paired import KnownEdges, _variance, paired_difference
from panscape.coscape.overlap.targets import mean_graph
from panscape.coscape.overlap.verdicts import COMPARED, VERDICTS, compare_targets, verdicts
from panscape.data.edge_lists import Graph, Network, graph_of

N = 240
GENES = [f"g{at:03d}" for at in range(N)]
NAMES = np.array(GENES, dtype=object)


def strongest(weight, count):
    """Return the graph of the largest weights, (N, N), above the diagonal."""
    first, second = np.triu_indices(N, 1)
    value = weight[first, second].astype(float)
    order = np.sort(np.argsort(-value)[:count])
    return Graph(NAMES, np.stack([first[order], second[order]], axis=1).astype(np.int32), value[order])


def modular(rng, better=0.0, single=False):
    """Return a known network of modules, and two graphs that find modules at random.

    They are equally good but for `better`. `single`: every edge is found by itself, not by module.
    """
    module = np.repeat(np.arange(30), 8)
    same = module[:, None] == module
    known = (same & (rng.random((N, N)) < 0.5)) | (rng.random((N, N)) < 0.003)
    weights = []
    for extra in (better, 0.0):
        found = rng.normal(size=(N, N)) if single else rng.normal(size=30)[module][:, None]
        weights.append(rng.normal(size=(N, N)) + same * (1.5 + found + extra))
    return strongest(np.triu(known, 1), int(np.triu(known, 1).sum())), *(strongest(w, 400) for w in weights)


def test_known_edges_and_their_frequency_in_rewired_networks():
    known, one, two = modular(np.random.default_rng(0))
    edges = KnownEdges.of(known, [one, two], rewirings=300, seed=4)
    pairs = {tuple(pair) for pair in known.edges.tolist()}
    assert {divmod(int(code), N) for code in edges.codes} == {
        tuple(pair) for part in (one, two) for pair in part.edges.tolist()
    }
    assert edges.known.tolist() == [divmod(int(code), N) in pairs for code in edges.codes]
    degree = np.bincount(known.edges.ravel(), minlength=N)
    first, second = np.divmod(edges.codes, N)
    expected = degree[first] * degree[second] / degree.sum()  # configuration model
    assert edges.chance.sum() == pytest.approx(expected.sum(), rel=0.1)
    again = KnownEdges.of(known, [one, two], rewirings=300, seed=4, threads=3)
    assert np.array_equal(edges.chance, again.chance)


def test_the_difference_is_that_of_known_edges_beyond_expectation():
    known, one, two = modular(np.random.default_rng(1), better=1.0)
    edges = KnownEdges.of(known, [one, two], rewirings=100)
    result = paired_difference(one, two, edges)
    sets = [{tuple(pair) for pair in part.edges.tolist()} for part in (known, one, two)]
    assert (result["shared"], result["shared_other"]) == (len(sets[0] & sets[1]), len(sets[0] & sets[2]))
    chance = dict(zip(edges.codes.tolist(), edges.chance, strict=True))
    by_hand = sum((pair in sets[0]) - chance[pair[0] * N + pair[1]] for pair in sets[1] - sets[2])
    by_hand -= sum((pair in sets[0]) - chance[pair[0] * N + pair[1]] for pair in sets[2] - sets[1])
    assert result["difference"] == pytest.approx(by_hand)
    assert result["pvalue"] == pytest.approx(2 * stats.norm.sf(abs(by_hand) / result["se"]))
    other = paired_difference(two, one, edges)
    assert other["difference"] == pytest.approx(-result["difference"])
    assert other["se"] == pytest.approx(result["se"])
    assert paired_difference(one, one, edges)["pvalue"] == 1
    with pytest.raises(ValueError, match="400 and 10 edges"):
        paired_difference(one, two.heaviest(10), edges)


def test_variance_counts_all_pairs_whose_groups_meet():
    rng = np.random.default_rng(2)
    values, ends = rng.normal(size=60), rng.integers(9, size=(60, 2))
    values += 2  # so that the sum of products is not negative
    meet = [[bool({*one} & {*two}) for two in ends.tolist()] for one in ends.tolist()]
    assert _variance(values, *ends.T) == pytest.approx(values @ np.array(meet, dtype=float) @ values)
    assert _variance(np.empty(0), np.empty(0, dtype=int), np.empty(0, dtype=int)) == 0


@pytest.mark.parametrize("single", [False, True])
def test_equally_good_graphs_rarely_differ(single):
    drawn = 120
    pvalues = []
    for at in range(drawn):
        known, one, two = modular(np.random.default_rng([5, at]), single=single)
        edges = KnownEdges.of(known, [one, two], rewirings=20, seed=at)
        pvalues.append(paired_difference(one, two, edges, seed=at)["pvalue"])
    assert np.mean(np.array(pvalues) < 0.05) <= stats.binom.ppf(0.999, drawn, 0.05) / drawn


def test_a_better_graph_is_found_and_verdicts_say_so():
    known, one, two = modular(np.random.default_rng(7), better=3.0)
    network = Network("known", [tuple(NAMES[pair]) for pair in known.edges], 0, 0, 0)
    targets = {"panclusters": one, "mean-correlation": two, "all-cells": two}
    compared = compare_targets(targets, [network], GENES, rewirings=30, seed=1)
    assert compared.columns.tolist() == COMPARED
    found = verdicts(compared).set_index("target")
    assert found["verdict"].to_dict() == {"panclusters": "holds", "mean-correlation": "open"}
    assert found.loc["panclusters", "edges"] == min(
        graph.within(np.isin(NAMES, [gene for pair in network.pairs for gene in pair])).n_edges
        for graph in (one, two)
    )
    swapped = {"panclusters": two, "all-cells": one}
    assert verdicts(compare_targets(swapped, [network], GENES, rewirings=30))["verdict"].tolist() == ["fails"]
    two_threads = compare_targets(targets, [network], GENES, rewirings=30, seed=1, threads=2)
    pd.testing.assert_frame_equal(compared, two_threads)


def test_verdicts_of_several_baselines():
    def of(*rows):
        table = [
            ("net", "panclusters", name, 50, 9, 5, difference, 2.0, pvalue)
            for name, difference, pvalue in rows
        ]
        return verdicts(pd.DataFrame(table, columns=COMPARED)).iloc[0]

    assert of(("a", 8.0, 0.001), ("b", 5.0, 0.01))["verdict"] == "holds"
    part = of(("a", 8.0, 0.001), ("b", 3.0, 0.2))
    assert (part["verdict"], part["best_baseline"]) == ("open", "b")
    assert part["baselines"] == "a +8.0 ± 2.0 at 50;b +3.0 ± 2.0 at 50"
    assert of(("a", -5.0, 0.04), ("b", 5.0, 0.01))["verdict"] == "open"  # .04 of two baselines
    assert of(("a", -5.0, 0.01), ("b", 5.0, 0.01))["verdict"] == "fails"
    empty = verdicts(pd.DataFrame(columns=COMPARED))
    assert empty.columns.tolist() == VERDICTS and empty.empty


def test_graphs_without_edges_are_not_compared():
    network = Network("known", [("g000", "g001"), ("g001", "g002")], 2, 0, 0)
    targets = {
        "panclusters": graph_of([], GENES, []),
        "all-cells": graph_of([("g000", "g002")], GENES, [1.0]),
    }
    assert compare_targets(targets, [network], GENES, rewirings=3).empty


def test_mean_graph_ranks_pairs_by_their_mean_where_both_genes_are_measured():
    pairs = np.array([[0, 0], [0, 1], [0, 2], [1, 2], [2, 3]])
    matrix = sparse.csr_matrix(
        np.array([[1, 0.5, 0.9, 0.0, -0.5], [1, 0.7, 0.0, 0.0, -0.5], [1, 0.0, 0.0, 0.8, 0.2]])
    )
    made = SimpleNamespace(matrix=matrix, pairs=pairs, genes=GENES[:4], measured=None)
    graph = mean_graph(made, 10)
    assert graph.edges.tolist() == [[0, 1], [0, 2], [1, 2]]  # no diagonal, no negative mean
    assert graph.weight == pytest.approx([0.4, 0.3, 0.8 / 3])
    assert mean_graph(made, 1).edges.tolist() == [[0, 1]]
    made.measured = np.array([[True] * 4, [True, True, False, True], [True, False, True, True]])
    assert mean_graph(made, 10).weight == pytest.approx([0.6, 0.45, 0.8])
