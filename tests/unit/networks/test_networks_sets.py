"""What the tests of gene sets hand on: rankings, labellings and limits; and the genes of the figure."""

import numpy as np
import pandas as pd
import pytest

from panscape.sivae.networks import set_tests
from panscape.sivae.networks.gene_tests import gene_tables
from panscape.sivae.networks.set_tests import figure_genes, library_sets, set_tables
from panscape.sivae.networks.settings import NetworkSettings

NAMES = [*(f"g{at}" for at in range(28)), "MT-CO1", "MT-ND1"]
N = 9


class Lines:
    """Nine lines of thirty genes, whose centralities follow their means."""

    def __init__(self):
        rng = np.random.default_rng(3)
        self.genes = np.array(NAMES, dtype=object)
        self.mean = rng.normal(size=(len(NAMES), N))
        self.x = rng.normal(size=(len(NAMES), N)) + self.mean
        numbers = {"depth": rng.random(N), "n_cells": rng.random(N)}
        ages = {name: rng.permutation(N) + 0.0 for name in ("age", "dose")}
        self.lines = pd.DataFrame(numbers | ages | {"group": list("ababababa")})

    def centralities(self, model, column="centrality"):
        return self.x * (-1 if model == "pca" else 1) if column == "centrality" else self.mean


@pytest.fixture
def run(monkeypatch):
    """Return a function that tests gene sets, and returns what gsea was asked and the tests' rows."""
    monkeypatch.setattr(set_tests, "read_gene_sets", lambda path: {"A": NAMES[:10], "B": NAMES[10:20]})

    def start(columns=("age", "dose"), smallest=0.01, **settings):
        asked, lines = [], Lines()

        def prerank(values, sets, **options):
            asked.append({"values": values, "sets": sets, **options})
            table = pd.DataFrame(0.5, index=range(len(sets)), columns=set_tests.gsea.COLUMNS, dtype=object)
            return table.assign(term=list(sets), pvalue_labels_min=smallest), ""

        monkeypatch.setattr(set_tests.gsea, "prerank", prerank)
        given = {"engines": ("pca",), "gene_sets": ("made.gmt",), "permutations": 30, **settings}
        given = NetworkSettings(**given)
        genes = gene_tables(lines, given, columns, 0)[0]
        table, tests = set_tables(lines, genes, given, columns, 0)
        return asked, genes.set_index(["model", "phenotype"]).sort_index(), table, tests

    return start


@pytest.mark.parametrize("ranking", ["signed", "absolute"])
def test_what_is_ranked_is_what_labels_permute(run, ranking):
    asked, genes, table, _ = run(ranking=ranking)
    keys = [(m, p, c) for m in ("sivae", "pca") for p in ("age", "dose") for c in ("rho", "rho_partial")]
    assert [one["library"] for one in asked] == ["made", "mitochondrial"] * len(keys)
    for one, (model, phenotype, column) in zip(asked[::2], keys, strict=True):
        expected = genes.loc[(model, phenotype)].set_index("gene")[column].reindex(NAMES)
        expected = expected.abs() if ranking == "absolute" else expected
        pd.testing.assert_series_equal(one["values"], expected, check_names=False)
        np.testing.assert_allclose(one["rankings"].observed, expected, atol=1e-12)
        others = one["rankings"].others
        assert others.shape == (30, len(NAMES)) and not one["rankings"].exact
        assert (others.min() < 0) == (ranking == "signed")
    assert set(table["ranking"]) == {"raw", "controlled"} and set(table["n"]) == {N}
    counted = table.groupby(["model", "phenotype", "ranking"]).size()
    assert len(counted) == len(keys) and set(counted) == {3}  # A, B and the mitochondrial genes


def test_few_labellings_are_all_tried_and_many_are_limited(run, monkeypatch):
    raw, controlled = (one["rankings"] for one in run(["group"], permutations=200, mito_set=False)[0][:2])
    assert raw.exact and raw.others.shape[0] == 125  # 9 lines, 4 of them in one group
    assert not controlled.exact and controlled.others.shape[0] == 200  # residuals are told apart
    monkeypatch.setattr(set_tests, "LABELLINGS", 20)
    assert run(["group"], permutations=200)[0][0]["rankings"].others.shape[0] == 20


def test_limits_of_sets_and_numbers_of_permutations_are_the_settings(run):
    asked = run(["age"], gsea_sizes=(3, 70), gsea_permutations=17)[0]
    assert {(one["min_size"], one["max_size"], one["permutations"]) for one in asked} == {(3, 70, 17)}
    assert len({one["seed"] for one in asked}) == len(asked)


@pytest.mark.parametrize(("smallest", "rows"), [(0.05, 0), (0.051, 1), (np.nan, 0)])
def test_sets_that_labels_cannot_decide_are_told(run, smallest, rows):
    tests = run(["age"], smallest=smallest, engines=(), mito_set=False)[3]
    assert len(tests) == 2 * rows  # of both rankings
    assert tests["status"].str.contains("cannot decide about 2 of 2 sets").all()


def test_mitochondrial_genes_are_a_library_if_asked_for():
    assert library_sets([], NAMES, True) == {"mitochondrial": {"MT": NAMES[28:]}}
    assert library_sets([], NAMES, False) == library_sets([], NAMES[:28], True) == {}


def test_the_figure_shows_the_chosen_set_the_best_one_or_the_best_genes():
    row = {"model": "sivae", "ranking": "controlled", "fdr": 0.5}
    sets = pd.DataFrame(
        [
            row | {"term": "A", "pvalue": 0.2},
            row | {"term": "B", "pvalue": 0.1},
            row | {"term": "C", "pvalue": 0.01, "ranking": "raw"},
            row | {"term": "D", "pvalue": 0.01, "model": "pca"},
        ]
    )
    genes = pd.DataFrame({"gene": [*"vwxyw"], "pvalue": [0.5, 0.2, 0.1, 0.01, 0.3], "model": "sivae"})
    genes.loc[3, "model"] = "pca"
    libraries = {"one": {"A": ["a"], "B": ["b", "c"]}, "two": {"C": ["d"], "D": ["e"]}}
    assert figure_genes(genes, sets, libraries, "D") == ("D", ["e"])
    assert figure_genes(genes, sets, libraries, "Z") == ("Z", [])
    assert figure_genes(genes, sets, libraries, None) == ("B", ["b", "c"])
    assert figure_genes(genes, sets.iloc[2:], libraries, None) == ("genes of smallest p", ["x", "w", "v"])
