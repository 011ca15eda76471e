"""Overlap by number of edges."""

import numpy as np
import pandas as pd
import pytest

from panscape.coscape.overlap.baselines import strong_pairs
from panscape.coscape.overlap.curves import CURVES, edge_counts, overlap_curves
from panscape.coscape.overlap.scores import overlap_score
from panscape.coscape.overlap.targets import graph_table, table_graphs
from panscape.data.edge_lists import Graph, Network, graph_of

GENES = [f"g{at:03d}" for at in range(120)]


def pairs_of(rng, count):
    first, second = np.triu_indices(len(GENES), 1)
    return [(GENES[first[at]], GENES[second[at]]) for at in rng.permutation(len(first))[:count]]


@pytest.fixture
def known():
    rng = np.random.default_rng(0)
    return Network("known", sorted(pairs_of(rng, 600)), 600, 0, 0)


def graph(pairs):
    """Return a graph whose edges weigh less and less."""
    return graph_of(pairs, GENES, np.linspace(1, 0.1, len(pairs)))


@pytest.fixture
def targets(known):
    rng = np.random.default_rng(1)
    other = pairs_of(rng, 400)
    good = [*known.pairs[:150], *other[:250]]
    return {"panclusters": graph(good), "all-cells": graph([*known.pairs[:20], *other[:200]])}


def test_counts_are_powers_of_two_and_the_sizes():
    assert edge_counts([500, 180]) == [50, 100, 180, 200, 400, 500]
    assert edge_counts([20, 0]) == [20] and edge_counts([]) == [] and edge_counts([50]) == [50]


@pytest.mark.parametrize("rewired", ["coexpression", "known"])
def test_the_heaviest_edges_are_scored_at_every_number(targets, known, rewired):
    curves = overlap_curves(targets, [known], GENES, rewirings=40, rewired=rewired, seed=3)
    assert curves.columns.tolist() == CURVES
    mine = curves[curves["target"] == "panclusters"].set_index("edges")
    assert mine.index.tolist() == edge_counts([graph.n_edges for graph in targets.values()])
    order = np.argsort(-targets["panclusters"].weight, kind="stable")
    heaviest = [tuple(targets["panclusters"].genes[targets["panclusters"].edges[at]]) for at in order]
    for count, row in mine.iterrows():
        assert row["observed"] == sum(pair in set(known.pairs) for pair in heaviest[:count])
    part = targets["panclusters"].heaviest(200)
    alone = overlap_score(part, graph_of(known.pairs, GENES), rewirings=200, rewired=rewired, seed=9)
    assert mine.loc[200, "null_mean"] == pytest.approx(alone["null_mean"], rel=0.15)
    assert mine.loc[200, "z"] == pytest.approx(alone["z"], rel=0.4)


def test_threads_change_nothing(targets, known):
    for rewired in ("coexpression", "known"):
        one, two = (
            overlap_curves(targets, [known], GENES, rewirings=10, rewired=rewired, threads=threads)
            for threads in (1, 3)
        )
        pd.testing.assert_frame_equal(one, two)


def test_the_strongest_pairs_continue_a_baseline_below_its_threshold():
    correlation = np.array([[1, 0.9, 0.5, 0], [0.9, 1, -0.6, 0], [0.5, -0.6, 1, 0], [0, 0, 0, 1]])
    assert len(strong_pairs(correlation, 0.7)[0]) == 1
    edges, weight = strong_pairs(correlation, 0.7, 2)
    assert edges.tolist() == [[0, 1], [1, 2]] and weight.tolist() == [0.9, 0.6]
    assert len(strong_pairs(correlation, 0.7, 100)[0]) == 3  # no pair without a correlation
    names = np.array(GENES[:4], dtype=object)
    graphs = {"all-cells": Graph(names, edges, weight), "none": graph_of([], GENES, [])}
    table = graph_table(graphs, {"all-cells": 0.7})
    assert table["curve_only"].tolist() == [False, True, False]
    assert table_graphs(table, GENES)["all-cells"].n_edges == 1
    assert table_graphs(table, GENES, curve_only=True)["all-cells"].n_edges == 2
    assert table_graphs(table, GENES)["none"].n_edges == 0
