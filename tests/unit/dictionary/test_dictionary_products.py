"""Entries that are products of loadings: against dense arithmetic, and on networks that are used together."""

import numpy as np
import pandas as pd
import pytest
from planted_networks import planted
from scipy import sparse

from panscape.coscape.dictionary.choose import fit_starts, match_entries
from panscape.coscape.dictionary.coding import lasso_codes
from panscape.coscape.dictionary.elbow import grown_elbow_table
from panscape.coscape.dictionary.grow import _renamed, chance_gain, grow_entries
from panscape.coscape.dictionary.products import (
    PairIndex,
    inner_products,
    learn_products,
    step_towards,
    unit_loadings,
)
from panscape.coscape.dictionary.settings import DictionarySettings


def all_pairs(loadings):
    first, second = np.triu_indices(loadings.shape[-1], 1)
    return loadings[..., first] * loadings[..., second]


def found_pairs(data, first, second):
    """Return the data at the pairs that occur, and their genes."""
    columns = np.flatnonzero(np.bincount(data.indices, minlength=data.shape[1]))
    return sparse.csr_matrix(data[:, columns]), first[columns], second[columns], columns


def together(seed, n=120, genes=60, size=10, noise=0.02):
    """Return data of four networks of which the first two are always used together, and their entries."""
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(genes, 1)
    loadings = np.zeros((4, genes))
    for at in range(4):
        loadings[at, at * size : (at + 1) * size] = rng.uniform(0.7, 1, size)
    usage = np.where(rng.random((n, 4)) < 0.4, rng.uniform(0.5, 1, (n, 4)), 0)
    usage[:, 1] = usage[:, 0]
    values = usage @ all_pairs(loadings)
    values[values < 0.2] = 0
    false = (rng.random(values.shape) < noise) & (values == 0)
    values[false] = rng.uniform(0.2, 0.4, false.sum())
    return sparse.csr_matrix(values), all_pairs(unit_loadings(loadings)), first, second


def test_sums_over_all_pairs_equal_dense_ones():
    rng = np.random.default_rng(0)
    one, two = rng.random((3, 9)), rng.random((2, 9))
    np.testing.assert_allclose(inner_products(one, two), all_pairs(one) @ all_pairs(two).T)
    np.testing.assert_allclose(np.linalg.norm(all_pairs(unit_loadings(5 * one)), axis=1), 1)
    np.testing.assert_array_equal(unit_loadings(np.zeros((1, 4))), 0)
    short = 0.1 * one
    np.testing.assert_array_equal(unit_loadings(short, max_norm=1.0), short)


def test_updates_never_move_away_from_the_target():
    rng = np.random.default_rng(1)
    genes = 12
    first, second = np.triu_indices(genes, 1)
    stored = rng.random(len(first)) < 0.7
    ends = PairIndex(first[stored], second[stored], genes)
    others, weights = rng.random((3, genes)), rng.random(3)
    for trial in range(20):
        cross = np.zeros(len(first))
        cross[stored] = rng.normal(0.5, 1, stored.sum())
        target = cross - weights @ all_pairs(others)
        start = rng.random(genes)

        def pull(vector, cross=cross):
            return ends.times(cross[stored], vector)

        new = step_towards(pull, start, others, weights, steps=1 + trial % 4)
        before = max(all_pairs(start) @ target, 0) ** 2 / (all_pairs(start) ** 2).sum()
        left = ((target - all_pairs(new)) ** 2).sum()
        assert left <= (target**2).sum() - before + 1e-9
        assert (new >= 0).all()


def test_one_network_is_found_exactly():
    rng = np.random.default_rng(2)
    planted = np.concatenate([rng.uniform(0.5, 1, 8), np.zeros(4)])
    first, second = np.triu_indices(12, 1)
    data = sparse.csr_matrix(np.outer(rng.random(30), all_pairs(planted)))
    data, first, second, _ = found_pairs(data, first, second)
    grown = grow_entries(data, PairIndex(first, second, 12), 3, alpha=0.0, rng=rng)
    assert grown.errors[0] < 1e-6
    np.testing.assert_allclose(unit_loadings(grown.loadings[0]), unit_loadings(planted), atol=1e-3)


def test_fit_is_what_it_says():
    data, _, first, second = together(0)
    data, first, second, columns = found_pairs(data, first, second)
    assert len(columns) < 60 * 59 / 2
    ends = PairIndex(first, second, 60)
    start = np.abs(np.random.default_rng(0).standard_normal((5, 60)))
    kept = start.copy()
    fit, loadings = learn_products(data, ends, start, alpha=0.05, max_iter=30, tol=0.0)
    np.testing.assert_array_equal(start, kept)
    assert (np.diff(fit.history) <= 1e-9 * fit.history[0]).all()
    assert (np.linalg.norm(all_pairs(loadings), axis=1) <= 1 + 1e-9).all()
    np.testing.assert_allclose(np.linalg.norm(fit.entries, axis=1), 1)
    assert (fit.codes >= 0).all() and (fit.entries >= 0).all()
    # the objective counts the pairs found nowhere: dense arithmetic over all pairs
    dense = np.zeros((data.shape[0], 60 * 59 // 2))
    dense[:, columns] = data.toarray()
    entries = all_pairs(loadings)
    codes = lasso_codes(entries @ entries.T, dense @ entries.T, 0.05)
    best = 0.5 * ((dense - codes @ entries) ** 2).sum() + 0.05 * codes.sum()
    assert best <= fit.objective * (1 + 1e-9)
    assert best == pytest.approx(fit.objective, rel=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_networks_used_together_stay_apart(seed):
    data, entries, first, second = together(seed)
    data, first, second, columns = found_pairs(data, first, second)
    ends = PairIndex(first, second, 60)
    options = {"alpha": 0.001, "starts": 3, "max_iter": 50}
    choice = fit_starts(data, 4, ends=ends, **options)
    assert match_entries(entries[:, columns], choice.fit.entries)[1].min() >= 0.95
    assert choice.stability.min() > 0.95
    free = fit_starts(data, 4, **options)
    assert match_entries(entries[:, columns], free.fit.entries)[1].min() < 0.9  # what products are for


@pytest.mark.parametrize("seed", range(4))
def test_their_number_is_found_whatever_the_range(seed):
    data, entries, _, first, second = planted(seed, n=140, genes=80)
    ends = PairIndex(first, second, 80)
    ks = []
    for most in (10, 15):
        table = grown_elbow_table(data, ends, range(2, most), alpha=0.001, seed=seed)
        assert (table["chance_gain"] > 0).all() and (np.diff(table["error"]) <= 1e-6).all()
        ks.append(table.loc[table["suggested"], "k"].item())
    assert abs(ks[0] - len(entries)) <= 1 and ks[0] == ks[1]
    choice = fit_starts(data, len(entries), alpha=0.001, starts=3, ends=ends)
    assert match_entries(entries, choice.fit.entries)[1].min() >= 0.9


def test_without_shared_networks_hardly_any_entry_is_suggested():
    data, _, _, first, second = planted(0, n=80, genes=60, modules=3)
    other, ends = _renamed(data, PairIndex(first, second, 60), np.random.default_rng(3))
    assert grown_elbow_table(other, ends, range(1, 9), alpha=0.001)["suggested"].argmax() == 0


def test_renaming_keeps_every_pancluster_and_breaks_what_they_share():
    data, _, _, first, second = planted(1, n=50, genes=60, modules=3)
    ends = PairIndex(first, second, 60)
    other, its_ends = _renamed(data, ends, np.random.default_rng(0))
    for row in range(50):
        np.testing.assert_allclose(np.sort(other[[row]].data), np.sort(data[[row]].data))
    degrees = [
        np.sort(e.times(np.asarray((m[[7]] != 0).todense()).ravel().astype(float), np.ones(60)))
        for m, e in ((data, ends), (other, its_ends))
    ]
    np.testing.assert_array_equal(*degrees)
    chance = chance_gain(data, ends, alpha=0.001, rng=np.random.default_rng(0))
    real = grow_entries(data, ends, 3, alpha=0.001, rng=np.random.default_rng(0)).gains
    assert real.min() > 2 * chance


def test_growth_ends_where_nothing_is_left(caplog):
    first, second = np.triu_indices(5, 1)
    data = sparse.csr_matrix(np.ones((6, 10)))
    grown = grow_entries(data, PairIndex(first, second, 5), 4, alpha=0.0, rng=np.random.default_rng(0))
    assert 1 <= len(grown.errors) <= 2 and grown.errors[-1] < 1e-6
    choice = fit_starts(data, 4, alpha=0.0, starts=2, ends=PairIndex(first, second, 5))
    assert choice.fit.n_entries == len(choice.stability) <= 2
    negative = sparse.csr_matrix(-np.ones((6, 10)))
    with pytest.raises(ValueError, match="no positive value"):
        grown_elbow_table(negative, PairIndex(first, second, 5), [2, 3], alpha=0.1)


def test_ends_are_of_two_genes():
    ends = PairIndex.of(np.array(["b", "a"], dtype=object), np.array(["c", "c"], dtype=object))
    assert ends.n_genes == 3 and ends.first.tolist() == [1, 0] and ends.second.tolist() == [2, 2]
    with pytest.raises(ValueError, match="two genes"):
        PairIndex.of(np.array(["a"]), np.array(["a"]))
    with pytest.raises(ValueError, match="off-diagonal"):
        DictionarySettings(pairs="symmetric")
    with pytest.raises(ValueError, match="entries"):
        DictionarySettings(entries="other")


def test_result_does_not_depend_on_threads():
    data, _, _, first, second = planted(0, n=60, genes=50, modules=3)
    ends = PairIndex(first, second, 50)
    one, two = (fit_starts(data, 3, alpha=0.01, starts=3, threads=t, ends=ends) for t in (1, 2))
    assert one.objectives == two.objectives
    np.testing.assert_array_equal(one.fit.entries, two.fit.entries)
    curves = [grown_elbow_table(data, ends, range(2, 6), alpha=0.01, threads=t) for t in (1, 2)]
    pd.testing.assert_frame_equal(*curves)
