"""Benjamini-Hochberg against statsmodels, with missing values and columns."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from panscape.stats.fdr import benjamini_hochberg


def expected(pvalues):
    known = np.isfinite(pvalues)
    result = np.full(len(pvalues), np.nan)
    result[known] = multipletests(pvalues[known], method="fdr_bh")[1]
    return result


@pytest.fixture
def pvalues():
    # rounding makes ties, and few values are small
    return np.round(np.random.default_rng(4).uniform(size=200) ** 2, 2)


def test_equals_statsmodels_with_ties(pvalues):
    np.testing.assert_allclose(benjamini_hochberg(pvalues), expected(pvalues), rtol=1e-13)


def test_missing_values_stay_missing_and_are_not_tests(pvalues):
    holes = np.insert(pvalues, [3, 20, 200], np.nan)
    np.testing.assert_allclose(benjamini_hochberg(holes), expected(holes), rtol=1e-13)


@pytest.mark.parametrize("holes", ["none", "rows", "single"])
def test_columns_are_families_of_their_own(pvalues, holes):
    table = pvalues.reshape(50, 4).copy()
    if holes == "rows":
        table[[2, 7]] = np.nan
    if holes == "single":
        table[3, 1] = table[4:9, 2] = np.nan
    columns = np.stack([expected(column) for column in table.T], axis=1)
    np.testing.assert_allclose(benjamini_hochberg(table), columns, rtol=1e-13)


def test_nothing_to_adjust():
    assert benjamini_hochberg(np.array([])).shape == (0,)
    assert benjamini_hochberg(np.zeros((0, 3))).shape == (0, 3)
    assert np.isnan(benjamini_hochberg(np.full((4, 2), np.nan))).all()


def test_values_that_are_no_p_values_are_refused():
    with pytest.raises(ValueError, match=r"range|between"):
        benjamini_hochberg(np.array([0.2, 1.5]))


def test_is_scipys_to_the_bit(pvalues):
    for values in (pvalues, pvalues.reshape(50, 4), np.empty(0)):
        wanted = false_discovery_control(values, axis=0) if len(values) else values
        np.testing.assert_array_equal(benjamini_hochberg(values), wanted)


@pytest.mark.parametrize("wrong", [-0.1, 1.1])
def test_values_that_are_no_probabilities_are_refused(wrong):
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg(np.array([0.2, wrong, np.nan]))
