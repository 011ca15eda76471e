"""The statistic of many draws at once, against one draw at a time and against cells that are repeated."""

import numpy as np
import pytest
from dense_scores import dense_scores, dense_weights, depth_of, made_study

from panscape.coscape.coexpression.drawn_scores import DrawnScorer
from panscape.coscape.coexpression.pair_scores import PairScorer
from panscape.coscape.coexpression.weights import fit_weights
from panscape.stats import drawn_sums


def prepared(estimator):
    values, _, members = made_study()
    pairs = np.stack(np.triu_indices(24, 1), axis=1)
    weights = fit_weights(values, members) if estimator == "corrected" else None
    return values, members, pairs, weights, PairScorer.of(values, members, weights, pairs)


@pytest.mark.parametrize("estimator", ["pearson", "corrected"])
def test_draws_together_equal_draws_one_by_one(estimator, monkeypatch):
    *_, scorer = prepared(estimator)
    times = np.random.default_rng(1).exponential(size=(900, 5))
    monkeypatch.setattr("panscape.coscape.coexpression.drawn_scores.MOST_DRAWS", 2)
    found = list(DrawnScorer.of(scorer).score(times, min_expected=10))
    assert len(found) == 5
    for draw, one in zip(times.T, found, strict=True):
        reference = scorer.score(min_expected=10, multiplicity=draw)
        np.testing.assert_allclose(one.toarray(), reference.toarray(), atol=1e-7)


def test_a_draw_equals_the_formula_over_repeated_cells():
    values, members, pairs, weights, scorer = prepared("corrected")
    times = np.random.default_rng(2).multinomial(900, np.full(900, 1 / 900))
    (found,) = DrawnScorer.of(scorer).score(times[:, None].astype(float), min_expected=10)
    for row, inside in enumerate(members.toarray().astype(bool)):
        cells = np.repeat(np.flatnonzero(inside), times[inside])
        x, s = values.counts.toarray()[cells], depth_of(values.totals)[cells]
        expected, _, _ = dense_scores(x, s, dense_weights(weights)[cells], 10)
        np.testing.assert_allclose(found[row].toarray()[0], expected[tuple(pairs.T)], atol=1e-6)


@pytest.mark.parametrize("estimator", ["pearson", "corrected"])
def test_threads_change_nothing(estimator):
    *_, scorer = prepared(estimator)
    times = np.random.default_rng(3).exponential(size=(900, 3))
    one, three = (
        list(DrawnScorer.of(scorer).score(times, min_expected=1, threads=threads)) for threads in (1, 3)
    )
    for a, b in zip(one, three, strict=True):
        assert a.data.tobytes() == b.data.tobytes() and a.indices.tobytes() == b.indices.tobytes()


def test_sums_of_many_clusters_are_made_few_draws_at_a_time(monkeypatch):
    *_, scorer = prepared("pearson")
    drawn = DrawnScorer.of(scorer)
    assert drawn.n_at_once == 16
    monkeypatch.setattr("panscape.coscape.coexpression.drawn_scores.MOST_NUMBERS", 1)
    assert drawn.n_at_once == 1


@pytest.mark.parametrize("estimator", ["pearson", "corrected"])
def test_cells_drawn_together_equal_cells_of_the_same_weight(estimator):
    *_, scorer = prepared(estimator)
    rng = np.random.default_rng(4)
    keys = np.stack([scorer.atom, rng.integers(0, 40, 900)])
    unit = np.unique(keys, axis=1, return_inverse=True)[1].reshape(-1)
    drawn = DrawnScorer.of(scorer, unit)
    assert drawn.cells.sum() == (scorer.atom >= 0).sum() and len(drawn.cells) < 450
    times = rng.exponential(size=(unit.max() + 1, 3))
    for one, draw in zip(drawn.score(times, min_expected=10), times.T, strict=True):
        reference = scorer.score(min_expected=10, multiplicity=draw[unit])
        np.testing.assert_allclose(one.toarray(), reference.toarray(), atol=1e-7)


def test_units_that_are_not_of_one_set_of_cells_are_refused():
    *_, scorer = prepared("pearson")
    with pytest.raises(ValueError, match="different clusters"):
        DrawnScorer.of(scorer, np.zeros(900, dtype=np.int64))


@pytest.mark.parametrize("estimator", ["pearson", "corrected"])
def test_chunks_of_cells_change_nothing(estimator, monkeypatch):
    *_, scorer = prepared(estimator)
    times = np.random.default_rng(3).exponential(size=(900, 3))
    whole = list(DrawnScorer.of(scorer).score(times, min_expected=1))
    cuts = DrawnScorer.of(scorer).cuts
    assert len(cuts) == 2 and (cuts[-1] <= DrawnScorer.of(scorer).columns.indptr[1:]).all()
    monkeypatch.setattr("panscape.stats.drawn_sums.CHUNK", 64)
    monkeypatch.setattr("panscape.stats.drawn_sums.add_drawn_products", drawn_sums.add_drawn_products.py_func)
    parts = list(DrawnScorer.of(scorer).score(times[:, :1], min_expected=1))
    np.testing.assert_allclose(parts[0].toarray(), whole[0].toarray(), atol=1e-7)
