"""Sums over the pairs of an entry's genes, against dense arithmetic; weak networks beside strong ones."""

import numpy as np
import pytest
from scipy import sparse

from panscape.coscape.dictionary.elbow import grown_elbow_table
from panscape.coscape.dictionary.grow import _seeds
from panscape.coscape.dictionary.pair_data import PairData
from panscape.coscape.dictionary.pair_index import PairIndex
from panscape.coscape.dictionary.products import unit_loadings
from panscape.coscape.dictionary.settings import DictionarySettings

GENES = 15


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    first, second = np.triu_indices(GENES, 1)
    stored = rng.permutation(len(first))[:60]  # in any order
    data = sparse.random(20, 60, density=0.3, random_state=1, format="csr")
    swapped = rng.random(60) < 0.5
    one, two = first[stored], second[stored]
    return PairData.of(data, PairIndex(np.where(swapped, two, one), np.where(swapped, one, two), GENES))


@pytest.fixture
def loadings():
    rng = np.random.default_rng(2)
    return np.where(rng.random((4, GENES)) < 0.4, rng.random((4, GENES)), 0)


def test_products_with_entries(pairs, loadings):
    dense = pairs.data.toarray() @ pairs.ends.products(loadings).T
    np.testing.assert_allclose(pairs.products(loadings), dense, rtol=1e-12)
    assert pairs.products(np.zeros((0, GENES))).shape == (20, 0)


def test_pull_of_an_entry_however_often_it_is_asked(pairs, loadings):
    code = np.random.default_rng(3).random(20)
    cross = pairs.data.T @ code
    pull = pairs.pull(code)
    for row in [*loadings, *loadings]:
        np.testing.assert_allclose(pull(row), pairs.ends.times(cross, row), rtol=1e-12, atol=1e-14)


def test_residual_is_at_the_stored_values(pairs, loadings):
    codes = np.random.default_rng(4).random((20, 4))
    before = pairs.data.toarray()
    left = pairs.residual(loadings, codes).toarray()
    fitted = codes @ pairs.ends.products(loadings)
    np.testing.assert_allclose(left, np.where(before != 0, before - fitted, 0), atol=1e-12)
    np.testing.assert_array_equal(pairs.data.toarray(), before)


def weak_beside_strong(seed, modules=5, n=90, genes=70, size=10):
    """Return data in which two networks are weak and used by few panclusters, and the genes of each."""
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(genes, 1)
    values = np.zeros((n, len(first)))
    owner = np.repeat(np.arange(modules + 2), size)
    for at in range(modules):
        inside = (owner[first] == at) & (owner[second] == at)
        weak = at >= modules - 2
        used = np.arange(n) < 8 if weak else rng.random(n) < 0.5
        used = np.roll(used, 9 * at)
        strength = 0.25 if weak else 0.8
        values[np.ix_(used, inside)] = strength * rng.uniform(0.8, 1, (used.sum(), inside.sum()))
    false = (rng.random(values.shape) < 0.02) & (values == 0)
    values[false] = rng.uniform(0.1, 0.2, false.sum())
    return sparse.csr_matrix(values), PairIndex(first, second, genes), modules


@pytest.mark.parametrize("seed", range(3))
def test_weak_networks_count_beside_strong_ones(seed):
    data, ends, modules = weak_beside_strong(seed)
    table = grown_elbow_table(data, ends, range(1, 9), alpha=0.001, seed=seed)
    assert table.loc[table["suggested"], "k"].item() == modules
    chance = table["chance_gain"].to_numpy()
    assert (np.diff(chance) <= 0).all() and chance[-1] < chance[0] / 2
    # against chance in the data as they are, the weak ones would not count
    assert (table["gain"] > 1.5 * chance[0]).sum() == modules - 2


def test_minimum_number_of_panclusters():
    assert DictionarySettings(min_panclusters=7).least_panclusters(1000) == 7
    assert [DictionarySettings().least_panclusters(count) for count in (1, 120, 299, 300, 5000)] == [
        3,
        4,
        9,
        10,
        10,
    ]
    for wrong in (0, 2.5, "few"):
        with pytest.raises(ValueError, match="min_panclusters"):
            DictionarySettings(min_panclusters=wrong)


def test_seeds_are_genes_and_their_pairs_in_what_entries_leave_of_one_pancluster():
    rng = np.random.default_rng(4)
    first, second = np.triu_indices(12, 1)
    ends = PairIndex(first, second, 12)
    dense = np.where(rng.random((9, len(first))) < 0.4, rng.uniform(-0.2, 1, (9, len(first))), 0)
    loadings, codes = rng.random((2, 12)), rng.random((9, 2))
    left = rng.random(9)
    seeds = _seeds(sparse.csr_matrix(dense), ends, loadings, codes, left, np.random.default_rng(7))
    again = np.random.default_rng(7)
    rows = again.choice(9, size=len(seeds), p=left / left.sum())
    expected = np.zeros((len(rows), 12))
    for at, row in enumerate(rows):  # over all pairs, also those without a value
        values = np.maximum(dense[row] - codes[row] @ ends.products(loadings), 0)
        square = np.zeros((12, 12))
        square[first, second] = values
        square += square.T
        weight = (square**2).sum(axis=1)
        if weight.sum() > 0:
            gene = again.choice(12, p=weight / weight.sum())
            expected[at] = square[gene]
            expected[at, gene] = square[gene].max()
    assert (expected.sum(axis=1) > 0).any()
    assert seeds == pytest.approx(unit_loadings(expected))
