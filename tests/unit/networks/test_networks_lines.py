"""Maps of lines, their association with phenotypes and their reliability."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import pdist, squareform

from panscape.sivae.networks.associate import associate, coordinates, distances
from panscape.sivae.networks.phenotype import read_phenotype
from panscape.sivae.networks.reliability import reliability, vector_similarity


def phenotype_of(values):
    return read_phenotype(pd.Series(values, name="y"))[0]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    "values", [[1.0, 2, 3, 4], [1.0, 1, 2, 3, 4, 5], list("aabbb"), list("aaabbb"), [0, 1] * 3]
)
def test_the_smallest_p_is_that_of_all_orders(values):
    phenotype = read_phenotype(pd.Series(values, name="y"), min_lines=2)[0]
    orders = {tuple(order) for order in permutations(phenotype.values)}
    assert phenotype.arrangements == len(orders)
    assert phenotype.smallest_pvalue == pytest.approx(2 / len(orders))


def test_coordinates_keep_distances(rng):
    x = rng.normal(size=(9, 3))
    result, share = coordinates(x @ x.T, 3)
    np.testing.assert_allclose(pdist(result), pdist(x))
    assert share.sum() == pytest.approx(1) and (np.diff(share) <= 0).all()
    np.testing.assert_allclose(distances(x @ x.T), squareform(pdist(x)), atol=1e-7)


def test_coordinates_of_one_or_equal_lines():
    assert coordinates(np.ones((1, 1)))[0].shape == (1, 0)
    assert coordinates(np.ones((4, 4)))[0].shape == (4, 0)


def by_hand(kernel, values):
    """Return the pseudo-F of groups by sums of squared distances (Anderson 2001)."""
    d2, n, groups = distances(kernel) ** 2, len(values), np.unique(values)
    total = d2[np.triu_indices(n, 1)].sum() / n
    within = 0.0
    for group in groups:
        members = np.flatnonzero(values == group)
        within += d2[np.ix_(members, members)][np.triu_indices(len(members), 1)].sum() / len(members)
    return ((total - within) / (len(groups) - 1)) / (within / (n - len(groups)))


@pytest.mark.parametrize("labels", [list("aaaabbbbcc"), list("aaaaabbbbb")])
def test_permanova_of_groups_is_andersons(rng, labels):
    x = rng.normal(size=(10, 4))
    result = associate(x @ x.T, phenotype_of(labels), permutations=0, rng=rng).set_index("test")
    assert result.loc["permanova", "value"] == pytest.approx(by_hand(x @ x.T, np.array(labels)))
    assert np.isnan(result.loc["permanova", "pvalue"])


def test_permanova_of_numbers_is_regression(rng):
    x, y = rng.normal(size=(10, 1)), rng.normal(size=10)
    result = associate(x @ x.T, phenotype_of(y), permutations=0, rng=rng).set_index("test")
    r2 = stats.pearsonr(x[:, 0], y).statistic ** 2
    assert result.loc["permanova", "value"] == pytest.approx(r2 / (1 - r2) * 8)
    assert result.loc["pc1", "value"] == pytest.approx(abs(stats.spearmanr(x[:, 0], y).statistic))
    mantel = stats.spearmanr(pdist(x), np.abs(np.subtract.outer(y, y))[np.triu_indices(10, 1)]).statistic
    assert result.loc["mantel", "value"] == pytest.approx(mantel)


@pytest.mark.parametrize("kind", ["continuous", "groups"])
def test_null_is_uniform_and_signal_is_found(rng, kind):
    n = 14
    y = np.arange(n) if kind == "continuous" else np.repeat(["a", "b"], n // 2)
    null = []
    for _ in range(120):
        x = rng.normal(size=(n, 5))
        null.append(associate(x @ x.T, phenotype_of(y), permutations=79, rng=rng)["pvalue"].to_numpy())
    level = (np.array(null) <= 0.1).mean(axis=0)
    assert (level > 0.02).all() and (level < 0.2).all()
    x = rng.normal(size=(n, 5))
    x[:, 0] += 6 * (np.arange(n) / n if kind == "continuous" else np.arange(n) // 7)
    result = associate(x @ x.T, phenotype_of(y), permutations=199, rng=rng)
    assert (result["pvalue"] < 0.05).all() and (result["value"] > result["null_mean"]).all()


def test_lines_without_a_phenotype_are_left_out(rng):
    x, y = rng.normal(size=(9, 2)), [1.0, None, *np.arange(7.0)]
    kept = [0, *range(2, 9)]
    one = associate(x @ x.T, phenotype_of(y), permutations=0, rng=rng)
    two = associate(x[kept] @ x[kept].T, phenotype_of([y[at] for at in kept]), permutations=0, rng=rng)
    np.testing.assert_allclose(one["value"], two["value"])
    assert (one["n"] == 8).all()


def test_equal_lines_are_not_tested():
    result = associate(
        np.ones((8, 8)), phenotype_of(np.arange(8)), permutations=20, rng=np.random.default_rng(0)
    )
    assert result["value"].isna().all() and result["pvalue"].isna().all() and (result["spread"] == 0).all()


def test_reliability_flags():
    line = np.array([0, 0, 1, 1, 2, 2, 3])
    s = np.full((7, 7), 0.5)
    s[0, 1] = s[1, 0] = 0.9  # its own
    s[2, 3] = s[3, 2] = 0.4  # alike, but no more than others
    s[4, 5] = s[5, 4] = 0.1
    result = reliability({"m": s}, line, list("abcd"), source="bins", min_agreement=0.2)
    assert result["flag"].tolist() == ["", "not distinct", "unreliable", "unknown"]
    assert result["within"].tolist()[:3] == [0.9, 0.4, 0.1] and result["others"].iloc[0] == 0.5
    assert result["rank"].tolist()[:3] == [1.0, 0.0, 0.0] and result["parts"].tolist() == [2, 2, 2, 1]
    strict = reliability({"m": s}, line, list("abcd"), source="bins", min_agreement=0.2, chance={"m": 0.35})
    assert strict["flag"].tolist()[:2] == ["", "unreliable"]


def test_similarity_of_vectors_is_spearmans(rng):
    x = rng.normal(size=(3, 30))
    x[2] = 1
    result = vector_similarity(x)
    assert result[0, 1] == pytest.approx(stats.spearmanr(x[0], x[1]).statistic)
    assert result[0, 2] == 0 and result[2, 2] == 1
