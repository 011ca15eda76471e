"""Whether the cells that quality control kept are of all kinds alike."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from panscape.preprocess import kept as kept_module
from panscape.preprocess.kept import describe, kept_table
from panscape.stats.rank_tests import tied_rank_sum

LINES = [f"line{at:02d}" for at in range(16)]


def table_of(obs, kept, chosen=None):
    removed = np.where(kept, "", "min_genes").astype(object)
    if chosen is not None:
        removed[~chosen] = "keep"
    result = kept_table(pd.DataFrame(obs), pd.DataFrame({"removed_by": removed}), "panel")
    return result.set_index("column")


def made_up(rng, fractions, cells=100):
    """Return cells of lines with an outcome that rises from line to line, and which are kept."""
    obs = {"line": np.repeat(LINES, cells), "outcome": np.repeat(np.arange(16.0), cells)}
    obs["kind"] = rng.choice(["x", "y"], 16 * cells)
    return obs, rng.random(16 * cells) < np.repeat(fractions, cells)


def test_fractions_that_rise_with_the_outcome_of_lines_are_found():
    obs, kept = made_up(np.random.default_rng(0), np.linspace(0.05, 0.6, 16))
    result = table_of(obs, kept)
    row = result.loc["outcome"]
    shares = pd.Series(kept).groupby(obs["line"]).mean()
    assert (row["unit"], row["n"], row["uneven"]) == ("line", 16, True)
    assert row["rho"] == np.round(pd.Series(np.arange(16)).corr(shares.reset_index(drop=True), "spearman"), 9)
    assert row["rho"] > 0.9 and row["pvalue"] <= 0.001
    assert (row["lowest"], row["lowest_fraction"]) == (shares.idxmin(), shares.min())
    assert (row["highest"], row["highest_fraction"]) == (shares.idxmax(), shares.max())
    assert result.loc["line", "uneven"] and not result.loc["kind", "uneven"]
    start = "panel: the fraction of cells that quality control kept goes with outcome"
    message = describe({**row, "study": "panel", "column": "outcome"})
    assert message.startswith(f"{start} (ρ {row['rho']:.3f} over 16 of line; ")


def test_small_differences_and_equal_ones_are_even():
    obs, _ = made_up(np.random.default_rng(0), np.ones(16))
    assert not table_of(obs, np.ones(1600, dtype=bool))["uneven"].any()
    assert not table_of(obs, np.zeros(1600, dtype=bool))["uneven"].any()
    nearly = np.ones(1600, dtype=bool)
    nearly[:9] = False  # nine of a hundred cells of one line
    assert not table_of(obs, nearly)["uneven"].any()


def test_cells_that_keep_left_out_take_no_part():
    obs, kept = made_up(np.random.default_rng(0), np.full(16, 0.9))
    chosen = np.isin(obs["line"], LINES[:8])
    result = table_of(obs, kept & chosen, chosen)
    assert result.loc["line", "n"] == 8 and not result["uneven"].any()


def test_without_units_cells_count():
    rng = np.random.default_rng(1)
    age = rng.uniform(0, 9, 900)
    row = table_of({"age": age}, rng.random(900) < age / 9).loc["age"]
    assert (row["unit"], row["n"], row["uneven"]) == ("cell", 900, True)
    assert row["highest"].startswith("above 6") and row["highest_fraction"] - row["lowest_fraction"] > 0.5


def test_missing_values_and_single_labels_do_no_harm():
    rng = np.random.default_rng(2)
    obs = {"age": np.full(90, np.nan), "only": ["x"] * 90, "some": np.where(rng.random(90) < 0.9, "a", None)}
    result = table_of(obs, rng.random(90) < 0.5)
    assert result.empty


def test_chance_is_called_uneven_as_rarely_as_the_level_says():
    """The p-values of lines, of labels and of cells: uniform enough where nothing is planted."""
    pvalues = {"outcome": [], "kind": [], "age": []}
    for seed in range(120):
        rng = np.random.default_rng(seed)
        obs, kept = made_up(rng, rng.uniform(0.2, 0.8, 16), cells=20)
        obs["outcome"] = np.repeat(rng.normal(size=16), 20)
        result = table_of(obs, kept)
        pvalues["outcome"].append(result.loc["outcome", "pvalue"])
        even = rng.random(320) < 0.5
        result = table_of({"kind": obs["kind"], "age": rng.uniform(0, 9, 320)}, even)
        pvalues["kind"].append(result.loc["kind", "pvalue"])
        pvalues["age"].append(result.loc["age", "pvalue"])
    for values in pvalues.values():
        assert np.mean(np.array(values) < 0.05) <= 0.1  # at most 12 of 120 where 6 are expected (p = .02)
        assert 0.35 < np.mean(values) < 0.65


@pytest.mark.parametrize("groups", [2, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_fractions_are_compared_as_scipy_does(groups, seed):
    rng = np.random.default_rng(seed)
    cells = rng.integers(30, 200, groups)
    number = rng.binomial(cells, 0.7)
    table = pd.DataFrame({"cells": cells, "fraction": number / cells})
    truth = stats.chi2_contingency(np.array([number, cells - number])).pvalue
    np.testing.assert_allclose(kept_module._differ(table), truth, rtol=1e-10)
    none = pd.DataFrame({"cells": cells, "fraction": np.ones(groups)})
    assert kept_module._differ(none) == 1


@pytest.mark.parametrize("n_chosen", [3, 8, 9, 200])
@pytest.mark.parametrize("ties", [False, True])
def test_cells_are_compared_as_scipy_does(n_chosen, ties):
    rng = np.random.default_rng(n_chosen)
    values = rng.normal(size=400)
    values[:n_chosen] += 0.3
    values = np.round(values, 1) if ties else values
    chosen = np.arange(400) < n_chosen
    truth = stats.mannwhitneyu(values[chosen], values[~chosen]).pvalue
    np.testing.assert_allclose(tied_rank_sum(values, chosen), truth, rtol=1e-10)


@pytest.mark.parametrize("n", [6, 7, 8, 11])  # all orders of up to seven units, a sample of more
@pytest.mark.parametrize("ties", [False, True])
def test_units_are_compared_as_scipy_does(n, ties):
    random = np.random.default_rng(n)
    means, fractions = random.normal(size=(2, n))
    if ties:
        means, fractions = np.round(means), np.round(fractions)
    a, b = stats.rankdata(means), stats.rankdata(fractions)
    expected = stats.permutation_test(
        (a - a.mean(),),
        lambda x, axis: np.round((x * (b - b.mean())).sum(axis=axis) / (n * a.std() * b.std()), 9),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=kept_module.PERMUTATIONS,
        rng=np.random.default_rng(0),
    )
    rho, pvalue = kept_module._over_units(means, fractions)
    assert (rho, pvalue) == (expected.statistic, expected.pvalue)
