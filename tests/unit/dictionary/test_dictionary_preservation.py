"""Preservation of entries in other cells, with planted groups that are there and others that are not."""

import numpy as np
import pandas as pd
import pytest
from scored_study import MODULES, SIZE, scored_study

from panscape.coscape.cells import MemoryCounts
from panscape.coscape.dictionary.membership import place_genes, program_table
from panscape.coscape.dictionary.preservation import gene_correlations, preservation, study_preservation
from panscape.coscape.dictionary.scores import study_scores
from panscape.stats.fdr import benjamini_hochberg


@pytest.fixture(scope="module")
def reference():
    case = scored_study(3)
    parts = [study_scores(case.counts, case.clusters, case.members, case.saved).membership]
    placed, membership = place_genes(parts, case.saved.genes, case.saved.names)
    return membership, placed, program_table(parts, placed, case.saved.names)


def test_entries_that_return_are_told_from_those_that_do_not(reference):
    other = scored_study(8)
    counts = other.counts.matrix.tocsc(copy=True)
    rng, depth = np.random.default_rng(0), other.counts.obs["n_counts"].to_numpy() / 100
    for gene in range(SIZE, 2 * SIZE):  # the second module is not coupled in the other cells
        counts[:, gene] = rng.poisson(0.5 * depth)[:, None]
    source = MemoryCounts(counts.tocsr(), other.counts.obs, pd.DataFrame(index=other.counts.genes))
    table = study_preservation(
        source, other.members, *reference, permutations=100, rng=np.random.default_rng(1)
    )
    assert table["entry"].tolist() == [f"entry-{k + 1:02d}" for k in range(MODULES)]
    there = table["entry"] != "entry-02"
    assert (table.loc[there, "zsummary"] > 10).all() and (table.loc[there, "fdr"] < 0.05).all()
    assert (table.loc[there, "z_separability"] > 5).all()
    assert abs(table.loc[~there, "z_density"].iloc[0]) < 3 and table.loc[~there, "pvalue"].iloc[0] > 0.01


def test_pvalues_of_random_groups_are_uniform():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((300, 120)) + rng.standard_normal((300, 1)) * np.linspace(0, 0.8, 120)
    correlation = np.corrcoef(values.T)
    np.fill_diagonal(correlation, 0)
    detection = np.linspace(0, 1, 120)  # genes that are detected more often are more correlated
    pvalues = []
    for _ in range(60):
        members = np.zeros((120, 2), dtype=bool)
        chosen = rng.choice(np.arange(60, 120), 16, replace=False)
        members[chosen[:8], 0], members[chosen[8:], 1] = True, True
        kme = rng.uniform(0.1, 0.6, (120, 2))
        table = preservation(correlation, kme, members, detection, permutations=99, rng=rng)
        pvalues += table["pvalue"].tolist()
    assert 0.01 < np.mean(np.array(pvalues) <= 0.05) < 0.1
    assert np.mean(np.array(pvalues) <= 0.5) == pytest.approx(0.5, abs=0.15)


def test_connectivity_compares_the_order_of_genes():
    rng = np.random.default_rng(0)
    loading = np.r_[np.linspace(0.2, 0.9, 12), np.zeros(88)]
    correlation = np.outer(loading, loading)
    np.fill_diagonal(correlation, 0)
    members = (np.arange(100) < 12)[:, None]
    same = preservation(correlation, loading[:, None], members, rng.random(100), permutations=50, rng=rng)
    turned = preservation(correlation, -loading[:, None], members, rng.random(100), permutations=50, rng=rng)
    assert same["connectivity"][0] > 0.95 and turned["connectivity"][0] < -0.95
    assert same["density"][0] == pytest.approx(turned["density"][0])


def test_small_entries_are_not_tested():
    members = np.zeros((50, 2), dtype=bool)
    members[:3, 0], members[10:20, 1] = True, True
    rng = np.random.default_rng(0)
    correlation = rng.uniform(-0.1, 0.1, (50, 50))
    table = preservation(correlation, rng.random((50, 2)), members, rng.random(50), permutations=20, rng=rng)
    assert table["n_genes"].tolist() == [3, 10]
    assert np.isnan(table["fdr"][0]) and np.isfinite(table["fdr"][1])


def test_correlations_within_clusters_are_free_of_their_differences():
    case = scored_study(5)
    genes = list(case.counts.genes[100:140])  # in no module, but with means of their own in each cluster
    within, total, detection = gene_correlations(case.counts, genes, case.members)
    upper = np.triu_indices(40, 1)
    assert np.abs(total[upper]).mean() > 2 * np.abs(within[upper]).mean()
    assert (np.diag(within) == 0).all() and ((detection >= 0) & (detection <= 1)).all()


@pytest.mark.parametrize(("size", "tested"), [(20, True), (21, False), (59, False), (60, False)])
def test_entries_with_too_few_other_genes_are_not_tested(size, tested):
    rng = np.random.default_rng(0)
    correlation = rng.uniform(-0.1, 0.1, (60, 60))
    members = (np.arange(60) < size)[:, None]
    table = preservation(correlation, rng.random((60, 1)), members, rng.random(60), permutations=20, rng=rng)
    assert table["n_genes"].tolist() == [size]
    assert np.isfinite(table["pvalue"][0]) == np.isfinite(table["zsummary"][0]) == tested


def test_false_discovery_rates_are_over_entries_of_both_kinds(reference):
    membership, placed, programs = reference
    other = scored_study(8)
    placed = placed.assign(entry=np.where(placed["entry"] == "entry-02", "", placed["entry"]))
    loose = placed["gene"].isin(other.counts.genes[60:68])
    placed.loc[loose, ["entry", "kme"]] = "entry-02", 0.2  # genes that do not go together
    kinds = ["identity", *["activity"] * (len(programs) - 1)]
    given = membership, placed, programs.assign(kind=kinds)
    table = study_preservation(
        other.counts, other.members, *given, permutations=20, rng=np.random.default_rng(1)
    )
    assert table["kind"].tolist() == kinds and table["pvalue"].notna().all()
    assert table["fdr"].tolist() == pytest.approx(benjamini_hochberg(table["pvalue"].to_numpy()).tolist())
