"""Slopes and their intervals from permutations."""

from itertools import combinations

import numpy as np
import pytest

from panscape.stats.permutation import permutation_pvalue
from panscape.stats.slopes import slopes


def orders_of(random, n, count=499):
    return np.argsort(random.random((count, n)), axis=1)


def test_slopes_are_those_of_least_squares():
    random = np.random.default_rng(0)
    x, covariate = random.normal(size=(2, 15))
    y = random.normal(size=(4, 15)) + 0.5 * x
    design = np.column_stack([covariate, np.ones(15)])
    fitted = slopes(y, x, orders_of(random, 15), design[:, :1])
    direct = np.linalg.lstsq(np.column_stack([x, design]), y.T, rcond=None)[0][0]
    np.testing.assert_allclose(fitted.value, direct)
    own = np.repeat(design[None, :, :1], 4, axis=0)
    alike = slopes(y, x, orders_of(np.random.default_rng(1), 15), own)
    np.testing.assert_allclose(alike.value, direct)
    assert (fitted.low < fitted.value).all() and (fitted.value < fitted.high).all()


@pytest.mark.parametrize("groups", [True, False])
def test_the_interval_has_the_slopes_that_the_test_accepts(groups):
    random = np.random.default_rng(1)
    x = (np.arange(10) % 2).astype(float) if groups else random.normal(size=10)
    y, orders = random.normal(size=(1, 10)) + x, orders_of(random, 10, 199)
    fitted = slopes(y, x, orders, level=0.9)

    def accepted(b):
        rest = (y[0] - b * x) - (y[0] - b * x).mean()
        return permutation_pvalue(abs(rest @ x), np.abs(x[orders] @ rest), tolerance=1e-9) > 0.1

    gap = 1e-4 * (fitted.high[0] - fitted.low[0])
    assert accepted(fitted.low[0] + gap) and not accepted(fitted.low[0] - gap)
    assert accepted(fitted.high[0] - gap) and not accepted(fitted.high[0] + gap)


@pytest.mark.parametrize("n", [8, 20])
@pytest.mark.parametrize("skewed", [True, False])
def test_intervals_cover_the_truth(n, skewed):
    random = np.random.default_rng(n)
    noise = random.exponential(size=(1500, n)) if skewed else random.normal(size=(1500, n))
    x = random.normal(size=n)
    fitted = slopes(3 + 0.7 * x + noise, x, orders_of(random, n))
    assert 0.935 < ((fitted.low <= 0.7) & (fitted.high >= 0.7)).mean() < 0.965


def test_intervals_cover_the_truth_beside_a_covariate():
    random = np.random.default_rng(5)
    x, other = random.normal(size=(2, 14))
    x += other
    fitted = slopes(
        0.7 * x + 2 * other + random.normal(size=(1500, 14)), x, orders_of(random, 14), other[:, None]
    )
    assert 0.93 < ((fitted.low <= 0.7) & (fitted.high >= 0.7)).mean() < 0.97


def test_too_few_orders_give_no_limits():
    x = np.array([0.0, 0, 0, 1, 1, 1])
    every = [list(one) for one in combinations(range(6), 3)]
    orders = np.array([one + [at for at in range(6) if at not in one] for one in every if one != [0, 1, 2]])
    y = np.array([[1.0, 2, 3, 7, 8, 9]])
    fitted = slopes(y, x, orders)
    assert fitted.value[0] == pytest.approx(6) and np.isinf([fitted.low[0], fitted.high[0]]).all()
    fitted = slopes(y, x, orders, level=0.8)  # 2 of 20 labellings are as extreme
    assert 0 < fitted.low[0] < 6 < fitted.high[0] < np.inf


def test_a_variable_that_its_regressors_explain_has_no_slope():
    random = np.random.default_rng(2)
    x = np.repeat([0.0, 1.0], 4)
    fitted = slopes(random.normal(size=(2, 8)), x, orders_of(random, 8), x[:, None])
    assert np.isnan([fitted.value, fitted.low, fitted.high]).all()


def test_every_row_has_its_own_regressors(monkeypatch):
    random = np.random.default_rng(6)
    x, y, own = random.normal(size=12), random.normal(size=(3, 12)), random.normal(size=(3, 12, 2))
    orders = orders_of(random, 12, 99)
    single = [slopes(y[at : at + 1], x, orders, own[at]) for at in range(3)]
    for blocks in (20_000_000, 1):
        monkeypatch.setattr("panscape.stats.slopes.BLOCK_VALUES", blocks)
        for fitted in (slopes(y, x, orders, own), slopes(y, x, orders, own + 5)):  # the mean is a regressor
            for name in ("value", "low", "high"):
                expected = np.concatenate([getattr(one, name) for one in single])
                np.testing.assert_allclose(getattr(fitted, name), expected)


def test_blocks_and_regressors_that_repeat_change_nothing(monkeypatch):
    random = np.random.default_rng(7)
    x, y, z = random.normal(size=10), random.normal(size=(4, 10)), random.normal(size=(10, 1))
    orders = orders_of(random, 10, 99)
    whole = slopes(y, x, orders, z)
    monkeypatch.setattr("panscape.stats.slopes.BLOCK_VALUES", 2 * 10 * 99)
    for design in (z, np.hstack([z, 2 * z, np.ones((10, 1)), np.zeros((10, 1))])):
        fitted = slopes(y, x, orders, design)
        for name in ("value", "low", "high"):
            np.testing.assert_allclose(getattr(fitted, name), getattr(whole, name))


def test_a_variable_that_its_regressors_almost_explain_has_a_slope():
    random = np.random.default_rng(8)
    z = random.normal(size=(1, 30))
    x = z[0] + 1e-3 * random.normal(size=30)
    fitted = slopes(x[None] + z, x, orders_of(random, 30), z.T)
    assert fitted.value[0] == pytest.approx(1)


def test_orders_that_turn_the_variable_around_accept_every_slope():
    x = np.array([-2.0, -1, 0, 1, 2])
    y = np.array([[1.0, 0, 3, 2, 9]])
    fitted = slopes(y, x, np.array([[4, 3, 2, 1, 0]] * 19))
    assert fitted.value[0] == pytest.approx(1.8) and np.isinf([fitted.low[0], fitted.high[0]]).all()
