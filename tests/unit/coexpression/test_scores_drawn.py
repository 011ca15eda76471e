"""The statistic of many draws at once, against one draw at a time and against cells that are repeated."""

import numpy as np
import pytest
from dense_scores import dense_scores, dense_weights, depth_of, made_study

from panscape.coscape.coexpression.drawn_scores import DrawnScorer
from panscape.coscape.coexpression.lanes import Lanes
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
    monkeypatch.setattr("panscape.coscape.coexpression.drawn_scores.MOST_NUMBERS", 1000)
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


def test_fewer_draws_at_once_with_more_single_sums(monkeypatch):
    (*_, one), (*_, other) = prepared("pearson"), prepared("corrected")
    monkeypatch.setattr("panscape.coscape.coexpression.drawn_scores.MOST_NUMBERS", 5000)
    assert DrawnScorer.of(one).n_at_once > DrawnScorer.of(other).n_at_once >= 1
    monkeypatch.setattr("panscape.coscape.coexpression.drawn_scores.MOST_NUMBERS", 1)
    assert DrawnScorer.of(one).n_at_once == 1


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
def test_a_unit_of_many_cells_takes_several_lanes(estimator):
    *_, scorer = prepared(estimator)
    unit = np.where(scorer.atom >= 0, scorer.atom, scorer.atom.max() + 1)
    drawn = DrawnScorer.of(scorer, unit)
    lanes = drawn.tiles.lanes
    assert len(lanes.unit) > 2 * len(drawn.cells) and lanes.layer.max() == drawn_sums.DEPTH - 1
    times = np.random.default_rng(5).exponential(size=(unit.max() + 1, 2))
    for one, draw in zip(drawn.score(times, min_expected=10), times.T, strict=True):
        reference = scorer.score(min_expected=10, multiplicity=draw[unit])
        np.testing.assert_allclose(one.toarray(), reference.toarray(), atol=3e-7)  # sums of a lane are single


def test_places_of_cells_are_distinct_and_tiles_are_of_one_set():
    rng = np.random.default_rng(6)
    cells, atom = rng.integers(1, 40, 300), np.sort(rng.integers(0, 7, 300))
    lanes = Lanes.of(cells, atom)
    assert len(np.unique(np.stack([lanes.lane, lanes.layer]), axis=1)[0]) == cells.sum()
    np.testing.assert_array_equal(lanes.unit[lanes.lane], np.repeat(np.arange(300), cells))
    assert lanes.layer.max() < drawn_sums.DEPTH and np.diff(lanes.tiles).max() <= drawn_sums.LANES
    for at, kind in enumerate(lanes.atom):
        inside = slice(lanes.tiles[at], lanes.tiles[at + 1])
        assert (atom[lanes.unit[inside]] == kind).all()
        here = lanes.lane[lanes.cells[at] : lanes.cells[at + 1]]
        assert set(here) == set(range(inside.start, inside.stop))


def test_loops_as_python_give_the_sums_of_numpy():
    rng = np.random.default_rng(7)
    shape = 3, drawn_sums.DEPTH, drawn_sums.LANES
    tile = rng.poisson(1, shape).astype(np.float32)
    first, second = np.array([0, 0, 1]), np.array([1, 2, 2])
    sums = np.empty((3, drawn_sums.LANES), dtype=np.float32)
    for depth in (1, 7, drawn_sums.DEPTH):
        tile[:, depth:] = 0
        drawn_sums.lane_products.py_func(tile, depth, 32, first, second, sums)
        np.testing.assert_array_equal(sums, (tile[first] * tile[second]).sum(axis=1))
        tile = rng.poisson(1, shape).astype(np.float32)
    size, bins = rng.uniform(1, 2, shape[1:]), rng.integers(0, 2, shape[1:])
    single = np.empty((5, 3, drawn_sums.LANES))
    drawn_sums.lane_sums.py_func(tile, drawn_sums.DEPTH, size, bins, single)
    expected = [tile, tile**2, tile > 0, tile * size * (bins == 0), tile * size * (bins == 1)]
    np.testing.assert_allclose(single, [part.sum(axis=1) for part in expected])
