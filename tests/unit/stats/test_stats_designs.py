"""Permutation designs: all other labellings once where they are few, never across strata."""

from itertools import permutations

import numpy as np
import pytest

from panscape.stats.adjusted import Adjusted, aligned, rank_of
from panscape.stats.designs import labellings, n_arrangements, orders, smallest_pvalue
from panscape.stats.rank_tests import rank_sum, rank_sum_of_rho
from panscape.stats.ranks import spearman_rows


def brute(values, strata):
    """All distinct labellings within strata, by trying every order."""
    strata = np.zeros(len(values)) if strata is None else np.asarray(strata)
    kept = [order for order in permutations(range(len(values))) if (strata[list(order)] == strata).all()]
    return {tuple(np.asarray(values)[list(order)].tolist()) for order in kept}


@pytest.mark.parametrize(
    ("values", "strata"),
    [
        ([0, 0, 1, 1, 2], None),
        ([3.5, 1.0, 2.0, 4.0], None),
        ([0, 1, 0, 1, 1, 0], [0, 0, 1, 1, 2, 2]),
        ([0, 1, 1, 0, 1, 2], [0, 1, 0, 1, 1, 0]),
        ([0, 1, 2, 2], [0, 1, 1, 2]),
    ],
)
def test_few_labellings_are_all_there_once(values, strata):
    values, codes = np.array(values), None if strata is None else np.array(strata)
    every = labellings(values, 1000, np.random.default_rng(0), codes)
    assert n_arrangements(values, codes) == len(every) + 1
    assert len({*map(tuple, every.tolist())}) == len(every)
    assert {*map(tuple, every.tolist()), tuple(values.tolist())} == brute(values, strata)


def test_many_labellings_are_drawn_within_strata():
    strata = np.repeat([0, 1, 2], [5, 7, 6])
    values = np.random.default_rng(1).normal(size=18)
    drawn = labellings(values, 200, np.random.default_rng(0), strata)
    assert drawn.shape == (200, 18) and len(np.unique(drawn, axis=0)) == 200
    for code in range(3):
        np.testing.assert_array_equal(
            np.sort(drawn[:, strata == code]), np.sort(values[strata == code])[None].repeat(200, 0)
        )


def test_all_labellings_are_taken_where_they_just_fit():
    rng, values = np.random.default_rng(0), np.array([0, 0, 1, 1])
    assert {*map(tuple, labellings(values, 5, rng).tolist()), (0, 0, 1, 1)} == brute(values, None)
    assert len(labellings(values, 4, rng)) == 4


def test_orders_take_equal_labels_apart():
    assert len(orders(4, 100, np.random.default_rng(0))) == 23
    assert len(orders(4, 10, np.random.default_rng(0))) == 10


@pytest.mark.parametrize(
    ("values", "strata", "groups", "expected"),
    [
        ([0, 1] * 5, np.repeat(range(5), 2), False, 2 / 32),  # swaps of five pairs
        ([0, 0, 0, 1, 1, 1], None, False, 2 / 20),
        ([1, 2, 3, 4], None, False, 2 / 24),
        ([0, 0, 1, 1, 2, 2], None, True, 6 / 90),
        ([0, 0, 1, 1, 2, 2, 2], None, True, 2 / 210),
        ([0, 0], None, False, 1.0),
    ],
)
def test_the_smallest_p(values, strata, groups, expected):
    assert smallest_pvalue(np.array(values), strata, groups=groups) == pytest.approx(expected)


def statistic(x, y):
    return abs(np.corrcoef(x, y)[0, 1])


def test_residuals_are_permuted_as_freedman_and_lane_write_it():
    rng = np.random.default_rng(2)
    n = 9
    x, y, z = rng.normal(size=(2, n)), rng.normal(size=n), rng.normal(size=(n, 2))
    some = orders(n, 30, rng)
    from scipy.stats import rankdata

    design = np.column_stack([np.ones(n), z])
    hat = design @ np.linalg.pinv(design)
    ranks = rankdata(y)
    expected = np.empty((2, 30))
    for gene in range(2):
        rest = rankdata(x[gene]) - hat @ rankdata(x[gene])
        for at, order in enumerate(some):
            made = hat @ ranks + (ranks - hat @ ranks)[order]
            expected[gene, at] = np.corrcoef(rest, made - hat @ made)[0, 1]
    np.testing.assert_allclose(Adjusted(x, z).null(y, some), expected, atol=1e-10)


def test_several_groups_are_compared_as_by_an_analysis_of_covariance_of_ranks():
    import statsmodels.api as sm
    from scipy.stats import rankdata

    rng = np.random.default_rng(3)
    groups, z, x = np.repeat([0, 1, 2], 6), rng.normal(size=(18, 1)), rng.normal(size=(4, 18))
    x[0] += groups
    adjusted = Adjusted(x, z)
    rho = adjusted.rho(groups, groups=3)
    p = adjusted.pvalues(rho, groups=3)
    for gene in range(4):
        small = np.column_stack([np.ones(18), z])
        full = np.column_stack([small, groups[:, None] == [1, 2]]).astype(float)
        ranks = rankdata(x[gene])
        a, b = sm.OLS(ranks, small).fit(), sm.OLS(ranks, full).fit()
        assert p[gene] == pytest.approx(b.compare_f_test(a)[1], rel=1e-8)
        assert rho[gene] ** 2 == pytest.approx(1 - b.ssr / a.ssr, abs=1e-10)
    assert p[0] < 0.01


@pytest.mark.parametrize("groups", [0, 3])
def test_blocks_of_permutations_change_nothing(monkeypatch, groups):
    rng = np.random.default_rng(4)
    x, z, own = rng.normal(size=(3, 12)), rng.normal(size=(12, 1)), rng.normal(size=(3, 12))
    y = np.repeat([0, 1, 2], 4) if groups else rng.normal(size=12)
    some = orders(12, 20, rng)

    def numbers():
        adjusted = Adjusted(x, z, [own], ["mean"])
        return adjusted.rho(y[some], groups=groups), adjusted.null(y, some, groups=groups)

    whole = numbers()
    monkeypatch.setattr("panscape.stats.adjusted.BLOCK_VALUES", 1)
    for one, other in zip(whole, numbers(), strict=True):
        assert one.shape == (3, 20)
        np.testing.assert_allclose(one, other, atol=1e-14)
    assert Adjusted(x).null(y, np.zeros((0, 12), dtype=int), groups=groups).shape == (3, 0)


def test_what_regressors_almost_explain_is_tested_and_what_they_explain_is_not():
    rng = np.random.default_rng(5)
    z = rng.permutation(40).astype(float)
    almost = z.copy()
    almost[[3, 9]] = almost[[9, 3]]
    adjusted = Adjusted(np.stack([almost, z]), z[:, None])
    y = rng.normal(size=40)
    assert np.isfinite(adjusted.rho(y)).tolist() == [True, False] and not adjusted.plain
    assert np.isnan(Adjusted(y[None], z[:, None]).rho(z)).all()
    assert Adjusted(y[None]).plain and np.isfinite(Adjusted(y[None], z[:, None]).rho(almost)).all()


def test_groups_are_tested_as_far_as_regressors_leave_them():
    rng = np.random.default_rng(6)
    groups, x = np.repeat([0, 1, 2], 5), rng.normal(size=(2, 15))
    last = (groups == 2).astype(float)
    rho = Adjusted(x, last[:, None]).rho(groups, groups=3)
    within = Adjusted(x, last[:, None]).rho(groups * (groups < 2))
    np.testing.assert_allclose(rho, np.abs(within))


def test_samples_limit_regressors_and_controls():
    rng = np.random.default_rng(7)
    controls, names = list(rng.normal(size=(3, 12))), ["a", "b", "c"]
    assert Adjusted(rng.normal(size=(2, 12)), None, controls, names).names == ("a", "b", "c")
    assert Adjusted(rng.normal(size=(2, 12)), rng.normal(size=(12, 3)), controls, names).names == ("a", "b")
    few = Adjusted(rng.normal(size=(2, 4)), rng.normal(size=(4, 2)), [rng.normal(size=4)], ["a"])
    assert few.used == 0 and few.names == () and few.freedom.tolist() == [0, 0]
    assert np.isnan(few.rho(rng.normal(size=4))).all()


def test_differences_between_strata_count_in_no_variable():
    rng, strata = np.random.default_rng(8), np.repeat([0, 1, 2], 4)
    x, c, y = rng.normal(size=(2, 12)), rng.normal(size=12), rng.normal(size=12)
    away = 100.0 * strata
    expected = Adjusted(x, None, [c], ["mean"], strata)
    assert expected.used == 1
    for rows, control, labels in ((x + away, c, y), (x, c + away, y), (x, c, y + away)):
        adjusted = Adjusted(rows, None, [control], ["mean"], strata)
        np.testing.assert_allclose(adjusted.rho(labels), expected.rho(y), atol=1e-12)


def test_equal_differences_within_strata_have_equal_ranks():
    assert len(np.unique(aligned(np.array([1.1, 1.2, 2.1, 2.2]), np.array([0, 0, 1, 1])))) == 2


def test_the_rank_of_a_design():
    one = np.arange(6.0)
    assert rank_of(np.zeros((6, 0))) == 0
    assert rank_of(np.column_stack([one, 2 * one, one**2])) == 2


@pytest.mark.parametrize("sizes", [(4, 5), (8, 11), (12, 12)])
def test_rank_sums_from_rank_correlations(sizes):
    random = np.random.default_rng(3)
    values = random.normal(size=(60, sum(sizes)))
    case = np.arange(sum(sizes)) < sizes[0]
    values[:20, case] += 1.5
    rho = spearman_rows(values, case.astype(float))
    np.testing.assert_allclose(rank_sum_of_rho(rho, case), rank_sum(values, case), rtol=1e-6)
    assert np.isnan(rank_sum_of_rho(np.array([np.nan]), case)).all()
