import numpy as np
import pandas as pd
import pytest
from planted_networks import planted
from scipy import optimize, sparse
from sklearn.decomposition import dict_learning

from panscape.coscape.dictionary.choose import fit_starts, match_entries
from panscape.coscape.dictionary.coding import lasso_codes
from panscape.coscape.dictionary.elbow import _lower_hull, elbow_table, suggest_k
from panscape.coscape.dictionary.learn import learn_entries
from panscape.coscape.dictionary.starts import profile_start, singular_start, spread_start


def lasso_by_nnls(gram, target, alpha):
    """Solve one non-negative lasso as a non-negative least squares problem."""
    root = np.linalg.cholesky(gram)
    return optimize.nnls(root.T, np.linalg.solve(root, target - alpha))[0]


@pytest.mark.parametrize("alpha", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("spread", [1.0, 0.02])
def test_codes_are_the_lasso_optimum(alpha, spread):
    rng = np.random.default_rng(1)
    # small spread: entries that hardly differ, where coordinate descent alone crawls
    entries = rng.random(40) + spread * rng.random((7, 40))
    data = rng.standard_normal((60, 40)) + rng.random((60, 7)) @ entries
    gram, target = entries @ entries.T, data @ entries.T
    codes = lasso_codes(gram, target, alpha)
    assert (codes >= 0).all()
    expected = np.array([lasso_by_nnls(gram, row, alpha) for row in target])
    np.testing.assert_allclose(codes, expected, atol=1e-5 * np.abs(expected).max())
    slope = target - alpha - codes @ gram
    assert slope.max() <= 1e-8 * np.abs(target).max()
    assert np.abs(slope[codes > 0]).max() <= 1e-8 * np.abs(target).max()


def test_codes_with_empty_and_identical_entries():
    entries = np.array([[1.0, 2, 0], [0, 0, 0], [1, 2, 0]])
    data = np.array([[2.0, 4, 1], [0, 0, 3], [-1, -1, 0]])
    codes = lasso_codes(entries @ entries.T, data @ entries.T, 0.1)
    assert (codes[:, 1] == 0).all() and (codes[1:] == 0).all()
    assert codes[0].sum() == pytest.approx((10 - 0.1) / 5)
    assert lasso_codes(np.zeros((2, 2)), np.zeros((0, 2)), 0.1).shape == (0, 2)


@pytest.mark.parametrize("alpha", [0.1, 2.0])
def test_learning_matches_scikit_learn(alpha):
    data, *_ = planted(0, n=200, genes=80)
    dense = data.toarray()
    dense[dense < 0.4] *= -1  # correlations have both signs
    data = sparse.csr_matrix(dense)
    left, values, right = np.linalg.svd(dense, full_matrices=False)
    entries, codes = values[:6, None] * right[:6], left[:, :6]
    theirs_codes, theirs, errors = dict_learning(
        dense, 6, alpha=alpha, max_iter=100, tol=1e-8, method="cd", positive_code=True, positive_dict=True,
        dict_init=entries.copy(), code_init=codes.copy(), random_state=np.random.RandomState(0),
    )  # fmt: skip
    fit = learn_entries(data, entries, codes, alpha=alpha, rng=np.random.RandomState(0))
    assert len(fit.history) == len(errors)
    np.testing.assert_allclose(fit.history, errors, rtol=1e-6)
    assert fit.objective <= errors[-1] * (1 + 1e-9)
    cosine = (fit.entries * theirs).sum(axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosine.min() >= 0.999
    assert np.abs(fit.codes - theirs_codes).max() < 0.05 * theirs_codes.max()


def test_unused_entries_are_redrawn_as_scikit_learn_does():
    data, *_ = planted(1, n=80, genes=40, modules=3)
    dense = data.toarray()
    rng = np.random.default_rng(0)
    entries = np.abs(rng.standard_normal((5, dense.shape[1])))
    entries[3:] = -1  # never used: their codes are 0
    codes = np.zeros((80, 5))
    _, _, errors = dict_learning(
        dense, 5, alpha=0.5, max_iter=30, tol=0, method="cd", positive_code=True, positive_dict=True,
        dict_init=entries.copy(), code_init=codes.copy(), random_state=np.random.RandomState(4),
    )  # fmt: skip
    fit = learn_entries(data, entries, codes, alpha=0.5, max_iter=30, tol=0, rng=np.random.RandomState(4))
    np.testing.assert_allclose(fit.history, errors, rtol=1e-6)


def test_fit_is_what_it_says():
    data, *_ = planted(2, n=90, genes=50, modules=4)
    start = singular_start(data, 4, np.random.default_rng(0))
    kept = [part.copy() for part in start]
    fit = learn_entries(data, *start, alpha=0.7)
    assert all(np.array_equal(a, b) for a, b in zip(start, kept, strict=True))
    residual = data.toarray() - fit.codes @ fit.entries
    assert fit.objective == pytest.approx(0.5 * (residual**2).sum() + 0.7 * fit.codes.sum(), rel=1e-10)
    assert fit.error == pytest.approx((residual**2).sum() / (data.data**2).sum(), rel=1e-9)
    assert (fit.entries >= 0).all() and (fit.codes >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(fit.entries, axis=1), 1)
    assert (np.diff(fit.history) <= 1e-9 * fit.history[0]).all()


def test_singular_start_is_the_decomposition():
    data, *_ = planted(3, n=70, genes=80)
    entries, codes = singular_start(data, 5, np.random.default_rng(0))
    left, values, right = np.linalg.svd(data.toarray(), full_matrices=False)
    np.testing.assert_allclose(np.linalg.norm(entries, axis=1), values[:5], rtol=1e-6)
    np.testing.assert_allclose(codes @ entries, (left[:, :5] * values[:5]) @ right[:5], atol=1e-3)
    largest = np.abs(codes).argmax(axis=0)
    assert (codes[largest, range(5)] > 0).all()


def test_more_entries_than_the_rank():
    data = sparse.csr_matrix(np.array([[1.0, 0, 2], [0, 1, 0]]))
    choice = fit_starts(data, 5, alpha=0.01, starts=3, max_iter=20)
    assert choice.fit.error < 0.01
    assert np.isfinite(choice.fit.entries).all()


def test_data_without_values_is_refused():
    with pytest.raises(ValueError, match="no nonzero value"):
        learn_entries(sparse.csr_matrix((3, 4)), np.ones((2, 4)))
    with pytest.raises(ValueError, match="columns"):
        learn_entries(sparse.csr_matrix(np.ones((3, 4))), np.ones((2, 5)))


@pytest.mark.parametrize("seed", range(5))
def test_planted_networks_and_their_number_are_found(seed):
    data, entries, *_ = planted(seed, n=160, genes=110)
    table = elbow_table(data, range(2, 14), alpha=0.1)
    suggested = table.loc[table["suggested"], "k"].item()
    assert abs(suggested - len(entries)) <= 1
    choice = fit_starts(data, len(entries), alpha=0.1, starts=3)
    assert match_entries(entries, choice.fit.entries)[1].min() >= 0.9
    assert choice.stability.min() > 0.95
    assert choice.objectives[choice.best] == min(choice.objectives) == choice.fit.objective


@pytest.mark.parametrize("start", [spread_start, profile_start])
def test_starts_are_usable_entries(start):
    data, *_ = planted(0, n=60, genes=50, modules=4)
    entries, codes = start(data, 6, np.random.default_rng(0))
    assert entries.shape == (6, data.shape[1]) and codes.shape == (60, 6) and not codes.any()
    assert (entries >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(entries, axis=1), 1)
    negative = sparse.csr_matrix(-np.ones((4, 3)))
    assert np.isfinite(start(negative, 2, np.random.default_rng(0))[0]).all()


def test_result_does_not_depend_on_threads():
    data, *_ = planted(0, n=60, genes=50, modules=4)
    one, two = (fit_starts(data, 5, alpha=0.1, starts=4, threads=t) for t in (1, 2))
    assert one.objectives == two.objectives
    np.testing.assert_array_equal(one.fit.entries, two.fit.entries)
    curves = [elbow_table(data, range(2, 6), alpha=0.1, threads=t) for t in (1, 2)]
    pd.testing.assert_frame_equal(*curves)


def test_suggestion_rule():
    # gains per entry: 8 8 8 for three networks, then 1 for noise
    errors = np.cumsum([100, -8, -8, -8, *[-1] * 9])
    assert suggest_k(range(1, 14), errors) == 4
    bumps = errors + np.where(np.arange(13) == 7, 1.5, 0)  # a local optimum does not matter
    assert suggest_k(range(1, 14), bumps) == 4
    assert suggest_k(range(2, 10), np.linspace(1, 0.2, 8)) == 2
    # a coarse grid: the same curve at every third k
    assert suggest_k([1, 4, 7, 10, 13], errors[::3]) == 4


def test_short_ranges_are_reported(caplog):
    assert suggest_k([2, 3], [0.5, 0.4]) == 3
    assert "cannot show an elbow" in caplog.text
    flat = 1 - np.concatenate([0.08 * np.arange(4), 0.24 + 0.002 * np.arange(1, 9)])
    suggest_k(range(1, 13), flat)
    assert "longer range" not in caplog.text
    suggest_k(range(1, 13), np.exp(-np.arange(12) / 2))
    assert "longer range" in caplog.text


def test_lower_hull_is_below_and_convex():
    rng = np.random.default_rng(0)
    x = np.sort(rng.choice(60, 20, replace=False)).astype(float)
    y = np.exp(-x / 20) + 0.1 * rng.random(20)
    hull = _lower_hull(x, y)
    assert (hull <= y + 1e-12).all()
    slopes = np.diff(hull) / np.diff(x)
    assert (slopes <= 1e-12).all() and (np.diff(slopes) >= -1e-12).all()


def test_match_pairs_entries_one_to_one():
    rng = np.random.default_rng(0)
    entries = rng.random((4, 30))
    partner, cosine = match_entries(entries, 3 * entries[[2, 0, 3, 1]])
    assert partner.tolist() == [1, 3, 0, 2]
    np.testing.assert_allclose(cosine, 1)
    partner, cosine = match_entries(entries, entries[:2])
    assert sorted(partner.tolist()) == [-1, -1, 0, 1] and (cosine[partner < 0] == 0).all()
