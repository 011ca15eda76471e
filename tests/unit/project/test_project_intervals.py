import numpy as np
import pytest

from panscape.coscape.project.intervals import (
    LeftOut,
    Scale,
    half_widths,
    interval_bounds,
    leave_studies_out,
    local_quantile,
    min_errors,
)
from panscape.coscape.project.kriging import krige


def test_scale():
    assert Scale.of(np.array([9.0, 90])) == Scale(True, 0.0)
    assert Scale.of(np.array([9.0, 36])) == Scale(False, 0.0)
    assert Scale.of(np.array([0.0, 90])) == Scale(False, 0.0)
    assert Scale.of(np.array([-1.0, 90])) == Scale(False, -np.inf)
    for values in (np.array([9.0, 20, 90]), np.array([0.0, 3]), np.array([-2.0, 3])):
        scale = Scale.of(values)
        np.testing.assert_allclose(scale.back(scale.forward(values)), values)
    assert Scale(False, 0.0).back(np.array([-3.0, 2])).tolist() == [0, 2]


def test_left_out_studies_are_predicted_from_the_others():
    rng = np.random.default_rng(0)
    rows, values = rng.random((12, 4)), np.arange(12.0)
    study = np.repeat(["b", "a", "c"], 4)
    similarity = rows @ rows.T
    left = leave_studies_out(similarity, values, study)
    assert left.truth.tolist() == [4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11]  # a, b, c
    rest = np.r_[0:4, 8:12]
    mean, sd = krige(similarity[np.ix_(rest, rest)], values[rest], similarity[np.ix_(range(4, 8), rest)])
    np.testing.assert_allclose(left.value[:4], mean)
    np.testing.assert_allclose(left.sd[:4], sd)
    assert left.covered.tolist() == [True] * 4 + [False] * 8
    assert len(leave_studies_out(similarity, values, np.repeat("a", 12)).error) == 0


def test_quantiles_are_those_of_equally_difficult_cases():
    sd = np.concatenate([np.full(19, 0.1), np.full(19, 1.0)])
    error = np.concatenate([np.arange(1, 20), np.arange(101, 120)]).astype(float)
    result = local_quantile(error, sd, np.array([0.05, 0.12, 3.0]), 0.9)
    assert result.tolist() == [18, pytest.approx(18 * 1.2), 3 * 118]
    assert local_quantile(error, sd, np.array([0.1]), 0.5).tolist() == [10]
    assert min_errors(0.9) == 9 and min_errors(0.95) == 19 and min_errors(0.5) == 1
    assert local_quantile(error[:9], sd[:9], np.array([0.1]), 0.9).tolist() == [9]
    assert np.isnan(local_quantile(error[:8], sd[:8], np.array([1.0]), 0.9)).all()


def test_quantiles_cover_what_they_promise():
    rng = np.random.default_rng(6)
    covered = []
    for _ in range(300):
        sd = rng.uniform(0.3, 1.2, 60)
        error = np.abs(rng.normal(size=60)) * sd
        new = rng.uniform(0.3, 1.2, 20)
        covered.append(np.abs(rng.normal(size=20)) * new <= local_quantile(error, sd, new, 0.9))
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)


def test_intervals_are_of_what_the_reference_covers_and_reach_of_all():
    count = 19
    errors = np.concatenate([np.arange(1, 20), np.arange(51, 70)]).astype(float)
    truth = np.repeat([5.0, 20.0], count)
    low, high = np.zeros(2 * count), np.full(2 * count, 10.0)
    left = LeftOut(truth + errors, truth, np.ones(2 * count), low, high, np.repeat("a", 2 * count))
    half, reach = half_widths(left, np.ones(1), 0.9)
    assert half.tolist() == [18] and reach.tolist() == [18]  # nearest first, in the order given
    left = LeftOut(left.value[::-1], truth[::-1], left.sd, low, high, left.study)
    half, reach = half_widths(left, np.ones(1), 0.9)
    assert half.tolist() == [18] and reach.tolist() == [68]


def test_edges():
    known = np.arange(101.0)
    value, reach = np.array([3.0, 50, 97, 50]), np.array([5.0, 10, 5, 60])
    assert interval_bounds(value, reach, known).tolist() == ["low", "", "high", "both"]
    assert interval_bounds(value, np.full(4, np.nan), known).tolist() == ["low", "", "high", ""]


def test_intervals_are_as_wide_as_the_study_placed_worst_asks_for():
    """Panclusters of a study err together: a fourth of the reference's errors can be all of a new study's."""
    study = np.repeat(["a", "b", "c", "d"], 20)
    error = np.where(study == "d", 3.0, 0.2)
    truth, sd = np.linspace(0, 10, 80), np.ones(80)
    low, high = np.zeros(80), np.full(80, 10.0)
    left = LeftOut(truth + error, truth, sd, low, high, study)
    assert local_quantile(left.error[study != "d"], sd[study != "d"], np.ones(1), 0.9)[0] < 0.3
    half, _ = half_widths(left, np.ones(1), 0.9)
    assert half[0] == pytest.approx(3.0)
    # a study with too few panclusters to tell has no say of its own
    few = study.copy()
    few[(study == "d").cumsum() > 5] = "c"
    assert min_errors(0.9) == 9
    left = LeftOut(truth + np.where(few == "d", 3.0, 0.2), truth, sd, low, high, few)
    assert half_widths(left, np.ones(1), 0.9)[0][0] < 3.0
