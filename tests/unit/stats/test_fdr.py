"""Benjamini-Hochberg against statsmodels, with missing values and columns."""

import numpy as np
import pytest
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
