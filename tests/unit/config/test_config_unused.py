"""Settings that change nothing beside others are said."""

import logging

import pytest

from panscape.config.load import load
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.errors import UserError

STUDIES = {"collection": "x", "studies": [{"id": "a", "path": "a.h5ad", "obs": {"age": "age"}}]}


def warnings_of(caplog, written=None, **settings):
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        load({**STUDIES, **settings}, written=written)
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("key", "value"),
    [("metric", "euclidean"), ("diagonal", True), ("eta", 0.3), ("symmetric", True), ("best_detected", 300)],
)
def test_settings_of_thresholded_correlations(caplog, key, value):
    (warning,) = warnings_of(caplog, landscape={key: value})
    assert warning == (
        f"landscape.{key}: {value} does not change the distance of clusters, which is corrected: "
        "write landscape.distance: thresholded, or leave it out"
    )
    assert not warnings_of(caplog, landscape={key: value, "distance": "thresholded"})
    assert not warnings_of(caplog, preset="paper", landscape={key: value})


@pytest.mark.parametrize(("key", "value"), [("top_pairs", 5000), ("neighbor_sweep", [10, 20])])
def test_settings_of_the_corrected_distance(caplog, key, value):
    (warning,) = warnings_of(caplog, landscape={key: value, "distance": "thresholded"})
    assert warning.startswith(f"landscape.{key}: ") and "write landscape.distance: corrected" in warning
    assert not warnings_of(caplog, landscape={key: value})


def test_only_what_is_written_and_differs_from_the_default(caplog):
    defaults = {"eta": 0, "metric": "cosine", "neighbor_sweep": [20, 30, 40], "best_detected": 0}
    for distance in ("corrected", "thresholded"):
        assert not warnings_of(caplog, landscape={**defaults, "distance": distance})
    # the preset's metric and diagonal are not the user's
    assert not warnings_of(caplog, preset="paper", landscape={"distance": "corrected"})
    assert not warnings_of(caplog, written={}, landscape={"eta": 0.3})


def test_fewer_pairs_than_a_cluster_needs():
    with pytest.raises(UserError, match=r"landscape.top_pairs: 5 pairs are compared, but a cluster needs 10"):
        load({**STUDIES, "landscape": {"top_pairs": 5}})
    assert load({**STUDIES, "landscape": {"top_pairs": 5, "min_pairs": 5}})


def test_old_values_of_distance_choose_the_thresholded_one(caplog):
    (warning,) = warnings_of(caplog, landscape={"distance": "euclidean"})
    assert "is now landscape.metric" in warning


def test_settings_know_what_has_no_effect():
    assert LandscapeSettings(neighbor_sweep=[20, 30, 40], distance="thresholded").unused == ()
    assert set(LandscapeSettings(eta=0.1, diagonal=True).unused) == {"eta", "diagonal"}
