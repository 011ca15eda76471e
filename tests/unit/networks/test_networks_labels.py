"""p-values by other labellings of few lines: exact, never below what the labellings allow."""

from collections import Counter
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from panscape.sivae.networks.phenotype import Phenotype
from panscape.sivae.networks.set_tests import set_tables
from panscape.sivae.networks.settings import NetworkSettings
from panscape.stats.gsea import Rankings, _without_ties, enrichment_score, label_pvalues, prerank
from panscape.stats.ranks import spearman_rows


def phenotype_of(values, kind="continuous"):
    values = np.asarray(values, dtype=float)
    return Phenotype("x", kind, np.full(len(values), True), values, ("a", "b") if kind == "groups" else ())


def plain_score(values, inside):
    """The running sum, gene by gene."""
    size = inside.sum()
    total = np.abs(values[inside]).sum()
    running, best = 0.0, 0.0
    if total == 0:
        return 0.0
    for at in np.argsort(-values, kind="stable"):
        running += abs(values[at]) / total if inside[at] else -1 / max(len(values) - size, 1)
        best = (
            running if abs(running) > abs(best) + 1e-12 or (running > 0 > best and running >= -best) else best
        )
    return best


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_scores_are_those_of_the_running_sum(levels):
    rng = np.random.default_rng(levels)
    values = rng.integers(-levels, levels + 1, (6, 40)) / levels
    members = rng.random((9, 40)) < 0.2
    members[0] = False
    members[0, 7] = True
    expected = [[plain_score(row, inside) for inside in members] for row in values]
    np.testing.assert_allclose(enrichment_score(values, members), expected, atol=1e-12)
    assert enrichment_score(values[0], members).shape == (9,)
    empty = np.zeros((2, 40), bool)
    assert (enrichment_score(values, empty) == 0).all()


@pytest.mark.parametrize(
    "values, kind",
    [([1, 2, 3, 4], "continuous"), ([1, 1, 2, 3, 3], "continuous"), ([0, 0, 1, 1, 1], "groups")],
)
def test_few_labellings_are_all_tried_once(values, kind):
    phenotype = phenotype_of(values, kind)
    expected = set(permutations(map(float, values)))
    result = phenotype.shuffled(1000, np.random.default_rng(0))
    assert phenotype.arrangements == len(expected) == len(result) + 1
    assert set(map(tuple, result)) == expected - {tuple(map(float, values))}
    some = phenotype.shuffled(len(expected) - 2, np.random.default_rng(0))
    assert len(some) == len(expected) - 2 and {tuple(sorted(row)) for row in some} == {tuple(sorted(values))}


def few_donors(rng, donors, genes=300, sets=40):
    """Return centralities of genes in few donors, whose ranks tie in hordes, and sets of correlated genes."""
    factor = rng.normal(size=(sets, donors))
    owner = rng.integers(sets, size=genes)
    x = 0.7 * factor[owner] + rng.normal(size=(genes, donors))
    return x, {f"set{at}": [f"g{gene}" for gene in np.flatnonzero(owner == at)] for at in range(sets)}


def run(x, phenotype, sets, **options):
    labels = np.vstack([phenotype.values[None], phenotype.shuffled(1000, np.random.default_rng(0))])
    result = spearman_rows(x, labels).T
    rankings = Rankings(result[0], result[1:], len(result) == phenotype.arrangements)
    values = pd.Series(result[0], [f"g{at}" for at in range(len(x))])
    return prerank(values, sets, library="made", permutations=20, min_size=3, rankings=rankings, **options)[0]


def test_no_p_is_below_what_four_donors_allow():
    rng = np.random.default_rng(0)
    for number in range(8):
        table = run(
            *few_donors(rng, 4)[:1], phenotype_of([30, 40, 50, 60]), few_donors(rng, 4)[1], seed=number
        )
        assert (table["pvalue_labels"] >= table["pvalue_labels_min"] - 1e-12).all()
        assert table["pvalue_labels_min"].min() >= 1 / 24
        # exact: multiples of one of 24 labellings
        np.testing.assert_allclose(
            table["pvalue_labels"] * 24, np.round(table["pvalue_labels"] * 24), atol=1e-9
        )


def test_p_of_labels_keep_their_level_with_many_ties():
    rng, pvalues = np.random.default_rng(1), []
    phenotype = phenotype_of([1, 2, 3, 4, 5, 6])
    labels = np.vstack([phenotype.values[None], phenotype.shuffled(1000, rng)])
    for _ in range(40):
        x, sets = few_donors(rng, 6, genes=200, sets=20)
        rankings = spearman_rows(x, labels).T
        names = [f"g{at}" for at in range(200)]
        members = np.array([np.isin(names, sets[term]) for term in sets])
        pvalues.append(label_pvalues(Rankings(rankings[0], rankings[1:], True), members)[0])
    pvalues = np.concatenate(pvalues)
    # sets of one data set hang together: the bound is that of 40 data sets, not of 800 sets
    for level in (0.02, 0.05, 0.2):
        assert (pvalues <= level).mean() <= stats.binom.ppf(0.995, 40, level) / 40, level
    assert 0.4 < pvalues.mean() < 0.65


def test_observed_and_other_labellings_are_scored_alike_and_as_gseapy_does():
    rng = np.random.default_rng(2)
    x, sets = few_donors(rng, 4)
    phenotype = phenotype_of([0, 0, 1, 1], "groups")
    table = run(x, phenotype, sets).set_index("term")
    assert (
        Counter(np.round(spearman_rows(x, phenotype.values), 6)).most_common(1)[0][1] > 30
    )  # ties in hordes
    # labels are their own null: that of each other labelling is among the six, so p sums up exactly
    labels = np.vstack([phenotype.values[None], phenotype.shuffled(10, rng)])
    rankings = spearman_rows(x, labels).T
    members = np.array([np.isin([f"g{at}" for at in range(300)], sets[term]) for term in table.index])
    scores = np.abs(enrichment_score(rankings, members))
    for at in range(len(labels)):
        p, smallest = label_pvalues(Rankings(rankings[at], np.delete(rankings, at, 0), True), members)
        np.testing.assert_allclose(p, (scores >= scores[at] - 1e-9).mean(axis=0))
        np.testing.assert_allclose(smallest, (scores >= scores.max(axis=0) - 1e-9).mean(axis=0))
    # gseapy's score is that of the ranking whose ties are set apart
    values = pd.Series(rankings[0], [f"g{at}" for at in range(300)])
    apart = _without_ties(values)
    assert apart.is_unique and (np.diff(apart) < 0).all() and (apart - values[apart.index]).abs().max() < 1e-9
    alone, _ = prerank(values, sets, library="made", permutations=10, min_size=3, seed=3)
    mixed = values.iloc[np.random.default_rng(9).permutation(300)]
    for order in (values, mixed):
        again, _ = prerank(order, sets, library="made", permutations=10, min_size=3, seed=3)
        assert again["term"].is_unique and len(again) == len(alone)


def test_gseapys_score_is_the_one_that_labels_permute():
    rng = np.random.default_rng(4)
    x, sets = few_donors(rng, 4)
    values = pd.Series(spearman_rows(x, np.arange(4.0)), [f"g{at}" for at in range(300)])
    import gseapy

    apart = _without_ties(values)
    ours = enrichment_score(
        apart.to_numpy(), np.array([np.isin(apart.index, members) for members in sets.values()])
    )
    theirs = gseapy.prerank(
        apart, sets, min_size=1, permutation_num=5, threads=1, outdir=None, no_plot=True, verbose=False
    ).res2d.set_index("Term")["ES"]
    np.testing.assert_allclose(theirs[list(sets)].astype(float), ours, atol=1e-7)


def test_tables_say_where_labels_cannot_decide(monkeypatch):
    rng = np.random.default_rng(5)
    x, sets = few_donors(rng, 4)
    names = [f"g{at}" for at in range(300)]

    class Lines:
        genes = names
        lines = pd.DataFrame({"depth": [1.0, 2, 3, 4], "n_cells": [4.0, 3, 2, 1], "age": [30.0, 40, 50, 60]})

        def centralities(self, model, column="centrality"):
            return x if column == "centrality" else np.abs(x) + 1

    settings = NetworkSettings(
        gene_sets=("made.gmt",), engines=(), centrality="training", min_lines=4, gsea_permutations=10
    )
    monkeypatch.setattr("panscape.sivae.networks.set_tests.read_gene_sets", lambda path: sets)
    rho = spearman_rows(x, np.arange(4.0))
    genes = pd.DataFrame(
        {"gene": names, "model": "sivae", "phenotype": "age", "rho": rho, "rho_partial": rho}
    )
    result, tests = set_tables(Lines(), genes, settings, ["age"], 0)
    assert (result["pvalue_labels_min"].dropna() >= 1 / 24).all()
    status = tests["status"].tolist()
    undecided = result[result["pvalue_labels_min"] > 0.05].groupby("ranking").size()
    assert undecided.sum() > 0 and len(status) == len(undecided)
    for text, count in zip(sorted(status), sorted(undecided.astype(str)), strict=True):
        assert f"cannot decide about {count} of " in text
        assert "4 lines can be labelled in 24 ways, which give no p below 0.042" in text
