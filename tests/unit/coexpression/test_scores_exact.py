"""Score statistic, signal and corrected correlations against dense formulas, and their invariants."""

from dataclasses import replace

import numpy as np
import pytest
from dense_scores import cscore_statistic, dense_moments, dense_scores, dense_weights, depth_of, made_study
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from panscape.coscape.coexpression.chance import corrected_chance
from panscape.coscape.coexpression.corrected import correct_clusters, walk_sums
from panscape.coscape.coexpression.nesting import finest_clusters, nested_steps, smallest_supersets
from panscape.coscape.coexpression.pair_scores import score_pairs
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.coscape.coexpression.signal import choose_pairs
from panscape.coscape.coexpression.values import Values
from panscape.coscape.coexpression.weights import fit_weights
from panscape.stats.count_weights import BIN_WIDTH, relative_depth
from panscape.stats.gram import Plan
from panscape.stats.score_sums import score_sums
from panscape.stats.score_terms import ScoreTerms

MIN_EXPECTED = 10


def all_pairs(n_genes):
    return np.stack(np.triu_indices(n_genes, 1), axis=1)


def dense_study(values, members, weights, min_expected=MIN_EXPECTED):
    """Return (T, valid, r) of each cluster."""
    x, s, w = values.counts.toarray().astype(float), depth_of(values.totals), dense_weights(weights)
    rows = [members[row].indices for row in range(members.shape[0])]
    return [dense_scores(x[cells], s[cells], w[cells], min_expected) for cells in rows]


def names(values):
    return [f"g{i:03d}" for i in range(values.counts.shape[1])]


@pytest.fixture(scope="module")
def study():
    values, clusters, members = made_study()
    return values, clusters, members, fit_weights(values, members)


def test_weights_are_the_moments_within_the_finest_clusters(study):
    values, _, members, weights = study
    x, s = values.counts.toarray().astype(float), depth_of(values.totals)
    leaf = finest_clusters(members)
    assert set(leaf) == {1, 2, 3, 4, 5}
    middle = relative_depth(values.totals)[2][weights.group]
    h = np.ones(x.shape)
    for _ in range(3):
        w = h / s[:, None]
        above = below = squares = scale = 0.0
        for name in np.unique(leaf):
            cells = leaf == name
            sc, xc, wc = s[cells][:, None], x[cells], w[cells]
            mean = dense_moments(xc, s[cells], wc)[0]
            above, below = above + (sc * xc * wc).sum(0), below + (sc**2 * wc).sum(0)
            squares = squares + (sc**2 * ((xc - sc * mean) ** 2 - sc * mean) * wc**2).sum(0)
            scale = scale + (sc**4 * wc**2).sum(0)
        mean, variance = above / below, np.maximum(squares / scale, 0)
        h = 1 / (mean + middle[:, None] * variance)
    np.testing.assert_allclose(weights.mean, mean, rtol=1e-10)
    np.testing.assert_allclose(weights.variance, variance, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(weights.h[weights.group], h, rtol=1e-8)


def test_cells_of_a_bin_have_similar_depths():
    totals = np.exp(np.random.default_rng(0).normal(7, 1, 5000))
    size, group, middle = relative_depth(totals)
    assert size.mean() == pytest.approx(1)
    ratio = size / middle[group]
    assert ratio.max() <= BIN_WIDTH**0.5 * (1 + 1e-9) and ratio.min() >= BIN_WIDTH**-0.5 * (1 - 1e-9)
    assert relative_depth(np.array([0.0, 5.0, 5.0]))[1].tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="no cell has counts"):
        relative_depth(np.zeros(3))


@pytest.mark.parametrize("n_sparse", [0, 9, 24])
def test_statistic_equals_the_dense_formulas(study, n_sparse):
    values, _, members, weights = study
    expected = dense_study(values, members, weights)
    plan = Plan.of_counts(values.counts, 1.0, n_sparse=n_sparse)
    ordered, weighed = values.reordered(plan.order), weights.reordered(plan.order)
    seen = set()
    for row, sums in walk_sums(ordered, members, plan, weighed):
        terms = ScoreTerms.of(sums, weighed.h)
        t, valid, r = (part[np.ix_(plan.order, plan.order)] for part in expected[row])
        total, deviation = terms.rows(sums.moments.products.copy(), 0, 24, MIN_EXPECTED)
        upper = np.triu_indices(24, 1)
        found = total / (deviation * np.sqrt(terms.n))
        np.testing.assert_allclose(found[upper], t[upper], rtol=1e-8, atol=1e-11)
        assert ((found != 0)[upper] == valid[upper]).all()
        scale = terms.scale(0, 24)[upper]
        corrected = np.clip(np.divide(total[upper], scale, out=np.zeros_like(scale), where=scale > 0), -1, 1)
        np.testing.assert_allclose(corrected, r[upper], atol=1e-7)
        genes = terms.testable(MIN_EXPECTED)
        assert set(np.flatnonzero((valid & ~np.eye(24, dtype=bool)).any(axis=0))) <= set(genes)
        seen.add(row)
    assert seen == set(range(7)) and all(valid.any() for _, valid, _ in expected)


def test_nested_sums_equal_direct_ones(study):
    values, _, members, weights = study
    plan = Plan(np.arange(24), 0)
    assert any(step.into >= 0 for step in nested_steps(members, smallest_supersets(members)))
    for row, sums in walk_sums(values, members, plan, weights):
        direct = score_sums(values.counts, weights, members[row].indices, plan)
        for one, other in (
            (sums.cross, direct.cross),
            (sums.powers, direct.powers),
            (sums.moments.detected, direct.moments.detected),
            (np.triu(sums.moments.products), np.triu(direct.moments.products)),
        ):
            np.testing.assert_allclose(one, other, rtol=1e-10)


def test_signal_and_weights_of_pairs(study):
    values, _, members, weights = study
    options = CoexpressionSettings(eta=0.2)
    kept, signal = correct_clusters(values, names(values), members, options, weights, signal=True)
    dense = dense_study(values, members, weights)
    size = np.diff(members.indptr)
    squares = np.triu(sum(np.where(valid, t, 0) ** 2 for t, valid, _ in dense), 1)
    noise = np.triu(sum(valid / n for (_, valid, _), n in zip(dense, size, strict=True)), 1)
    np.testing.assert_allclose(signal.squares, squares, rtol=1e-7)
    np.testing.assert_allclose(signal.noise, noise, rtol=1e-10)
    for row, survivors in kept:
        r = np.zeros((24, 24))
        r[survivors.first, survivors.second] = survivors.value
        strong = np.triu(np.where(np.abs(dense[row][2]) >= 0.2, dense[row][2], 0), 1)
        np.testing.assert_allclose(np.triu(r, 1), strong, atol=1e-6)
    table = choose_pairs([signal], names(values), 20)
    excess = squares - noise
    first, second = (np.array([names(values).index(g) for g in table[c]]) for c in ("gene_a", "gene_b"))
    assert set(zip(first, second, strict=True)) == {
        divmod(int(place), 24) for place in np.argsort(-excess, axis=None, kind="stable")[:20]
    }
    weight = excess[first, second] / squares[first, second]
    np.testing.assert_allclose(table["weight"], weight, atol=6e-7)  # six digits
    assert (table["n_studies"] == 1).all() and (first < second).all()


def test_pairs_are_chosen_over_studies_of_different_genes(study):
    values, _, members, weights = study
    genes, keep = names(values), np.arange(2, 24)
    part = Values(values.counts[:, keep].tocsr(), values.totals, values.how, values.target)
    fewer = fit_weights(part, members)
    some = [genes[i] for i in keep]
    options = {"signal": True}
    signals = [
        correct_clusters(values, genes, members, CoexpressionSettings(), weights, **options)[1],
        correct_clusters(part, some, members, CoexpressionSettings(), fewer, **options)[1],
    ]
    table = choose_pairs(signals, genes, 1000)
    has_first = table["gene_a"].isin(genes[:2])
    assert (table["n_studies"] == np.where(has_first, 1, 2)).all() and has_first.any()
    both = table[~has_first].iloc[0]
    i, j = genes.index(both["gene_a"]), genes.index(both["gene_b"])
    total = signals[0].squares[i, j] + signals[1].squares[i - 2, j - 2]
    noise = signals[0].noise[i, j] + signals[1].noise[i - 2, j - 2]
    assert both["weight"] == pytest.approx((total - noise) / total)
    with pytest.raises(ValueError, match="g000 is not among"):
        choose_pairs(signals, some, 10)


def test_scores_of_chosen_pairs(study, monkeypatch):
    values, _, members, weights = study
    pairs = all_pairs(24)[np.random.default_rng(0).permutation(276)[:200]]
    found = score_pairs(values, members, pairs, weights)
    dense = np.array([t[pairs[:, 0], pairs[:, 1]] for t, _, _ in dense_study(values, members, weights)])
    np.testing.assert_allclose(found.toarray(), dense, rtol=1e-5, atol=1e-7)
    again = score_pairs(values, members, pairs, weights, threads=2)
    monkeypatch.setattr("panscape.coscape.coexpression.pair_scores.MOST_SUMS", 100)
    blocks = score_pairs(values, members, pairs[:, ::-1], weights)
    assert (again.data == found.data).all() and (again.indices == found.indices).all()
    np.testing.assert_allclose(blocks.toarray(), found.toarray(), rtol=1e-6)
    assert score_pairs(values, members, pairs[:0], weights).shape == (7, 0)


@settings(max_examples=8)
@given(seed=st.integers(0, 1000))
def test_multiplicity_is_repetition_of_cells(seed):
    values, _, members = made_study(seed, n_cells=650, n_genes=8)
    weights = fit_weights(values, members)
    times = np.random.default_rng(seed).integers(0, 4, 650)
    pairs = all_pairs(8)
    counted = score_pairs(values, members, pairs, weights, multiplicity=times)
    repeat = np.repeat(np.arange(650), times)
    more = Values(values.counts[repeat], values.totals[repeat], values.how, values.target)
    drawn = replace(weights, size=weights.size[repeat], group=weights.group[repeat])
    repeated = score_pairs(more, sparse.csr_matrix(members[:, repeat]), pairs, drawn)
    np.testing.assert_allclose(counted.toarray(), repeated.toarray(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("uneven", [0.5, 2.0])
def test_statistic_is_standard_normal_for_independent_genes(uneven):
    z = []
    for seed in range(4):
        values = made_study(seed, n_cells=1200, n_genes=40, uneven=uneven, coupled=False)[0]
        # a cluster of one kind of cells: their means must not differ
        one = sparse.csr_matrix((np.arange(1200) % 2 == 0)[None].astype(np.int8))
        scores = score_pairs(values, one, all_pairs(40), fit_weights(values, one))
        z.append(scores.data * np.sqrt(600))
    z = np.concatenate(z)
    assert len(z) > 1000
    assert abs(z.mean()) < 0.15 and abs(z.std() - 1) < 0.08
    assert abs((np.abs(z) > 1.96).mean() - 0.05) < 0.02


def test_shared_weights_hardly_change_the_statistic_of_the_original(study):
    values, _, members, weights = study
    x, s = values.counts.toarray().astype(float), depth_of(values.totals)
    for row in (0, 2, 3):
        cells = members[row].indices
        t, valid, _ = dense_scores(x[cells], s[cells], dense_weights(weights)[cells], MIN_EXPECTED)
        own = cscore_statistic(x[cells], s[cells])
        upper = np.triu(valid, 1)
        assert np.corrcoef(t[upper], own[upper])[0, 1] > 0.98


def test_result_does_not_depend_on_threads(study):
    values, _, members, weights = study
    results = [
        correct_clusters(
            values, names(values), members, CoexpressionSettings(), weights, signal=True, threads=n
        )
        for n in (1, 2)
    ]
    assert results[0][1].squares.tobytes() == results[1][1].squares.tobytes()
    for one, other in zip(results[0][0], results[1][0], strict=True):
        assert one[1].value.tobytes() == other[1].value.tobytes()


@pytest.mark.parametrize("shrinkage", ["soft", "garrote", "posterior"])
def test_shrinkage_uses_the_error_of_the_corrected_correlation(study, shrinkage):
    values, _, members, weights = study
    plain, shrunk = (
        correct_clusters(values, names(values), members, options, weights)[0]
        for options in (CoexpressionSettings(eta=0.0), CoexpressionSettings(eta=0.0, shrinkage=shrinkage))
    )
    for (_, one), (row, other) in zip(plain, shrunk, strict=True):
        before, after = np.zeros((24, 24)), np.zeros((24, 24))
        before[one.first, one.second], after[other.first, other.second] = one.value, other.value
        upper = np.triu_indices(24, 1)
        assert (np.abs(after) <= np.abs(before) + 1e-6)[upper].all() and np.abs(after[upper]).sum() > 0
        if shrinkage == "soft":
            t = dense_study(values, members, weights)[row][0][upper]
            z, r = t * np.sqrt(len(members[row].indices)), before[upper]
            inside = (np.abs(r) < 1) & (r != 0)
            expected = np.sign(r) * np.maximum(np.abs(r) - (1 - r**2) * np.abs(r / np.where(z, z, 1)), 0)
            np.testing.assert_allclose(after[upper][inside], expected[inside], atol=1e-5)


def test_chance_of_the_corrected_estimator_counts_pairs_of_independent_genes():
    values, _, members = made_study(3, n_cells=1200, n_genes=60, coupled=False)
    one, options = sparse.csr_matrix(members[[2]]), CoexpressionSettings(eta=0.3, estimator="corrected")
    weights = fit_weights(values, one)
    kept = correct_clusters(values, names(values), one, options, weights)[0][0][1]
    edges = (kept.first != kept.second).sum()
    rng = np.random.default_rng(0)
    found = [corrected_chance(values, weights, one.indices, options, rng) for _ in range(5)]
    some = [corrected_chance(values, weights, one.indices, options, rng, work=600 * 30**2) for _ in range(20)]
    assert edges > 20 and 0.6 * edges < np.mean(found) < 1.4 * edges
    assert 0.6 * np.mean(found) < np.mean(some) < 1.4 * np.mean(found)
