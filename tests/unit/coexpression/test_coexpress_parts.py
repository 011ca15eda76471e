"""Ranks, sums of products, the choice of route, and shrinkage on their own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse, stats

from panscape.coscape.coexpression.correlation import correlate_pairs, shrink_correlations
from panscape.coscape.coexpression.pair_rows import Passes
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.stats import sparse_ranks as ranks_module
from panscape.stats.gram import Moments, Plan, moments
from panscape.stats.sparse_ranks import tied_ranks


@settings(max_examples=60)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 30), st.integers(1, 6)),
        elements=st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.0, 7.25]),
    )
)
def test_ranks_are_scipys_up_to_a_shift(values):
    result = tied_ranks(sparse.csr_matrix(values)).toarray()
    np.testing.assert_array_equal(tied_ranks(sparse.csr_matrix(values), compiled=True).toarray(), result)
    truth = stats.rankdata(values, axis=0)
    shift = truth - result
    assert np.array_equal(shift, np.broadcast_to(shift[:1], shift.shape))  # exactly: multiples of 1/2
    assert (result[values == 0] == 0).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_ranks_in_narrow_blocks(monkeypatch, compiled):
    monkeypatch.setattr(ranks_module, "BLOCK_VALUES", 50)
    values = np.random.default_rng(0).poisson(0.8, (100, 30)).astype(np.float32)
    result = tied_ranks(sparse.csr_matrix(values), compiled=compiled).toarray()
    shift = stats.rankdata(values, axis=0) - result
    assert np.array_equal(shift, np.broadcast_to(shift[:1], shift.shape))


def test_ranks_ignore_stored_zeros_and_leave_their_input_alone():
    matrix = sparse.csr_matrix(np.array([[1.0, 2.0], [3.0, 0.0], [0.5, 1.0]], dtype=np.float32))
    matrix.data[0] = 0
    before = matrix.copy()
    assert tied_ranks(matrix).nnz == 4
    assert np.array_equal(matrix.toarray(), before.toarray())


def test_ranks_refuse_negative_values():
    with pytest.raises(ValueError, match="values >= 0"):
        tied_ranks(sparse.csr_matrix(np.array([[-1.0]], dtype=np.float32)))


@pytest.mark.parametrize("n_sparse", [0, 1, 11, 20])
@pytest.mark.parametrize("threads", [1, 3])
def test_sums_of_products_are_numpys(n_sparse, threads):
    rng = np.random.default_rng(1)
    values = rng.poisson(rng.gamma(1, 1, 20), (257, 20)).astype(np.float64) * 0.37
    plan = Plan(np.arange(20), n_sparse, threads)
    blocks = [sparse.csr_matrix(part) for part in np.array_split(values, 3)]
    sums = moments(blocks[1:], plan, moments(blocks[:1], plan))
    assert sums.n == 257
    assert np.allclose(sums.total, values.sum(axis=0), rtol=1e-13)
    assert np.allclose(np.triu(sums.products), np.triu(values.T @ values), rtol=1e-12)


def test_sparse_sums_are_the_same_bits_for_any_threads():
    values = sparse.random(300, 40, 0.2, format="csr", random_state=0)
    one, many = (moments([values], Plan(np.arange(40), 40, threads)).products for threads in (1, 5))
    assert np.array_equal(one, many)


def test_plan_sends_rare_genes_the_sparse_way_and_small_work_the_dense_way():
    detection = np.array([0.9, 0.01, 0.5, 0.02] * 250)
    plan = Plan.choose(detection, 1e7)
    assert list(detection[plan.order]) == sorted(detection)
    assert plan.n_sparse == 500
    assert Plan.choose(detection, 1000).n_sparse == 0
    assert Plan.choose(np.full(1000, 0.95), 1e7).n_sparse == 0
    assert Plan.choose(np.full(2000, 0.05), 1e7).n_sparse == 2000


def of(values):
    plan = Plan(np.arange(values.shape[1]), 0)
    return moments([sparse.csr_matrix(values.astype(np.float64))], plan)


def test_a_correlation_equal_to_the_cutoff_is_kept():
    values = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 1], [0, 0]])  # r = 1/3
    kept = correlate_pairs(of(values), CoexpressionSettings(eta=1 / 3))
    assert list(zip(kept.first, kept.second, strict=True)) == [(0, 0), (0, 1), (1, 1)]
    assert len(correlate_pairs(of(values), CoexpressionSettings(eta=1 / 3 + 1e-6)).first) == 2


def test_constant_genes_have_no_entry():
    values = np.column_stack([np.full(10, 2), np.arange(10), np.zeros(10)])
    kept = correlate_pairs(of(values), CoexpressionSettings(eta=0))
    assert list(zip(kept.first, kept.second, kept.value, strict=True)) == [(1, 1, 1.0)]


def test_no_cell_and_one_cell_have_no_correlation():
    assert len(correlate_pairs(Moments.empty(3), CoexpressionSettings(eta=0)).first) == 0
    assert len(correlate_pairs(of(np.array([[1, 2, 3]])), CoexpressionSettings(eta=0)).first) == 0


def test_cap_keeps_the_strongest_pairs_and_every_diagonal():
    values = np.random.default_rng(0).poisson(2, (60, 15))
    everything = correlate_pairs(of(values), CoexpressionSettings(eta=0))
    off = everything.first != everything.second
    limit = np.sort(np.abs(everything.value[off]))[-20]
    kept = correlate_pairs(of(values), CoexpressionSettings(eta=0, max_pairs=20))
    assert (kept.first == kept.second).sum() == 15
    assert np.abs(kept.value[kept.first != kept.second]).min() >= limit
    assert len(kept.first) == 35
    assert len(correlate_pairs(of(values), CoexpressionSettings(eta=0, max_pairs=10**6)).first) == len(off)


def test_cap_takes_the_first_of_equal_pairs():
    values = np.repeat(np.arange(6)[:, None], 4, axis=1)  # all correlations are 1
    kept = correlate_pairs(of(values), CoexpressionSettings(eta=0, max_pairs=2))
    pairs = [(a, b) for a, b in zip(kept.first, kept.second, strict=True) if a != b]
    assert pairs == [(0, 1), (0, 2)]


R = np.linspace(-1, 1, 401)


@pytest.mark.parametrize("how", ["soft", "garrote", "posterior"])
def test_shrinking_is_odd_ordered_and_never_enlarges(how):
    small, large = shrink_correlations(R, 30, how, 1.0, 0.05), shrink_correlations(R, 3000, how, 1.0, 0.05)
    for shrunk in (small, large):
        assert (np.abs(shrunk) <= np.abs(R) + 1e-12).all()
        assert np.allclose(shrunk, -shrunk[::-1])
        assert (np.diff(shrunk) >= -1e-12).all()
    assert (np.abs(small) <= np.abs(large) + 1e-12).all()
    assert np.array_equal(shrink_correlations(R, 30, how, 0.0), R)


def test_shrinking_by_hand():
    error = (1 - 0.25) / np.sqrt(49)
    assert shrink_correlations(np.array([0.5]), 50, "soft")[0] == pytest.approx(0.5 - error)
    assert shrink_correlations(np.array([0.5]), 50, "garrote", 2.0)[0] == pytest.approx(
        0.5 * (1 - (2 * error / 0.5) ** 2)
    )
    expected = np.tanh(np.arctanh(0.5) * 0.1 / (0.1 + 1 / 47))
    assert shrink_correlations(np.array([0.5]), 50, "posterior", 1.0, 0.1)[0] == pytest.approx(expected)
    with pytest.raises(ValueError, match="unknown"):
        shrink_correlations(R, 10, "hard")


def test_posterior_removes_what_is_noise_only():
    values = np.random.default_rng(0).poisson(3, (200, 60))
    kept = correlate_pairs(of(values), CoexpressionSettings(eta=0, shrinkage="posterior"))
    off = kept.first != kept.second
    assert np.abs(kept.value[off]).max(initial=0) < 0.05  # unshrunk: about 0.25


@pytest.mark.parametrize(
    "wrong",
    [
        {"estimator": "kendall"},
        {"eta": 1.5},
        {"eta": -0.1},
        {"shrinkage": "hard"},
        {"normalisation": "tpm"},
        {"shrinkage_strength": -1},
        {"max_pairs": -5},
    ],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CoexpressionSettings(**wrong)


@pytest.mark.parametrize("rough", [False, True])
@pytest.mark.parametrize("n_sparse", [0, 9, 20])
def test_compiled_loops_of_many_values_change_no_sum(rough, n_sparse):
    counts = np.random.default_rng(3).poisson(0.7, (50, 20)).astype(np.float32)
    blocks = [sparse.csr_matrix(part) for part in (counts[:31], counts[31:31], counts[31:])]
    few, many = (
        moments(blocks, Plan(np.arange(20), n_sparse, large=large), rough=rough) for large in (False, True)
    )
    assert few.n == many.n == 50
    for name in ("total", "detected"):
        np.testing.assert_array_equal(getattr(few, name), getattr(many, name))
    np.testing.assert_array_equal(np.triu(few.products), np.triu(many.products))
    np.testing.assert_array_equal(np.triu(many.products), np.triu(counts.T @ counts))


def test_pairs_near_a_cutoff_are_those_of_numpy():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(80, 150)) @ rng.normal(size=(150, 150)) / 40 + rng.normal(size=150)
    total, mean = values.sum(axis=0), values.mean(axis=0)
    scale = 1 / np.sqrt((values**2).sum(axis=0) - total * mean)
    scale[[4, 90]] = 0
    r = np.corrcoef(values.T)
    r[[4, 90]] = r[:, [4, 90]] = 0
    np.fill_diagonal(r, 0)
    for passes in (Passes(), Passes.of_work(1, 1, loaded=True)):
        near = np.zeros(150, dtype=bool)
        near[77] = True
        passes.flag(values.T @ values, total, mean, scale, 0.42, near)
        truth = (np.abs(r) >= 0.42).any(axis=1)
        truth[77] = True
        assert 20 < truth.sum() < 140
        np.testing.assert_array_equal(near, truth)
