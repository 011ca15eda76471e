"""Genes that some studies do not measure: unknown in distances, rankings and controls, never zero."""

from dataclasses import replace

import landscape_cases as cases
import numpy as np
import pytest
from scipy import sparse
from scipy.stats import spearmanr

from panscape.coscape.landscape.build import compute_landscape, gather_clusters
from panscape.coscape.landscape.combine import combine_studies
from panscape.coscape.landscape.features import best_detected
from panscape.coscape.landscape.rank import rank_genes, rank_pairs
from panscape.coscape.landscape.root import named_root
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.vectors import landscape_vectors, measured_vectors
from panscape.coscape.landscape.write import landscape_to_anndata
from panscape.graph.distances import squared_distances
from panscape.graph.knn import nearest
from panscape.graph.measured import Measured
from panscape.stats.fdr import benjamini_hochberg

QUICK = LandscapeSettings(
    distance="thresholded", permutations=0, layout_iterations=2, n_neighbors=5, min_expected=1, min_pairs=1
)


def without(study, genes):
    """Return the study as if it did not measure some genes."""
    lost = np.isin(np.arange(len(study.genes)), genes)
    keep = ~lost[study.pairs].any(axis=1)
    dense = {name: getattr(study, name).copy() for name in ("expression", "mean", "detection")}
    for values in dense.values():
        values[:, lost] = np.nan
    return replace(study, matrix=study.matrix[:, np.flatnonzero(keep)], pairs=study.pairs[keep], **dense)


def three():
    return [
        without(cases.study("one", seed=1), []),
        without(cases.study("two", seed=2, ages=(2, 12)), [0, 3]),
        without(cases.study("six", seed=3, ages=(4, 14)), [3, 7]),
    ]


def brute(vectors, metric, measured):
    dense, n = np.asarray(vectors.todense()), vectors.shape[0]
    result = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            both = measured.columns[measured.group[i]] & measured.columns[measured.group[j]]
            x, y = dense[i, both].astype(float), dense[j, both].astype(float)
            if metric == "euclidean":
                result[i, j] = ((x - y) ** 2).sum() * len(both) / both.sum()
                continue
            if metric == "correlation":
                x, y = x - x.mean(), y - y.mean()
            result[i, j] = 1 - x @ y / np.sqrt((x @ x) * (y @ y))
    np.fill_diagonal(result, 0)
    return result


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "correlation"])
def test_distances_are_over_the_pairs_that_both_measure(metric):
    data = gather_clusters(three(), QUICK)
    vectors, measured = measured_vectors(data, QUICK)
    assert len(measured.columns) == 3 and not measured.columns.all()
    known = np.flatnonzero(np.diff(vectors.indptr) > 2)  # clusters with hardly a pair have no direction
    vectors, measured = vectors[known], Measured(measured.group[known], measured.columns)
    result, defined = squared_distances(vectors, metric, measured)
    assert defined.all() and len(known) > 50
    expected = brute(vectors, metric, measured)
    np.testing.assert_allclose(result, expected, atol=1e-6)
    neighbours = nearest(vectors, 5, metric=metric, measured=measured)
    np.fill_diagonal(expected, np.inf)
    order = np.argsort(expected, axis=1, kind="stable")[:, :5]
    assert (neighbours.index == order).mean() > 0.99
    exact = np.take_along_axis(expected, neighbours.index, axis=1)
    np.testing.assert_allclose(
        neighbours.distance, np.sqrt(exact) if metric == "euclidean" else exact, atol=1e-6
    )


def test_a_cluster_that_is_measured_by_halves_is_itself():
    whole = cases.study("one", seed=1)
    twin = replace(without(whole, [0, 1, 2]), name="two")
    twin = replace(
        twin, clusters=twin.clusters.assign(cluster="two-" + twin.clusters["cluster"], study="two")
    )
    data = gather_clusters([whole, twin], QUICK)
    vectors, measured = measured_vectors(data, QUICK)
    n = len(whole.clusters)
    for metric in ("cosine", "euclidean", "correlation"):
        result, _ = squared_distances(vectors, metric, measured)
        np.testing.assert_allclose(np.diagonal(result[:n, n:]), 0, atol=1e-6)
        index = nearest(vectors, 1, metric=metric, measured=measured).index[:, 0]
        assert (index == np.r_[np.arange(n) + n, np.arange(n)]).all()
    zeros, _ = squared_distances(vectors, "cosine")  # what counting absent genes as zero would say
    assert np.diagonal(zeros[:n, n:]).mean() > 0.05


def test_rows_that_share_no_value_are_infinitely_far_apart():
    vectors = sparse.csr_matrix(np.array([[1.0, 2, 0, 0], [0, 0, 3, 1], [1, 1, 1, 1]]))
    columns = np.array([[True, True, False, False], [False, False, True, True], [True] * 4])
    measured = Measured(np.arange(3), columns)
    for metric in ("cosine", "euclidean", "correlation"):
        result, defined = squared_distances(vectors, metric, measured)
        assert np.isinf(result[0, 1]) and np.isinf(result[1, 0])
        if metric != "correlation":  # the third row is constant
            assert defined.all() and np.isfinite(result[0, 2])
        neighbours = nearest(vectors, 2, metric=metric, measured=measured)
        assert 1 not in neighbours.index[0]


def test_complete_data_take_the_usual_way():
    studies = [cases.study("one", seed=1), cases.study("two", seed=2)]
    data = gather_clusters(studies, QUICK)
    assert data.measured is None and measured_vectors(data, QUICK)[1] is None
    vectors = landscape_vectors(data, QUICK)
    everything = np.ones((1, vectors.shape[1]), dtype=bool)
    part = Measured(np.zeros(len(data.clusters), dtype=int), everything)
    for metric in ("cosine", "euclidean", "correlation"):
        np.testing.assert_allclose(
            squared_distances(vectors, metric, part)[0], squared_distances(vectors, metric)[0], atol=1e-6
        )


def test_genes_are_ranked_over_the_clusters_that_measure_them():
    data = combine_studies(three())
    time = np.random.default_rng(0).uniform(size=len(data.clusters))
    time[4] = np.nan
    apart = np.arange(len(data.clusters))
    table = rank_genes(data, time, apart).set_index("gene")
    assert table["pvalue"].notna().any()
    assert table.loc["g0", "n_disjoint"] < table.loc["g5", "n_disjoint"] <= len(apart)
    assert sorted(table.index) == sorted(data.genes)
    for gene, study in (("g0", ["one", "six"]), ("g3", ["one"]), ("g7", ["one", "two"]), ("g5", None)):
        rows = np.isfinite(time) & (True if study is None else data.clusters["study"].isin(study).to_numpy())
        values = data.mean[rows, list(data.genes).index(gene)]
        assert table.loc[gene, "rho"] == pytest.approx(spearmanr(values, time[rows])[0])
        assert table.loc[gene, "detection"] == pytest.approx(0.5)
    assert table["rho"].abs().is_monotonic_decreasing
    expected = benjamini_hochberg(table["pvalue"].to_numpy())
    np.testing.assert_allclose(table["fdr"], expected)


def test_pairs_are_ranked_over_the_clusters_that_measure_both_genes():
    data = combine_studies(three())
    time = np.random.default_rng(0).uniform(size=len(data.clusters))
    apart = np.arange(len(data.clusters))  # no two of these clusters share cells
    table = rank_pairs(data, time, apart, listed=0).set_index(["gene_a", "gene_b"])
    assert len(table) == (~data.diagonal).sum()
    dense = data.matrix.toarray()
    study = data.clusters["study"].to_numpy()
    names = {tuple(data.genes[pair]): at for at, pair in enumerate(data.pairs)}
    for pair, studies in ((("g0", "g1"), ["one", "six"]), (("g3", "g7"), ["one"]), (("g0", "g7"), ["one"])):
        rows = np.isin(study, studies)
        values = dense[rows, names[pair]]
        assert table.loc[pair, "n_clusters"] == (values != 0).sum() > 0
        assert table.loc[pair, "rho"] == pytest.approx(spearmanr(values, time[rows])[0])
    assert table["fdr"].notna().any() and table.loc[("g0", "g7"), "n_disjoint"] == (study == "one").sum()
    few = rank_pairs(data, time, apart, listed=5)
    assert few["rho"].tolist() == table["rho"].head(5).tolist()
    assert few["fdr"].tolist() == pytest.approx(table["fdr"].head(5).tolist(), nan_ok=True)


def test_landscape_of_studies_with_different_genes():
    result = compute_landscape(three(), QUICK, 0)
    spaces = set(result.statistics["space"])
    assert {"coexpression", "expression", "expression-pca", "diagonal", "detected"} <= spaces
    output = landscape_to_anndata(result)
    assert np.isnan(np.asarray(output.layers["detection"])).sum() == 20 * 2 + 20 * 2
    rho = result.statistics.set_index(["space", "statistic"])["value"]["coexpression", "rho_age"]
    zeroed = compute_landscape(
        [replace(s, detection=np.nan_to_num(s.detection), expression=None) for s in three()], QUICK, 0
    )
    as_zero = zeroed.statistics.set_index(["space", "statistic"])["value"]["coexpression", "rho_age"]
    assert rho > 0.9 and rho > as_zero - 0.02


def test_best_detected_genes_are_ranked_where_they_are_measured():
    one, two = cases.study("one"), cases.study("two")
    one.detection[:] = np.linspace(0.1, 0.9, 12)
    two.detection[:] = np.linspace(0.1, 0.9, 12)
    two.detection[:, 11] = np.nan
    assert np.flatnonzero(best_detected(combine_studies([one, two]), 2)).tolist() == [10, 11]


def test_named_root_is_also_found_by_another_name_of_its_cells():
    data = combine_studies([cases.study("one")])
    clusters = data.clusters.assign(duplicates=["", "r10-l2-c0;r0.1-l1-c4", *[""] * 18])
    assert named_root(clusters, "one-r1-l0-c3") == 3
    assert named_root(clusters, "one-r0.1-l1-c4") == 1
    from panscape.errors import UserError

    with pytest.raises(UserError, match=r"one-r1-l0 has 20 clusters, c0 to c19 -> write .* one-r1-l0-c"):
        named_root(clusters, "one-r1-l0-c20")
