import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from panscape.unicoord import restoration
from panscape.unicoord.local_linear import REACHES, USUAL, local_reach, local_rows


def pairs(x, y):
    return cdist(x, y).sum()


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_energy_distance_agrees_with_all_pairs(form, monkeypatch):
    monkeypatch.setattr(restoration, "_BLOCK", 7)
    rng = np.random.default_rng(0)
    x, y = rng.poisson(1.0, (30, 12)).astype(float), rng.poisson(2.0, (41, 12)).astype(float)
    expected = 2 * pairs(x, y) / (30 * 41) - pairs(x, x) / (30 * 29) - pairs(y, y) / (41 * 40)
    assert restoration.energy_distance(form(x), form(y)) == pytest.approx(expected, abs=1e-9)


def test_energy_distance_of_samples_of_one_source_is_zero_on_average():
    rng = np.random.default_rng(1)
    differences = [
        restoration.energy_distance(rng.standard_normal((20, 3)), rng.standard_normal((60, 3)))
        for _ in range(200)
    ]
    assert abs(np.mean(differences)) < 4 * np.std(differences) / np.sqrt(200)
    moved = restoration.energy_distance(rng.standard_normal((20, 3)) + 1, rng.standard_normal((60, 3)))
    assert moved > 10 * np.std(differences)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_covariance_error_agrees_with_numpy(form):
    rng = np.random.default_rng(2)
    x, y = rng.poisson(1.0, (50, 6)).astype(float), rng.poisson(2.0, (60, 6)).astype(float)
    true = np.cov(y.T)
    expected = np.linalg.norm(np.cov(x.T) - true) / np.linalg.norm(true)
    assert restoration.covariance_error(form(x), form(y)) == pytest.approx(expected)
    assert restoration.covariance_error(form(np.tile(x[:1], (50, 1))), form(y)) == pytest.approx(1)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_correlations_agree_with_numpy(form):
    rng = np.random.default_rng(3)
    cells, profiles = rng.poisson(1.0, (9, 30)).astype(np.float32), rng.standard_normal((4, 30))
    cells[0] = 2.0
    coefficients = restoration.correlations(form(cells), profiles)
    assert np.isnan(coefficients[0]).all()
    assert np.allclose(coefficients[1:], np.corrcoef(cells[1:], profiles)[:8, 8:], atol=1e-6)


@pytest.mark.parametrize(("target", "expected"), [(2.5, (2, 4)), (0, (1, 2)), (9, (2, 4)), (3, (2, 4))])
def test_flanking_groups(target, expected):
    assert restoration.flanking([4, 1, 2], target) == expected


def course(curved, rng, n=150, genes=40):
    """Return expression along time 0, 1, 2, 3, 4 whose mean is linear in time or curved, and the times."""
    time = np.repeat(np.arange(5.0), n)
    slope, bend = rng.standard_normal((2, genes))
    mean = 5 + np.outer(time, slope) / 4 + (np.outer(np.cos(time * 1.5), bend) if curved else 0)
    return mean + 0.5 * rng.standard_normal(mean.shape), time, 5 + slope / 2 + bend * np.cos(3.0) * curved


def scores(result):
    return result.scores.pivot(index="model", columns="metric", values="value")


def test_a_perfect_model_scores_better_than_baselines():
    rng = np.random.default_rng(4)
    cells, time, middle = course(True, rng)
    left_out = time == 2
    perfect = {
        "model": lambda rows: middle + 0.5 * rng.standard_normal((len(rows), 40)),
        "averaging": lambda rows: np.tile(middle, (len(rows), 1)),
    }
    result = restoration.restore(perfect, cells[~left_out], time[~left_out], cells[left_out], 2.0)
    table = scores(result)
    assert set(table.index) == {"model", "averaging", "nearest", "linear", "mean", "true cells"}
    others = ["nearest", "linear", "mean"]
    assert table.loc["model", "e_distance"] < 0.02 < table.loc[others, "e_distance"].min()
    assert table.loc["model", "pcc_of_means"] > 0.99 > table.loc[others, "pcc_of_means"].max()
    assert table.loc["model", "rank"] == 1
    # the right mean alone is not scored like the right cells
    assert table.loc["averaging", "pcc_of_means"] > 0.99
    assert table.loc["averaging", "covariance_error"] == pytest.approx(1)
    assert table.loc["averaging", "e_distance"] > 10 * abs(table.loc["model", "e_distance"])
    assert table.loc["true cells", "e_distance"] == pytest.approx(0, abs=0.05)


def test_linear_interpolation_is_right_where_time_is_linear_and_nearest_takes_both_sides():
    cells, time, middle = course(False, np.random.default_rng(5))
    left_out = time == 2
    result = restoration.restore(
        {}, sparse.csr_matrix(cells[~left_out]), time[~left_out], cells[left_out], 2.0
    )
    table = scores(result)
    assert table.loc["linear", "pcc_of_change"] < 0.99  # the overall mean is the middle: there is no change
    assert table.loc["linear", "e_distance"] == pytest.approx(0, abs=0.05)
    assert table.loc["nearest", "n"] == 300
    assert np.allclose(restoration.column_means(cells[left_out]), middle, atol=0.2)


def test_linear_interpolation_on_another_scale_is_a_baseline():
    cells, time, _ = course(False, np.random.default_rng(9))
    left_out = time == 2
    hours = np.expm1(time)  # what is linear on the scale of log1p is not in hours
    result = restoration.restore(
        {}, cells[~left_out], hours[~left_out], cells[left_out], np.expm1(2.0), scales={"log1p": np.log1p}
    )
    table = scores(result)
    assert table.loc["linear-log1p", "e_distance"] == pytest.approx(0, abs=0.05)
    assert table.loc["linear", "e_distance"] > 0.1
    assert table.loc["linear-log1p", "rmse_of_means"] < 0.5 * table.loc["linear", "rmse_of_means"]


def test_extrapolation_follows_the_nearest_two_groups():
    cells, time, _ = course(False, np.random.default_rng(6))
    left_out = time == 4
    table = scores(restoration.restore({}, cells[~left_out], time[~left_out], cells[left_out], 4.0))
    assert table.loc["linear", "pcc_of_change"] > 0.95
    assert table["e_distance"].drop("true cells").idxmin() == "linear"


def test_the_curve_has_every_group_and_peaks_at_the_left_out_one_for_true_cells():
    cells, time, _ = course(True, np.random.default_rng(7))
    left_out = time == 2
    result = restoration.restore({}, cells[~left_out], time[~left_out], cells[left_out], 2.0, max_cells=100)
    curve = result.curve.set_index("model").loc["true cells"]
    assert curve["group"].tolist() == [0, 1, 2, 3, 4]
    assert curve.set_index("group")["pcc_of_cells"].idxmax() == 2
    assert (result.scores.query("metric == 'n'")["value"] <= 100).all()


def test_impossible_restorations_raise():
    cells, time, _ = course(True, np.random.default_rng(8))
    with pytest.raises(ValueError, match="two other groups"):
        restoration.restore({}, cells, time, cells[:5], 2.0)
    with pytest.raises(ValueError, match="two other groups"):
        restoration.restore({}, cells[time == 1], time[time == 1], cells[:5], 2.0)


def test_local_rows_have_the_mean_of_a_local_linear_regression():
    rng = np.random.default_rng(0)
    place = np.concatenate([rng.uniform(0, 4, 300), rng.uniform(6, 7, 90), rng.uniform(7, 10, 300)])
    reach = 2 * max(place[place > 5].min() - 5, 5 - place[place < 5].max())
    kernel = np.maximum(1 - np.abs((place - 5) / reach) ** 3, 0) ** 3
    y = place**2 + rng.normal(0, 0.1, len(place))
    design = np.stack([np.ones(len(place)), place - 5], axis=1)
    oracle = np.linalg.solve(design.T @ (kernel[:, None] * design), design.T @ (kernel * y))[0]
    drawn = local_rows(place, 5.0, count=20_000)
    assert y[drawn].mean() == pytest.approx(oracle, abs=0.02)
    assert place[drawn].mean() == pytest.approx(5.0, abs=0.01)
    np.testing.assert_array_equal(drawn, local_rows(place, 5.0, count=20_000))


def test_beyond_the_last_cells_the_nearest_ones_are_drawn():
    place = np.linspace(0, 4, 200)
    drawn = place[local_rows(place, 4.5, count=500)]
    assert drawn.min() >= 3.0 and drawn.mean() > 3.6


def test_local_cells_are_a_baseline_and_errors_are_given_over_linear():
    rng = np.random.default_rng(1)
    time = rng.uniform(0, 4, 3000)
    slope = rng.normal(size=40)
    cells = np.outer(np.exp(time), slope) + rng.normal(0, 0.3, (3000, 40))
    hidden = (time > 1.5) & (time < 2.5)
    sources, groups = cells[~hidden], np.round(time[~hidden])
    groups[groups == 2] += np.where(time[~hidden][groups == 2] < 2, -0.5, 0.5)
    local = local_rows(time[~hidden], 2.0)
    result = restoration.restore({}, sources, groups, cells[hidden], 2.0, local=local)
    table = result.scores.set_index(["model", "metric"])["value"]
    assert table["linear", "mse_over_linear"] == 1.0
    ratio = (table["local-linear", "rmse_of_means"] / table["linear", "rmse_of_means"]) ** 2
    assert table["local-linear", "mse_over_linear"] == pytest.approx(ratio)
    assert ratio < 0.5  # the groups on either side are wide, and change is not linear
    none = restoration.restore({}, sources, groups, cells[hidden], 2.0)
    assert "local-linear" not in set(none.scores["model"])


def course_with_gap(speed, seed, noise=0.5, n=3000):
    """Return times without 4 to 5, expression along them, and the mean expression in the gap."""
    rng = np.random.default_rng(seed)
    time, slope, phase = rng.uniform(0, 10, n), rng.normal(size=30), rng.uniform(0, 6, 30)
    mean = slope * np.sin(speed * time[:, None] + phase)
    gap = (time >= 4) & (time <= 5)
    cells = sparse.csr_matrix(mean + noise * rng.standard_normal(mean.shape))
    return time[~gap], cells[np.flatnonzero(~gap)], mean[gap].mean(axis=0), float(np.median(time[gap]))


@pytest.mark.parametrize("speed", [0.2, 1.5])
def test_the_reach_that_other_gaps_choose_is_nearly_the_best_in_the_gap(speed):
    errors = []
    for seed in range(6):
        time, cells, true, middle = course_with_gap(speed, seed)
        chosen = REACHES.index(local_reach(time, cells, 4.0, 5.0))
        guesses = [cells[local_rows(time, middle, 4000, reach=reach)].mean(axis=0) for reach in REACHES]
        error = [((np.asarray(guess).ravel() - true) ** 2).sum() for guess in guesses]
        errors.append([error[chosen], min(error), max(error)])
    chosen, best, worst = np.mean(errors, axis=0)
    assert chosen < best + 0.2 * (worst - best), (chosen, best, worst)


def test_without_other_gaps_the_usual_reach_is_taken():
    time, cells, _, _ = course_with_gap(1.0, 0, n=200)
    assert local_reach(time, cells, 1.0, 9.0) == USUAL  # no gap so wide is beside it
    assert local_reach(np.array([0.0, 3.0] * 50), cells[:100], 1.0, 1.0) == USUAL  # two sampled times
    sides = np.concatenate([np.linspace(0, 0.3, 100), np.linspace(0.7, 1, 100)])
    course = sparse.csr_matrix(np.sin(np.outer(sides, np.arange(8, 40))))
    assert local_reach(sides, course, 0.3, 0.7) == USUAL  # all others lie partly in the gap itself
    sampled = np.round(time)
    assert local_reach(sampled, cells, 4.5, 4.5) in REACHES  # sampled times are left out as a whole
