"""What other choices do to a landscape of the corrected distance."""

from dataclasses import replace

import landscape_cases as cases
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from test_landscape_debiased import QUICK, scored

from panscape.coscape.landscape.build import compute_landscape, gather_clusters
from panscape.coscape.landscape.rescore import other_estimator, rescore
from panscape.coscape.landscape.sensitivity import sensitivity_table
from panscape.coscape.landscape.variants import corrected_variants
from panscape.coscape.landscape.varied import lowest
from panscape.coscape.landscape.vectors import coexpression_vectors
from panscape.plot.sensitivity import plot_sensitivity
from panscape.stats.ranks import spearman

VARIED = [
    "as configured", *["neighbours"] * 2, *["clusters"] * 2, *["genes"] * 2, *["weights"] * 2, "estimator",
]  # fmt: skip


@pytest.fixture(scope="module")
def studies():
    return [scored(cases.study("one", seed=1), 1), scored(cases.study("two", seed=2), 2)]


def table_of(studies, settings=QUICK, **given):
    options = {"eta": [0.3], "n_neighbors": [4, 9], "splits": 1}
    rescored = {"corrected": [study.scores for study in studies]}
    return sensitivity_table(studies, settings, **options, rescored=rescored, **given)


def test_each_choice_is_changed_alone(studies):
    table = table_of(studies)
    assert table["varied"].tolist() == VARIED and table["eta"].isna().all()
    assert table.loc[table["varied"] == "neighbours", "neighbours"].tolist() == [5, 10]
    assert table["neighbours"].isna().sum() == len(table) - 2
    assert (table[["rho_age", "rho_configured"]] > 0.7).all().all()
    landscape = compute_landscape(studies, QUICK, 0)
    age = landscape.data.clusters["age"].to_numpy()
    assert table["rho_age"][0] == pytest.approx(spearman(landscape.space.pseudotime, age))
    same = table[table["varied"].isin(["as configured", "estimator"])]
    np.testing.assert_allclose(same["rho_configured"], 1)
    single = compute_landscape(studies, replace(QUICK, n_neighbors=4, neighbor_sweep=()), 0).space.pseudotime
    assert table["rho_configured"][1] == pytest.approx(spearman(single, landscape.space.pseudotime))


def test_halves_have_the_root_and_fewer_clusters_genes_and_pairs(studies):
    table = table_of(studies)
    whole = table.iloc[0]
    halves = table[table["varied"] == "clusters"]
    assert halves["n"].sum() - whole["n"] in (0, 1)  # the root is in both
    assert (table.loc[table["varied"] == "genes", "pairs"] == 15).all() and whole["pairs"] == 66
    assert sorted(table.loc[table["varied"] == "weights", "pairs"]) == [33, 66]
    again, other = table_of(studies), table_of(studies, seed=5)
    pd.testing.assert_frame_equal(table, again)
    assert not table["rho_configured"].equals(other["rho_configured"])


def test_the_root_is_in_every_subset_of_the_clusters(studies):
    data, root = gather_clusters(studies, QUICK), 3
    resolution = np.arange(len(data.clusters)) % 2 + 1.0
    data = replace(data, clusters=data.clusters.assign(resolution=resolution))
    options = {"n_neighbors": [], "splits": 2, "seed": 0}
    variants = list(corrected_variants(data, coexpression_vectors(data, QUICK), root, QUICK, **options))
    assert {"without resolution 1", "without resolution 2"} < {one.value for one in variants}
    assert all(root in one.rows for one in variants)


def test_other_weights_and_scores_matter(studies):
    rng = np.random.default_rng(0)

    def disturbed(study):
        weight = np.where(np.arange(66) < 33, 1.0, 1e-3)
        t = study.scores.matrix.toarray()
        t[:, 33:] = rng.normal(0, 2.0, t[:, 33:].shape)  # noise, unless its weight is small
        return replace(study, scores=replace(study.scores, matrix=sparse.csr_matrix(t), weight=weight))

    noisy = [disturbed(study) for study in studies]
    table = table_of(noisy).set_index("value")["rho_age"]
    assert table["half of the pairs, of largest weight"] > 0.8 > table["1 for all pairs"] + 0.2


def test_one_resolution_less(studies):
    levels = np.arange(len(studies[0].clusters)) % 2 + 1.0
    levels[0] = np.nan  # the cluster of all cells
    two = [replace(one, clusters=one.clusters.assign(resolution=levels)) for one in studies]
    table = table_of(two)
    assert table["value"].tolist()[3:5] == ["without resolution 1", "without resolution 2"]


def test_copies_of_clusters_are_kept_together(studies):
    some = [replace(one, clusters=one.clusters.assign(multiplicity=2)) for one in studies]
    table = table_of(some, replace(QUICK, duplicates=True))
    np.testing.assert_allclose(table.loc[table["varied"] == "estimator", "rho_configured"], 1)


def test_the_worst_row_and_the_figure(studies):
    table = table_of(studies)
    worst = lowest(table, "rho_configured")
    assert worst["rho_configured"] == table["rho_configured"].min() and worst["varied"] != "as configured"
    assert lowest(table.assign(rho_age=np.nan), "rho_age") is None
    axes = plot_sensitivity(table).axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels[0] == "as configured" and "estimator: corrected" in labels and len(labels) == len(table)
    drawn = {
        line.get_label(): len(line.get_xdata()) for line in axes.lines if not line.get_label().startswith("_")
    }
    assert drawn == {"with the configured order": len(table) - 1, "with age": len(table)}
    without = plot_sensitivity(table.assign(rho_age=np.nan)).axes[0]
    assert [line.get_label() for line in without.lines if not line.get_label().startswith("_")] == [
        "with the configured order"
    ]


def test_scores_of_the_other_estimator():
    assert [other_estimator(one) for one in ("pearson", "spearman", "corrected")] == [
        "corrected", "corrected", "pearson",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no scores"):
        rescore(
            replace(cases.study("one", seed=1), scores=None), None, [], pd.DataFrame(), estimator="pearson",
            normalisation="log1p", min_expected=1,
        )  # fmt: skip
