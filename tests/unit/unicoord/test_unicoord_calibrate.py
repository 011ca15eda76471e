"""Edges of calibration: ties, bounds, and the fewest cells that allow a threshold."""

import numpy as np
import pytest

from panscape.unicoord import calibrate


def test_losses_of_improbable_classes_are_told_apart():
    found = calibrate.clipped_log(np.array([1.0, 1e-6, 0.0]))
    np.testing.assert_allclose(found, [0, np.log(1e-6), np.log(1e-12)])


def test_temperatures_stay_within_their_bounds():
    logits, codes = 3 * np.eye(3)[np.arange(30) % 3], np.arange(30) % 3  # all right: the optimum is 0
    assert calibrate.fit_temperature(logits, codes, bounds=(1, 10)) == pytest.approx(1, rel=1e-3)
    assert calibrate.fit_temperature(logits, (codes + 1) % 3, bounds=(0.05, 4)) == pytest.approx(4, rel=1e-3)


def test_bins_of_confidence_end_at_0_and_1():
    confidence = np.array([0.0, 0.2, 0.7, 1.0, 1.0 + 1e-9])  # sums of probabilities are not exactly 1
    table = calibrate.reliability(confidence, np.array([0, 1, 1, 1, 0]), bins=5)
    np.testing.assert_allclose(table["low"], [0, 0.6, 0.8])
    np.testing.assert_allclose(table["high"], [0.2, 0.8, 1])
    assert table["n"].tolist() == [2, 1, 2] and table["accuracy"].tolist() == [0.5, 1, 0.5]


def test_the_error_of_no_cell_is_unknown():
    assert np.isnan(calibrate.calibration_error(np.empty(0), np.empty(0)))


def test_the_fewest_cells_that_allow_a_threshold():
    right = np.linspace(0.5, 0.9, 9)
    probability = np.stack([right, 1 - right], axis=1)
    codes = np.zeros(9, int)
    assert calibrate.conformal_threshold(probability, codes, 0.1).tolist() == [0.5, 0.5]  # 1 of 9 + 1
    assert calibrate.conformal_threshold(probability[1:], codes[1:], 0.1).tolist() == [0, 0]
    assert calibrate.unknown_threshold(np.arange(19.0), 0.05) == 18  # 1 of 19 + 1
    assert calibrate.unknown_threshold(np.arange(18.0), 0.05) == np.inf


def test_a_class_at_its_threshold_is_in_the_set():
    inside = calibrate.prediction_sets(np.array([[0.7, 0.3, 0.0]]), np.array([0.7, 0.31, 0.0]))
    assert inside.tolist() == [[True, False, True]]


@pytest.mark.parametrize("alpha", [0, 1, -0.1, float("nan")])
def test_fractions_of_misses_are_between_0_and_1(alpha):
    with pytest.raises(ValueError, match="alpha"):
        calibrate.unknown_threshold(np.arange(30.0), alpha)
    with pytest.raises(ValueError, match="alpha"):
        calibrate.conformal_threshold(np.ones((2, 1)), np.zeros(2), alpha)


def test_classes_beyond_the_last_are_refused():
    with pytest.raises(ValueError, match="classes are 0 to 1"):
        calibrate.fit_temperature(np.zeros((2, 2)), np.array([0, 2]))
