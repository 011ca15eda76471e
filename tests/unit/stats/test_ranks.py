"""Rank correlations and p-values of permutations against scipy."""

import numpy as np
import pytest
from scipy import stats

from panscape.stats.permutation import permutation_pvalue, reference_pvalues
from panscape.stats.ranks import auroc, average_ranks, correlation_pvalues, spearman, spearman_rows


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("high", [3, 1000])
def test_rows_are_scipys_spearman_with_ties(rng, high):
    values, others = rng.integers(0, high, (30, 12)), rng.integers(0, high, (4, 12))
    values[5] = 7
    expected = np.full((30, 4), np.nan)
    for i in set(range(30)) - {5}:
        expected[i] = [stats.spearmanr(values[i], other).statistic for other in others]
    np.testing.assert_allclose(spearman_rows(values, others), expected, atol=1e-12)
    np.testing.assert_array_equal(spearman_rows(values, others[0]), spearman_rows(values, others)[:, 0])
    single = [spearman(row.astype(float), others[0].astype(float)) for row in values]
    np.testing.assert_array_equal(single, spearman_rows(values, others[0]))


def test_equal_orders_correlate_exactly(rng):
    values = rng.random((20, 9))
    np.testing.assert_array_equal(np.diagonal(spearman_rows(values, np.exp(values))), 1)
    np.testing.assert_array_equal(np.diagonal(spearman_rows(values, -values)), -1)


def test_pvalues_take_an_own_freedom_each():
    rho, freedom = np.array([0.5, -0.9, 1.0, np.nan, 0.2]), np.array([10, 4, 7, 5, 0])
    expected = [
        2 * stats.t.sf(abs(r) * np.sqrt(f / (1 - r * r)), f) for r, f in zip(rho[:2], freedom, strict=False)
    ]
    result = correlation_pvalues(rho, freedom)
    np.testing.assert_allclose(result[:3], [*expected, 0])
    assert np.isnan(result[3:]).all()
    assert correlation_pvalues(np.array([1.0]), 5, attainable=0.1)[0] == 0.1


def test_auroc_leaves_out_what_has_no_score():
    score, positive = np.array([3.0, np.nan, 1.0, 1.0]), np.array([True, True, False, True])
    assert auroc(score, positive) == 0.75
    assert np.isnan(auroc(score, np.ones(4, bool)))


def test_permutation_pvalues_count_the_observed_value(rng):
    null, value = rng.integers(0, 9, (5, 40)).astype(float), np.array([4, 8, 0, 100, np.nan])
    expected = [
        (1 + sum(draw >= one for draw in row)) / 41 for one, row in zip(value[:4], null, strict=False)
    ]
    np.testing.assert_array_equal(permutation_pvalue(value, null), [*expected, np.nan])
    assert permutation_pvalue(8.0, null[0], exact=True) == np.mean(null[0] >= 8)
    np.testing.assert_array_equal(
        reference_pvalues(value[:4], null[0]), [permutation_pvalue(one, null[0]) for one in value[:4]]
    )


def test_rounding_does_not_separate_equal_draws():
    null = np.array([0.3 - 1e-16, 0.1, 0.2])
    assert permutation_pvalue(0.1 + 0.2, null) == 0.25
    assert permutation_pvalue(0.1 + 0.2, null, tolerance=1e-9) == 0.5
    assert np.isnan(permutation_pvalue(1.0, np.array([])))


@pytest.mark.parametrize("shape", [(0,), (1,), (9,), (5, 0), (40, 13), (3, 4, 6)])
def test_average_ranks_are_scipys(shape):
    rng = np.random.default_rng(5)
    for axis in range(-1, len(shape)):
        for values in (
            rng.integers(0, 5, shape),
            np.round(rng.normal(size=shape), 1),
            rng.random(shape) < 0.4,
        ):
            expected = stats.rankdata(values, axis=axis)
            np.testing.assert_array_equal(average_ranks(values, axis), expected)


def test_a_missing_value_has_no_ranks_beside_it():
    values = np.arange(12.0).reshape(3, 4)
    values[1, 2] = np.nan
    for axis in (0, 1):
        expected = stats.rankdata(values, axis=axis)
        np.testing.assert_array_equal(average_ranks(values, axis), expected)
