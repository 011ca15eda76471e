"""Spaces on common clusters, p-values that hold on nested clusters, reasons for what is missing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from landscape_cases import cells_of, nested, study
from scipy import stats

from panscape.coscape.landscape import measurable, testing
from panscape.coscape.landscape.age import GLOBAL, WITHIN, evaluate_spaces
from panscape.coscape.landscape.build import all_views, compute_landscape, gather_clusters
from panscape.coscape.landscape.compare import design_of
from panscape.coscape.landscape.measurable import common_pair_distances
from panscape.coscape.landscape.rank import rank_genes, rank_pairs
from panscape.coscape.landscape.sampling import sampled_cells
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.testing import age_pvalue, age_statistics
from panscape.stats import common_pairs
from panscape.stats.means import cluster_means
from panscape.stats.ranks import partial_spearman, spearman
from panscape.stats.weighted_ranks import (
    group_products,
    group_ranks,
    partial_products,
    products,
    standard_ranks,
)

QUICK = LandscapeSettings(
    distance="thresholded", n_neighbors=7, permutations=99, bootstraps=60, layout_iterations=5, min_pairs=0
)
SHUFFLES = 200


def table_of(result):
    return result.statistics.set_index(["space", "statistic"])


def test_weighted_ranks_equal_scipy_and_repeated_entries():
    rng = np.random.default_rng(0)
    x, y = np.round(rng.normal(size=(2, 5, 30)), 1)
    weights = rng.integers(0, 4, size=(5, 30)).astype(float)
    x[weights == 0] = np.nan
    result = products(standard_ranks(x, weights), standard_ranks(y, weights))
    z = rng.normal(size=(5, 30))
    partial = partial_products(
        *(standard_ranks(values, weights) for values in (x, y)), [standard_ranks(z, weights)]
    )
    for row in range(5):
        times = weights[row].astype(int)
        one, other, control = (np.repeat(values[row], times) for values in (x, y, z))
        assert result[row] == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-12)
        assert partial[row] == pytest.approx(partial_spearman(one, other, [control]), abs=1e-9)
    flat = standard_ranks(np.ones((1, 9)), np.ones((1, 9)))
    assert np.isnan(flat).all()
    assert np.isnan(standard_ranks(np.arange(9.0)[None], np.eye(9)[:1] + np.eye(9)[1:2])).all()


def test_within_groups_is_the_weighted_mean_of_the_groups():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 1, 25))
    groups = np.repeat([0, 1, 2], [4, 20, 1])
    weights = np.ones((1, 25))
    ranks = [group_ranks(values, weights, groups) for values in (x, y)]
    each, together = group_products(*ranks, weights, groups)
    rhos = [spearman(x[0, groups == group], y[0, groups == group]) for group in (0, 1)]
    assert each[0, :2] == pytest.approx(rhos)
    assert np.isnan(each[0, 2])
    assert together[0] == pytest.approx((3 * rhos[0] + 19 * rhos[1]) / 22)


def test_spaces_are_scored_on_the_same_clusters():
    studies = [study("one", 25, genes=30, ages=(0, 7)), study("two", 25, genes=30, ages=(3, 10))]
    parts = studies[1].matrix.toarray()
    parts[[0, 4]] = 0  # two clusters that coexpression space does not reach
    studies[1] = replace(studies[1], matrix=type(studies[1].matrix)(parts))
    result = compute_landscape(studies, replace(QUICK, min_pairs=5), 1)
    table = table_of(result)
    rows = table.xs("rho_age", level="statistic")
    rows = rows[rows["value"].notna()]
    assert len(rows) > 5
    assert rows["n"].nunique() == 1
    aged, time = result.data.clusters["age"].to_numpy(), result.space.pseudotime
    reached = table.loc[("coexpression", "rho_age_reached")]
    assert reached["n"] == np.isfinite(time).sum()
    assert reached["value"] == pytest.approx(spearman(time, aged))
    assert reached["n"] >= rows["n"].iloc[0]


def test_margins_are_differences_on_the_same_draws():
    studies = [nested(name, 300, seed=at, genes=20, samples=8) for at, name in enumerate(("one", "two"))]
    table = table_of(compute_landscape(studies, replace(QUICK, permutations=0), 1))
    first = table.loc[("coexpression", "rho_age"), "value"]
    assert ("coexpression", "rho_age_margin") not in table.index
    rows = table.xs("rho_age_margin", level="statistic")
    assert {"expression", "n_counts", "n_cells"} <= set(rows.index)
    for space, row in rows.iterrows():
        other = table.loc[(space, "rho_age"), "value"]
        assert row["value"] == pytest.approx(first - (abs(other) if space.startswith("n_") else other))
        assert row["low"] <= row["high"]
        assert np.isnan(row["pvalue"])
        assert row["n"] == table.loc[(space, "rho_age"), "n"]


def test_clusters_alone_in_their_study_are_not_counted_within_studies():
    studies = [study("one", 25, genes=30), study("two", 20, genes=30), study("lone", 1, genes=30)]
    table = table_of(compute_landscape(studies, replace(QUICK, permutations=0, bootstraps=0), 1))
    row = table.loc[("expression", "rho_age_within_studies")]
    each = [table.loc[("expression", f"rho_age_of_{name}"), "n"] for name in ("one", "two")]
    assert row["n"] == sum(each) < table.loc[("expression", "rho_age"), "n"]


def null_pvalues(studies, settings, shuffles):
    """Return the p-values of every statistic for shuffled ages, landscape fixed."""
    result = compute_landscape(studies, replace(settings, permutations=0, bootstraps=0), 0)
    cells = sampled_cells(studies)
    views = all_views(result.data, result.space, settings)[:1]
    design = design_of(views, result.data.clusters, settings)[0]
    rows = []
    for turn in range(shuffles):
        drawn = replace(cells, unit_age=np.random.default_rng(turn).permutation(cells.unit_age))
        output = age_statistics(design, drawn.ages(), settings, turn, drawn)
        rows.append({key: row.pvalue for key, row in output.items()})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("samples", [0, 8])
def test_pvalues_of_age_hold_on_nested_clusters(samples):
    studies = [nested(name, 300, seed=3, genes=20, samples=samples) for name in ("one", "two")]
    result = null_pvalues(studies, replace(QUICK, permutations=39, bootstraps=0), SHUFFLES)
    result = result.dropna(axis=1, how="all")
    tested = [key for key in result if key[0] in ("coexpression", "n_counts")]
    assert {name for space, name in tested if space == "coexpression"} == {
        "rho_age", "partial_rho_age", "rho_age_reached", "rho_age_within_studies", "rho_age_of_one",
        "rho_age_of_two", "rho_age_other_studies",
    }  # fmt: skip
    for key in tested:
        rate = (result[key] <= 0.05).mean()
        # 2 of 40 draws: exactly 0.05, give or take 3 standard deviations of 0.0154
        assert 0.004 < rate < 0.096, (key, rate)


def test_permuting_clusters_would_not_hold():
    studies = [nested("one", 300, seed=3, genes=20)]
    settings = replace(QUICK, permutations=0, bootstraps=0)
    result = compute_landscape(studies, settings, 0)
    cells = sampled_cells(studies)
    design = design_of(all_views(result.data, result.space, settings)[:1], result.data.clusters, settings)[0]
    ages = np.concatenate(list(cells.shuffled(150, np.random.default_rng(0))))
    rejected = 0
    for turn, age in enumerate(ages):
        draws = np.random.default_rng(turn).permuted(np.tile(age, (60, 1)), axis=1)
        draws[0] = age
        values = evaluate_spaces(design, draws, None, (GLOBAL,))[0]["coexpression", "rho_age"]
        rejected += age_pvalue(values[0], values[1:], exact=False) <= 0.05
    assert rejected / len(ages) > 0.1


def test_pvalues_of_genes_and_pairs_hold_on_nested_clusters():
    studies = [nested(name, 400, seed=5) for name in ("one", "two")]
    data = gather_clusters(studies, QUICK)
    leaves = sampled_cells(studies).leaves
    rng = np.random.default_rng(0)
    time = np.tile(rng.normal(size=31), 2)
    rates = []
    for _ in range(20):
        mean = np.concatenate(
            [
                np.stack([cluster_means(one.members, rng.normal(size=400)) for _ in range(100)], axis=1)
                for one in studies
            ]
        )
        names = np.array([f"g{at}" for at in range(100)], dtype=object)
        result = rank_genes(replace(data, mean=mean, genes=names, detection=None), time, leaves)
        sparse_r = np.where(np.abs(mean) > 0.15, mean, 0)
        pairs = np.stack(np.triu_indices(15, 1), axis=1)[:100]
        ranked = rank_pairs(
            replace(data, matrix=type(data.matrix)(sparse_r), pairs=pairs, genes=names),
            time,
            leaves,
            listed=0,
        )
        rates.append(
            [(part["pvalue"] <= 0.05).sum() / part["pvalue"].notna().sum() for part in (result, ranked)]
        )
        assert result["n_disjoint"].iloc[0] == 32
    genes, of_pairs = np.mean(rates, axis=0)
    assert 0.035 < genes < 0.065
    assert 0.03 < of_pairs < 0.07


def test_gene_pvalues_equal_permutations_of_disjoint_clusters():
    one = nested("one", 400, seed=6)
    data = gather_clusters([one], QUICK)
    time = np.linspace(0, 1, 31) ** 2
    leaves = sampled_cells([one]).leaves
    result = rank_genes(data, time, leaves).set_index("gene")
    for gene in ("g0", "g5"):
        column = list(data.genes).index(gene)
        x, y = data.mean[leaves, column], time[leaves]
        assert result.loc[gene, "rho_disjoint"] == pytest.approx(stats.spearmanr(x, y).statistic)
        assert result.loc[gene, "pvalue"] == pytest.approx(stats.spearmanr(x, y).pvalue)
    none = rank_genes(data, time)
    assert none["pvalue"].isna().all()
    few = rank_genes(data, time, leaves[:4])
    assert few["pvalue"].isna().all()
    assert few["n_disjoint"].iloc[0] == 4
    five = rank_genes(data, time, leaves[:5])
    assert five["pvalue"].min() == pytest.approx(2 / 120)


def test_a_study_of_one_age_says_so_and_rounding_is_no_age():
    one, two = (study(name, 20, genes=30, ages=(0, 7)) for name in ("one", "two"))
    members = np.repeat(np.eye(20), 7, axis=1)
    cells = pd.DataFrame({"age": np.full(140, 0.1)})
    flat = replace(
        two,
        members=type(two.matrix)(members),
        cells=cells,
        clusters=two.clusters.assign(age=cluster_means(type(two.matrix)(members), cells["age"].to_numpy())),
    )
    table = table_of(compute_landscape([one, flat], replace(QUICK, min_pairs=5), 1))
    row = table.loc[("coexpression", "rho_age_of_two")]
    assert np.isnan(row["value"])
    assert "age does not vary over the clusters of two" in row["note"] or "no ages" in row["note"]
    assert np.isnan(row["pvalue"])
    both = table_of(
        compute_landscape([replace(flat, name="one", clusters=flat.clusters.assign(study="one"))], QUICK, 1)
    )
    row = both.loc[("coexpression", "rho_age_reached")]
    assert np.isnan(row["value"])
    assert "age does not vary" in row["note"]


def test_studies_that_share_no_ages_have_no_rho_between_them():
    apart = [study("one", 25, genes=30, ages=(0, 3)), study("two", 25, genes=30, ages=(6, 10))]
    row = table_of(compute_landscape(apart, replace(QUICK, min_pairs=5), 1)).loc[
        ("coexpression", "rho_age_other_studies")
    ]
    assert np.isnan(row["value"])
    assert row["note"] == "the studies share no ages"


def test_too_few_samples_cannot_decide():
    few = nested("one", 300, seed=7, samples=3)
    table = table_of(compute_landscape([few], QUICK, 1))
    row = table.loc[("coexpression", "rho_age")]
    assert np.isfinite(row["value"])
    assert np.isnan(row["pvalue"])
    assert "cannot be decided: 3 sample have 6 orders of ages, so it is at least 0.17" in row["note"]
    assert np.isnan(row["low"])
    assert "no interval: there are 3 samples" in row["note"]
    enough = table_of(
        compute_landscape([nested("one", 300, seed=7, samples=5)], replace(QUICK, permutations=200), 1)
    )
    row = enough.loc[("coexpression", "rho_age")]
    assert (row["pvalue"] * 120) == pytest.approx(round(row["pvalue"] * 120))  # all orders, counted once
    assert row["units"] == "5 sample"
    assert row["low"] <= row["value"] + 0.2


def test_a_statistic_of_few_values_cannot_decide():
    rng = np.random.default_rng(0)
    row = testing.Tested(1.0, n=4)
    cells = sampled_cells([nested("one", 300, seed=7)])
    common = (39, [cells.arrangements()], None, cells)
    coarse = testing._beside_null(row, "rho_age", rng.choice([-1.0, 0.2, 1.0], size=39), *common)
    assert np.isnan(coarse.pvalue)
    assert "of the shuffles reach the largest value" in coarse.note
    fine = testing._beside_null(row, "rho_age", rng.uniform(-0.9, 0.9, size=39), *common)
    assert fine.pvalue == pytest.approx(1 / 40)


def test_without_cells_there_is_no_pvalue_and_a_reason():
    bare = [replace(study(name, 20, genes=30), members=None, cells=None) for name in ("one", "two")]
    table = table_of(compute_landscape(bare, replace(QUICK, min_pairs=5), 1))
    assert table["pvalue"].isna().all()
    assert "cells of the clusters are not known" in table.loc[("coexpression", "rho_age_reached"), "note"]


def test_a_space_in_pieces_is_left_out_with_a_reason():
    # the diagonal of half of the clusters is empty: that space has no large part
    one = study("one", 30, genes=30, ages=(0, 9))
    matrix = one.matrix.toarray()
    matrix[3:, one.pairs[:, 0] == one.pairs[:, 1]] = 0
    one = replace(one, matrix=type(one.matrix)(matrix))
    table = table_of(compute_landscape([one], replace(QUICK, min_pairs=5), 1))
    row = table.loc[("diagonal", "rho_age")]
    assert np.isnan(row["value"])
    assert row["note"].startswith("not compared: its largest connected part has")
    assert table.loc[("coexpression", "rho_age"), "n"] == 30


@pytest.mark.parametrize("loop", [False, True], ids=["blocks", "values"])
def test_cosine_over_common_pairs_is_that_of_each_two_clusters(loop, monkeypatch):
    if loop:
        monkeypatch.setattr(measurable, "SPARSE", 2)
        monkeypatch.setattr(measurable, "MANY", 0)
        monkeypatch.setattr(common_pairs, "add_common", common_pairs.add_common.py_func)
    one = study("one", 12, genes=10)
    rng = np.random.default_rng(2)
    one = replace(one, detection=rng.uniform(0.02, 0.6, size=one.detection.shape).astype(np.float32))
    data = gather_clusters([one], QUICK)
    edges = np.flatnonzero(~data.diagonal)
    result, defined = common_pair_distances(data, data.matrix[:, edges], data.pairs[edges], 10)
    size = data.clusters["n_cells"].to_numpy()[:, None]
    share = data.detection.astype(float)
    first, second = data.pairs[edges].T
    seen = size * share[:, first] * share[:, second] >= 10
    r = data.matrix[:, edges].toarray()
    for a, b in ((0, 1), (3, 9), (5, 11)):
        both = seen[a] & seen[b]
        x, y = r[a, both], r[b, both]
        assert result[a, b] == pytest.approx(1 - x @ y / np.sqrt((x @ x) * (y @ y)), abs=1e-5)
    assert defined.all()


def test_intervals_hold_the_value_and_widen_with_fewer_samples():
    many = compute_landscape([study("one", 40, genes=30)], replace(QUICK, min_pairs=5, bootstraps=300), 1)
    row = table_of(many).loc[("coexpression", "rho_age")]
    assert row["low"] <= row["value"] <= row["high"] + 1e-9
    members, cells = cells_of(np.linspace(0, 10, 40), 8)
    cells["sample"] = np.repeat([f"s{at}" for at in range(40)], 8)
    assert sampled_cells([replace(study("one", 40), members=members, cells=cells)]).described == "40 sample"


def test_kinds_of_statistics_are_computed_alone():
    studies = [nested(name, 200, seed=8) for name in ("one", "two")]
    result = compute_landscape(studies, replace(QUICK, permutations=0, bootstraps=0), 0)
    design = design_of(all_views(result.data, result.space, QUICK), result.data.clusters, QUICK)[0]
    ages = result.data.clusters["age"].to_numpy()[None]
    whole, _ = evaluate_spaces(design, ages, None, (GLOBAL, WITHIN))
    for kind in (GLOBAL, WITHIN):
        for key, values in evaluate_spaces(design, ages, None, (kind,))[0].items():
            np.testing.assert_array_equal(values, whole[key])
