"""Statistics against scipy, statsmodels and brute force; nulls on data without a signal."""

import numpy as np
import pytest
from scipy import sparse, stats

from panscape.coscape.landscape.columns import (
    sparse_column_correlations,
    sparse_within_correlations,
)
from panscape.coscape.landscape.mixing import (
    expected_entropy,
    expected_share,
    neighbour_links,
    other_study_share,
    study_entropy,
)
from panscape.stats.ranks import correlation_pvalues, partial_spearman, spearman, spearman_rows


def tied(rng, n=50):
    return np.round(rng.normal(size=n), 1)


def test_spearman_equals_scipy_and_skips_missing():
    rng = np.random.default_rng(0)
    x, y = tied(rng), tied(rng)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    x[3] = np.nan
    expected = stats.spearmanr(np.delete(x, 3), np.delete(y, 3)).statistic
    assert spearman(x, y) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(spearman(x[:2], y[:2]))
    assert np.isnan(spearman(np.ones(9), y[:9]))


def test_columns_equal_scipy():
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=(40, 30)), 1)
    values[:, 4] = 2
    y = tied(rng, 40)
    result = spearman_rows(values.T, y)
    assert np.isnan(result[4])
    for column in set(range(30)) - {4}:
        expected = stats.spearmanr(values[:, column], y).statistic
        assert result[column] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.float64])  # values of single precision are sorted at once
@pytest.mark.parametrize("method", ["spearman", "pearson"])
def test_sparse_columns_equal_scipy(method, kind):
    rng = np.random.default_rng(2)
    dense = np.round(rng.normal(size=(40, 60)), 1) * (rng.uniform(size=(40, 60)) < 0.3)
    dense = dense.astype(kind)
    dense[:, 0] = 0
    dense[:, 1] = 0.5
    matrix = sparse.csr_matrix(dense)
    y = tied(rng, 40)
    result = sparse_column_correlations(matrix, y, method=method)
    reference = stats.spearmanr if method == "spearman" else stats.pearsonr
    for column in range(60):
        if np.ptp(dense[:, column]) == 0:
            assert np.isnan(result[column])
        else:
            assert result[column] == pytest.approx(
                reference(dense[:, column].astype(float), y).statistic, abs=1e-10
            )
    np.testing.assert_array_equal(matrix.toarray(), dense)  # untouched
    assert len(sparse_column_correlations(sparse.csr_matrix((5, 0)), np.arange(5.0))) == 0
    with pytest.raises(ValueError, match="method"):
        sparse_column_correlations(matrix, y, method="kendall")


def test_partial_correlation_equals_the_formula():
    rng = np.random.default_rng(3)
    control = rng.normal(size=80)
    x, y = control + rng.normal(size=80), control + rng.normal(size=80)
    rxy, rxz, ryz = spearman(x, y), spearman(x, control), spearman(y, control)
    expected = (rxy - rxz * ryz) / np.sqrt((1 - rxz**2) * (1 - ryz**2))
    assert partial_spearman(x, y, [control]) == pytest.approx(expected, abs=1e-12)
    assert abs(partial_spearman(x, y, [control])) < abs(rxy)
    assert partial_spearman(x, y, []) == pytest.approx(rxy)
    assert np.isnan(partial_spearman(x, y, [x]))
    assert np.isnan(partial_spearman(x[:3], y[:3], [control[:3]]))


def test_pvalues():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=30), rng.normal(size=30)
    result = stats.spearmanr(x, y)
    assert correlation_pvalues(np.array([result.statistic]), 28)[0] == pytest.approx(result.pvalue, rel=1e-10)
    assert correlation_pvalues(np.array([1.0, np.nan]), 28)[0] == 0
    assert correlation_pvalues(np.array([1.0]), 3, attainable=0.02)[0] == 0.02
    assert np.isnan(correlation_pvalues(np.array([1.0]), 0)[0])


def test_mixing_on_known_neighbourhoods():
    study = np.array(["a", "a", "b", "b"])
    apart = np.array([[1], [0], [3], [2]])
    mixed = np.array([[2], [3], [0], [1]])
    assert other_study_share(neighbour_links(apart), study) == 0
    assert other_study_share(neighbour_links(mixed), study) == 1
    assert study_entropy(neighbour_links(apart), study) == pytest.approx(0)
    assert study_entropy(neighbour_links(mixed), study) == pytest.approx(1)
    alone = np.array([[2, -1], [-1, -1], [0, 3], [2, -1]])
    assert other_study_share(neighbour_links(alone), study) == pytest.approx(np.mean([1, 0.5, 0]))
    assert np.isnan(study_entropy(neighbour_links(apart), np.repeat("a", 4)))
    rng = np.random.default_rng(6)
    many = np.repeat(["a", "b", "c"], 40)
    index = np.array([rng.choice(np.delete(np.arange(120), at), 10, replace=False) for at in range(120)])
    links = neighbour_links(index)
    drawn = [other_study_share(links, rng.permutation(many)) for _ in range(400)]
    assert expected_share(links, many) == pytest.approx(80 / 119, abs=1e-12)
    assert expected_share(links, many) == pytest.approx(np.mean(drawn), abs=0.005)
    strata = np.arange(120) % 5 // 2
    drawn = []
    for _ in range(400):
        dealt = many.copy()
        for stratum in range(3):
            dealt[strata == stratum] = rng.permutation(many[strata == stratum])
        drawn.append(other_study_share(links, dealt))
    assert expected_share(links, many, strata) == pytest.approx(np.mean(drawn), abs=0.005)
    assert expected_entropy(links, many, rng, 50) == pytest.approx(study_entropy(links, many), abs=0.03)


def test_correlations_within_groups_equal_regression_on_groups():
    rng = np.random.default_rng(7)
    groups = np.repeat(["a", "b", "c"], [9, 12, 3])
    dense = np.round(rng.normal(size=(24, 30)), 1) * (rng.uniform(size=(24, 30)) < 0.6)
    dense[:, 3] = 0
    y = rng.normal(size=24)
    result = sparse_within_correlations(sparse.csr_matrix(dense), y, groups)
    assert np.isnan(result[3])
    one_hot = np.array([groups == name for name in "abc"], dtype=float).T

    def rest(values):
        ranks = np.empty(len(values))
        for name in "abc":
            inside = groups == name
            ranks[inside] = stats.rankdata(values[inside]) / inside.sum()
        return ranks - one_hot @ np.linalg.lstsq(one_hot, ranks, rcond=None)[0]

    for column in set(range(30)) - {3}:
        expected = np.corrcoef(rest(dense[:, column]), rest(y))[0, 1]
        assert result[column] == pytest.approx(expected, abs=1e-10)
    pearson = sparse_within_correlations(sparse.csr_matrix(dense), y, np.zeros(24), method="pearson")
    assert pearson[0] == pytest.approx(stats.pearsonr(dense[:, 0], y).statistic, abs=1e-10)
    with pytest.raises(ValueError, match="method"):
        sparse_within_correlations(sparse.csr_matrix(dense), y, groups, method="kendall")


def test_blocks_of_columns_change_nothing(monkeypatch):
    from panscape.coscape.landscape import columns

    rng = np.random.default_rng(8)
    matrix = sparse.random(30, 50, 0.3, format="csr", random_state=rng)
    whole = sparse_column_correlations(matrix, np.arange(30.0))
    value_runs = columns.value_runs
    monkeypatch.setattr(columns, "value_runs", lambda indptr: value_runs(indptr, 40))
    np.testing.assert_array_equal(sparse_column_correlations(matrix, np.arange(30.0)), whole)
