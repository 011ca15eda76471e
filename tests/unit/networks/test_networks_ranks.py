"""Rank tests against scipy and against regressions of ranks written out."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from panscape.sivae.networks.centrality import BELOW, associate_genes, central_genes
from panscape.sivae.networks.phenotype import read_phenotype
from panscape.stats.adjusted import Adjusted
from panscape.stats.rank_tests import rank_sum, spearman_pvalue
from panscape.stats.ranks import correlation_pvalues, spearman_rows


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def phenotype_of(values, **kwargs):
    phenotype, reason = read_phenotype(pd.Series(values, name="y"), **kwargs)
    assert reason == "" and phenotype is not None
    return phenotype


def test_spearman_is_scipys(rng):
    x, y = rng.normal(size=(20, 14)), rng.integers(0, 5, 14)
    expected = [stats.spearmanr(row, y) for row in x]
    rho = spearman_rows(x, y)
    np.testing.assert_allclose(rho, [one.statistic for one in expected], atol=1e-12)
    np.testing.assert_allclose(correlation_pvalues(rho, 12), [one.pvalue for one in expected], rtol=1e-9)
    np.testing.assert_allclose(spearman_rows(x, np.stack([y, -y])), np.stack([rho, -rho], axis=1))
    assert np.isnan(spearman_rows(np.ones((1, 14)), y)).all()


def test_small_samples_have_exact_p(rng):
    x, y = rng.normal(size=(30, 6)), rng.normal(size=6)
    options = {"permutation_type": "pairings", "n_resamples": np.inf}
    exact = [
        stats.permutation_test((row,), lambda one: stats.spearmanr(one, y).statistic, **options).pvalue
        for row in x[:4]
    ]
    np.testing.assert_allclose(spearman_pvalue(spearman_rows(x, y), 6)[:4], exact, atol=1e-9)
    assert spearman_pvalue(np.array([1.0, np.nan]), 8)[0] == pytest.approx(2 / 40320)
    assert np.isnan(spearman_pvalue(np.array([np.nan]), 8)[0])
    np.testing.assert_allclose(spearman_pvalue(np.array([0.5]), 10), correlation_pvalues(np.array([0.5]), 8))


def test_rank_sum_is_scipys(rng):
    x, case = rng.normal(size=(5, 12)), np.arange(12) < 5
    x[4] = 1
    expected = [stats.mannwhitneyu(row[case], row[~case]).pvalue for row in x[:4]]
    result = rank_sum(x, case)
    np.testing.assert_allclose(result[:4], expected)
    assert np.isnan(result[4])


def residual(y, design):
    design = np.column_stack([np.ones(len(y)), *design])
    return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]


def test_partial_is_the_correlation_of_residuals_of_ranks(rng):
    n = 20
    x, first, shared, y = (
        rng.normal(size=(6, n)),
        rng.normal(size=(6, n)),
        rng.normal(size=n),
        rng.normal(size=n),
    )
    x += first + y * 0.5
    result = Adjusted(x, None, [first, shared]).rho(y)
    for gene in range(6):
        design = [stats.rankdata(first[gene]), stats.rankdata(shared)]
        a, b = residual(stats.rankdata(x[gene]), design), residual(stats.rankdata(y), design)
        assert result[gene] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-10)


def test_controls_that_are_constant_or_repeat_cost_no_freedom(rng):
    x, y, one = rng.normal(size=(3, 24)), rng.normal(size=24), rng.normal(size=24)
    plain = Adjusted(x, None, [one])
    same = Adjusted(x, None, [one, np.ones(24), one * 2])
    np.testing.assert_allclose(same.rho(y), plain.rho(y), atol=1e-10)
    assert (same.freedom == plain.freedom).all() and plain.freedom[0] == 21


def test_controls_are_limited_by_the_number_of_lines(rng):
    x = rng.normal(size=(2, 8))
    controlled = Adjusted(x, None, [rng.normal(size=8)] * 4, ["mean", "detection", "depth", "n_cells"])
    assert controlled.names == ("mean",)
    assert Adjusted(x[:, :4], None, [x[0, :4]], ["mean"]).names == ()


def test_a_gene_that_is_its_control_is_not_tested(rng):
    x, y = rng.normal(size=(1, 20)), rng.normal(size=20)
    assert np.isnan(Adjusted(x, None, [x * 3]).rho(y)).all()


def null_pvalues(rng, repeats, n, kind):
    """Return p of `repeats` independent genes with centrality that hangs on expression and not on y."""
    mean = rng.normal(size=(repeats, n))
    x = mean + rng.normal(size=(repeats, n))
    y = np.arange(n) if kind == "continuous" else np.repeat(["case", "control"], [n // 2, n - n // 2])
    controls = {"mean": mean, "depth": rng.normal(size=n)}
    table, _ = associate_genes(x, phenotype_of(y), controls, range(repeats), permutations=99, rng=rng)
    return table


@pytest.mark.parametrize("kind", ["continuous", "groups"])
@pytest.mark.parametrize("n", [12, 41])
def test_type_one_error(rng, kind, n):
    table = null_pvalues(rng, 4000, n, kind)
    # the rank sum takes few values, so its level may be below the nominal one
    low = 0.03 if kind == "groups" else 0.04
    assert low <= (table["pvalue"] < 0.05).mean() <= 0.06
    assert 0.04 <= (table["pvalue_partial"] < 0.05).mean() <= 0.06
    assert low <= (table["pvalue_permuted"] <= 0.05).mean() <= 0.06


def test_type_one_error_when_expression_follows_the_phenotype(rng):
    n, repeats = 30, 3000
    y = np.arange(n)
    mean = y * 0.1 + rng.normal(size=(repeats, n))
    x = mean + rng.normal(size=(repeats, n))
    table, _ = associate_genes(x, phenotype_of(y), {"mean": mean}, range(repeats), permutations=9)
    assert (table["pvalue"] < 0.05).mean() > 0.3
    assert 0.03 <= (table["pvalue_partial"] < 0.05).mean() <= 0.07


def test_bins_taken_for_samples_would_find_what_is_not_there(rng):
    """The control: with several bins a line, tests on bins are far from their level; tests on lines hold."""
    lines, repeats = 41, 600
    bins = rng.integers(1, 6, lines)
    owner = np.repeat(np.arange(lines), bins)
    noise = rng.normal(size=(repeats, lines))
    values = noise[:, owner] + 0.5 * rng.normal(size=(repeats, len(owner)))
    y = rng.normal(size=(repeats, lines))
    by_bin = correlation_pvalues(np.diagonal(spearman_rows(values, y[:, owner])), len(owner) - 2)
    means = np.stack([values[:, owner == line].mean(axis=1) for line in range(lines)], axis=1)
    by_line = correlation_pvalues(np.diagonal(spearman_rows(means, y)), lines - 2)
    assert (by_bin < 0.05).mean() > 0.15
    assert 0.03 <= (by_line < 0.05).mean() <= 0.07


def test_a_call_needs_the_controlled_test_and_its_sign(rng):
    """Genes that follow expression are not called, whatever sign is left; nor are those whose sign turns."""
    n, repeats = 60, 20
    y = np.linspace(0, 1, n)
    mean = 3 * y + rng.normal(0, 0.5, (2 * repeats, n))
    x = mean + rng.normal(0, 0.05, mean.shape)
    x[repeats:] -= 2 * y
    table, _ = associate_genes(x, phenotype_of(y), {"mean": mean}, range(2 * repeats), rng=rng)
    followers, turned = table[:repeats], table[repeats:]
    assert (followers["fdr"] < 0.05).all() and (followers["rho_partial"] > 0).sum() >= 5
    assert (followers["call"] == "with expression").sum() >= repeats - 2
    both = (turned["fdr"] < 0.05) & (turned["fdr_partial"] < 0.05)
    assert both.sum() >= 10 and (turned.loc[both, "rho_partial"] < 0).all()
    assert (turned.loc[both, "call"] == "with expression").all()


def test_calls(rng):
    n = 30
    y = np.linspace(0, 1, n)
    mean = rng.normal(size=(3, n)) * 0.1
    mean[1] += y * 3
    x = np.stack([y + rng.normal(0, 0.1, n), mean[1] + rng.normal(0, 0.05, n), rng.normal(size=n)])
    table, null = associate_genes(x, phenotype_of(y), {"mean": mean}, "abc", permutations=200, rng=rng)
    assert table["call"].tolist() == ["connectivity", "with expression", ""]
    assert table["rho_mean_expression"].abs().argmax() == 1
    counts = null[null["statistic"].str.startswith("genes found")]
    assert counts["value"].tolist() == [2, 1] and (counts["null_mean"] < 0.5).all()
    shares = null[null["statistic"].str.startswith(BELOW)]
    assert shares["statistic"].tolist() == [BELOW, f"{BELOW}, controlled"]
    assert (shares["value"] >= 1 / 3).all() and shares["null_mean"].between(0.02, 0.08).all()


def test_missing_values_and_constant_genes_keep_their_rows(rng):
    values = [None if at in (2, 5) else float(at) for at in range(14)]
    x = rng.normal(size=(3, 14))
    x[1] = 2
    x[2, 0] = np.nan
    phenotype = phenotype_of(values)
    table, _ = associate_genes(x, phenotype, {"mean": x}, "abc", permutations=20, rng=rng)
    assert table["gene"].tolist() == list("abc") and (table["n"] == 12).all()
    assert table["pvalue"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0] * 8, "all 8 lines have the value '1.0'"),
        ([1, 2, None, None, None, None, None, 4], "3 lines have a value, networks.min_lines is 6"),
        (list("abcdefgh"), "8 groups of 8 lines: text that tells lines apart"),
        (list("aaaaaaab"), "a group has one line ('b')"),
        ([None] * 8, "0 lines have a value"),
        ([*range(7), np.inf], "1 lines have an infinite value"),
    ],
)
def test_phenotypes_that_cannot_be_tested(values, reason):
    result, why = read_phenotype(pd.Series(values, name="y"))
    assert result is None and why.startswith(reason)


def test_kinds_of_phenotypes():
    assert phenotype_of([0, 1, 2, 3, 4, 5]).kind == "continuous"
    assert phenotype_of([0, 1, 0, 1, 1, 1]).groups == ("0", "1")
    result = phenotype_of(["case", "control", "", "case", "control", "case", "case"])
    assert result.groups == ("control", "case") and result.n == 6 and result.two
    three = phenotype_of(list("aabbcc"))
    assert three.kind == "groups" and three.many == 3 and not three.two


def test_only_the_central_genes_are_tested_together():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 14)) * 0.1 + np.linspace(0, 1, 60)[:, None]
    y = np.arange(14.0)
    x[50] += 0.05 * y  # a central gene and a peripheral one that follow the phenotype
    x[2] += 0.05 * y
    settings = {"permutations": 50, "rng": np.random.default_rng(0)}
    every, _ = associate_genes(x, phenotype_of(y), {}, range(60), **settings)
    settings["rng"] = np.random.default_rng(0)
    half, null = associate_genes(x, phenotype_of(y), {}, range(60), fraction=0.5, **settings)
    kept = central_genes(x, 0.5)
    assert kept.sum() == 30 and (np.flatnonzero(kept) >= 20).all()
    pd.testing.assert_series_equal(half["pvalue"], every["pvalue"])
    assert half.loc[~kept, "fdr"].isna().all() and half.loc[~kept, "fdr_partial"].isna().all()
    expected = stats.false_discovery_control(every.loc[kept, "pvalue"])
    np.testing.assert_allclose(half.loc[kept, "fdr"], expected)
    assert every["call"][2] == "connectivity" == half["call"][50] and half["call"][2] == ""
    found = null.set_index("statistic").loc["genes found", "value"]
    assert found == (half["fdr"] < 0.05).sum()


def test_selecting_by_the_mean_leaves_p_values_uniform():
    rng, small = np.random.default_rng(5), []
    for _ in range(60):
        x = rng.gamma(1.0, size=(40, 12))
        y = phenotype_of(rng.normal(size=12))
        table, _ = associate_genes(x, y, {}, range(40), permutations=0)
        small.append(table.loc[central_genes(x, 0.5), "pvalue"] < 0.05)
    assert 0.03 < np.mean(small) < 0.07
