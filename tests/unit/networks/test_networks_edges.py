"""Edges of groups and sets, known interactions and gene sets, by definitions written out."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from panscape.data.edge_lists import Network
from panscape.errors import UserError
from panscape.sivae.networks.edge_groups import group_edges
from panscape.sivae.networks.edge_table import edge_table
from panscape.sivae.networks.edges import associate_edges, associate_sets
from panscape.sivae.networks.known import enrichment_of_edges
from panscape.sivae.networks.phenotype import read_phenotype
from panscape.stats.gsea import Rankings, enrichment_score, mito_set, prerank

GENES = [f"g{at}" for at in range(8)]


def graph(*edges):
    matrix = np.zeros((8, 8), bool)
    for a, b in edges:
        matrix[a, b] = matrix[b, a] = True
    return sparse.csr_matrix(matrix)


def phenotype_of(values):
    return read_phenotype(pd.Series(values, name="y"))[0]


@pytest.fixture
def lines():
    """Ten lines of two bins: 0-1 in the upper half, 2-3 always, 4-5 in one bin, 0-6 in the lower half."""
    graphs = []
    for at in range(10):
        both = [(2, 3), (0, 1) if at >= 5 else (0, 6)]
        graphs.append([graph(*both, (4, 5)), graph(*both)])
    return edge_table(graphs, GENES)


def test_edge_table_counts_bins(lines):
    names = list(zip(lines.first, lines.second, strict=True))
    assert names == [(0, 1), (0, 6), (2, 3), (4, 5)]
    assert lines.fractions.toarray()[0].tolist() == [0, 1, 1, 0.5]
    assert lines.present.toarray()[9].tolist() == [1, 0, 1, 1]


def test_a_set_of_all_genes_has_no_others(lines):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no mean of an empty slice
        means = np.ones((8, 10)) + np.arange(10.0)
        result = associate_sets(lines, {"all": GENES}, phenotype_of(np.arange(10.0)), means=means)
    assert list(zip(result["set_a"], result["set_b"], strict=True)) == [("all", "all")]


def test_edges_in_sets_that_follow_the_phenotype(lines):
    sets = {"one": ["g0", "g1", "g2", "g3"], "two": ["g6", "g7"]}
    result = associate_edges(lines, sets, phenotype_of(np.arange(10.0)))
    shown = result[["gene_a", "gene_b", "set_a", "set_b", "lines_with"]].to_numpy().tolist()
    assert sorted(shown) == [
        ["g0", "g1", "one", "one", 5],
        ["g0", "g6", "one", "two", 5],
    ]  # 2-3 is everywhere
    expected = stats.spearmanr(np.arange(10) >= 5, np.arange(10))
    row = result[result["gene_b"] == "g1"].iloc[0]
    assert row["rho"] == pytest.approx(expected.statistic) and row["pvalue"] == pytest.approx(expected.pvalue)
    none = associate_edges(lines, sets, phenotype_of(np.arange(10.0)), presence=0.6)
    assert none.empty and list(none) == list(result)


def test_numbers_of_edges_in_and_out_of_sets(lines):
    sets = {"one": ["g0", "g1", "g2", "g3"], "two": ["g6", "g7"]}
    result = associate_sets(lines, sets, phenotype_of(np.arange(10.0)), permutations=99).set_index(
        ["set_a", "set_b"]
    )
    assert result["possible"].to_dict() == {
        ("one", "one"): 6, ("two", "two"): 1, ("one", "two"): 8, ("one", "others"): 16, ("two", "others"): 12,
    }  # fmt: skip
    assert result.loc[("one", "one"), "edges"] == 1.5 and result.loc[("one", "others"), "edges"] == 0.5
    assert result.loc[("one", "one"), "rho"] > 0.8 > -0.8 > result.loc[("one", "two"), "rho"]
    assert np.isnan(result.loc[("two", "two"), "rho"]) and np.isnan(
        result.loc[("two", "two"), "pvalue_permuted"]
    )
    assert result.loc[("one", "one"), "pvalue_permuted"] <= 0.03


def test_edges_of_groups(lines):
    phenotype = phenotype_of(["control"] * 5 + ["case"] * 5)
    result, null = group_edges(lines, phenotype, min_fraction=0.4, permutations=50)
    subset = result[result["only_here"]].set_index("group")[["gene_a", "gene_b", "share", "share_others"]]
    assert subset.loc["case"].tolist() == ["g0", "g1", 1.0, 0.0] and subset.loc["control"].tolist()[1] == "g6"
    assert len(result) == 6 and null["value"] == 2 and null["null_mean"] < 1


def test_missing_phenotypes_leave_lines_out(lines):
    values = pd.Series(["control"] * 5 + [None] * 2 + ["case"] * 3, name="y")
    result, _ = group_edges(lines, phenotype_of(values), min_fraction=0.4, permutations=5)
    assert result.loc[result["group"] == "case", "share"].tolist() == [1, 1, 1]


def test_odds_ratio_is_fishers():
    rng = np.random.default_rng(0)
    matrix = np.triu(rng.random((8, 8)) < 0.4, 1)
    known = np.triu(rng.random((8, 8)) < 0.3, 1) | (matrix & (rng.random((8, 8)) < 0.5))
    pairs = [(GENES[b], GENES[a]) for a, b in zip(*known.nonzero(), strict=True)] + [("g0", "elsewhere")]
    result = enrichment_of_edges(sparse.csr_matrix(matrix | matrix.T), GENES, Network("n", pairs, 0, 0, 0))
    upper = np.triu_indices(8, 1)
    a, b = matrix[upper], known[upper]
    table = np.array([[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]])
    assert result["shared"] == table[0, 0] and result["edges"] == a.sum() and result["known"] == b.sum()
    half = table + 0.5
    assert result["odds_ratio"] == pytest.approx(half[0, 0] * half[1, 1] / half[0, 1] / half[1, 0])
    expected = stats.contingency.odds_ratio(table + 0, kind="sample").confidence_interval()
    assert result["low"] < result["odds_ratio"] < result["high"]
    assert result["low"] == pytest.approx(expected.low, rel=0.25)
    assert result["pvalue"] == pytest.approx(stats.fisher_exact(table, "greater").pvalue)


def test_network_that_knows_no_gene():
    with pytest.raises(UserError, match="none of the 8 genes"):
        enrichment_of_edges(graph((0, 1)), GENES, Network("n", [("a", "b")], 1, 0, 0))


@pytest.fixture
def ranking():
    rng = np.random.default_rng(1)
    genes = [f"gene{at}" for at in range(200)]
    values = pd.Series(rng.normal(size=200), genes)
    values.iloc[:15] -= 2.0
    return values, {"down": genes[:15], "other": genes[40:70], "tiny": genes[:3]}


def test_gsea_finds_the_planted_set(ranking):
    values, sets = ranking
    result, reason = prerank(values, sets, library="made up", permutations=200)
    assert reason == "" and result["term"].tolist() == ["down", "other"]
    assert result["nes"].iloc[0] < -1.5 and result["fdr"].iloc[0] < 0.05 < result["fdr"].iloc[1]
    assert set(result["lead"].iloc[0].split(";")) <= set(sets["down"])


def test_enrichment_score_is_gseapys(ranking):
    values, sets = ranking
    result, _ = prerank(values, sets, library="made up", permutations=10)
    members = np.array([np.isin(values.index, sets[term]) for term in result["term"]])
    np.testing.assert_allclose(enrichment_score(values.to_numpy(), members), result["es"], atol=1e-9)
    both = enrichment_score(np.stack([values, -values]), members)
    np.testing.assert_allclose(both[1], -both[0], atol=1e-9)


def test_label_permutations_see_that_genes_of_a_module_move_together(ranking):
    values, sets = ranking
    rng = np.random.default_rng(2)  # under the null, too, the genes of the set move together
    null = rng.normal(size=(200, 200))
    null[:, :15] += rng.normal(0, 2, (200, 1))
    rankings = Rankings(values.to_numpy(), null, exact=False)
    result, _ = prerank(values, sets, library="made up", permutations=100, rankings=rankings)
    subset = result.set_index("term").loc["down"]
    assert subset["pvalue"] < 0.01 < 0.1 < subset["pvalue_labels"] and subset["pvalue_labels_min"] == 1 / 201


def test_gene_sets_without_overlap_are_skipped_with_the_reason(ranking):
    values, _ = ranking
    result, reason = prerank(values, {"x": ["a", "b"]}, library="other species")
    assert result.empty and reason == "no set has 5 to 500 of the 200 ranked genes (the most: 0)"
    result, reason = prerank(values * 0, {"x": list(values.index[:9])}, library="x")
    assert result.empty and reason == "all genes rank the same"


def test_mito_set():
    assert mito_set(["MT-CO1", "mt-Nd1", "MTOR", "ACTB"]) == {"MT": ["MT-CO1", "mt-Nd1"]}
    assert mito_set(["ACTB"]) == {}
