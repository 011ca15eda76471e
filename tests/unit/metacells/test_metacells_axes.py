"""Parts of the heterogeneity of metacells by hand: the effect of depth, limits, and sums over metacells."""

import numpy as np
import pandas as pd
import pytest

from panscape.coem.metacells.homogeneity import homogeneity
from panscape.coem.metacells.state_axes import StateAxes, _without_slope, left_within
from panscape.coem.metacells.state_scores import heterogeneity_rows


def test_the_slope_within_states_is_removed_and_states_of_other_depth_stay_apart():
    rng = np.random.default_rng(0)
    state = np.repeat([0, 1], 40)
    depth = 2.0 * state + rng.normal(size=80)
    halves = (5.0 * state + 3.0 * depth)[:, None] * np.ones((2, 2, 80, 1))
    left = _without_slope(halves, depth, state)
    np.testing.assert_allclose(left, (5.0 * state - 2.5)[:, None] * np.ones((2, 2, 80, 1)), atol=1e-9)


def test_what_follows_depth_is_not_left_within_a_metacell():
    rng = np.random.default_rng(1)
    depth, weight = rng.normal(size=30), np.array([0.7, 0.3])
    slope = np.outer(depth, [2.0, -1.0]) + 4.0
    shared = rng.normal(size=(30, 2))
    off = depth - depth.mean()
    shared -= shared.mean(axis=0) + np.outer(off, off @ (shared - shared.mean(axis=0)) / (off @ off))
    for scores, expected in ((slope, 0.0), (slope + shared, (shared**2).sum(axis=0) @ weight / 28)):
        first, second = left_within(np.broadcast_to(scores, (3, 2, 30, 2)), weight, depth)
        assert (first * second).sum() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("resolved", "limit"), [(0.9, 0.9), (0.01, 11 / 72), (np.nan, 11 / 72)])
def test_the_limit_is_what_the_data_resolve_if_this_is_more(resolved, limit):
    position = np.random.default_rng(2).normal(size=(60, 1))
    halves = np.broadcast_to(position / position.std(), (1, 2, 60, 1))
    label = np.argsort(np.argsort(position[:, 0])) // 20  # in the middle third cells are alike
    table = homogeneity(StateAxes(halves, np.ones(1), np.zeros(60), resolved), label)
    assert table["limit"].to_numpy() == pytest.approx(np.full(3, limit))
    assert (table["dubious"] == (table["heterogeneity"] > limit)).all()
    assert table["heterogeneity"].idxmin() == 1 and table["dubious"].any() == (limit < 0.5)


def test_a_grouping_is_summed_up_over_the_judged_metacells():
    scores = pd.DataFrame({
        "n_cells": [10, 30, 4],
        "heterogeneity": [0.1, 0.3, np.nan],
        "limit": 0.2,
        "dubious": [False, True, False],
    })  # fmt: skip
    values = {metric: value for metric, modality, value in heterogeneity_rows("atac", scores)}
    assert values == pytest.approx({"heterogeneity": 0.25, "heterogeneity_limit": 0.2, "dubious": 0.5})
    nothing = heterogeneity_rows("rna", scores.iloc[2:])
    assert [np.isnan(value) for _, _, value in nothing] == [True, False, True]
