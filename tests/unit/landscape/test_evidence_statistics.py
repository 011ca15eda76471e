"""The statistics of benchmarks/landscape_evidence.py on clusters whose order is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def evidence(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    import landscape_evidence

    return landscape_evidence


def test_clusters_not_reached_do_not_help(evidence):
    age = np.arange(10.0)
    common = np.ones(10, dtype=bool)
    assert evidence.on_common(age, age, common) == pytest.approx(1)
    lost = np.where(age > 4, np.nan, age)
    assert 0 < evidence.on_common(lost, age, common) < 0.9
    assert evidence.on_common(np.full(10, np.nan), age, common) == 0


def test_ages_from_neighbours_of_other_studies(evidence):
    rng = np.random.default_rng(0)
    age, study = rng.uniform(0, 10, 60), np.repeat([0, 1], 30)
    near = np.abs(age[:, None] - age[None, :])
    assert evidence.from_others(near, age, study) > 0.95
    own_only = np.where(study[:, None] == study[None, :], near, rng.uniform(0, 1, (60, 60)))
    assert abs(evidence.from_others(own_only, age, study)) < 0.4
    disjoint = np.where(study == 0, age, age + 20)
    assert np.isnan(evidence.from_others(near, disjoint, study))


def test_rho_within_studies_ignores_their_order(evidence):
    age = np.concatenate([np.arange(6.0), np.arange(6.0) + 10])
    study = np.repeat([0, 1], 6)
    assert evidence.within_studies(-age, age, study) == pytest.approx(-1)
    swapped = np.concatenate([np.arange(6.0) + 10, np.arange(6.0)])
    assert evidence.within_studies(swapped, age, study) == pytest.approx(1)


def test_common_clusters_leave_out_spaces_that_reach_few(evidence):
    aged = np.array([True] * 6 + [False])
    most = np.array([0.1, 0.2, np.nan, 0.4, 0.5, 0.6, 0.7])
    few = np.array([0.1, *[np.nan] * 6])
    common = evidence.common_clusters({"a": most, "b": few}, aged)
    assert common.tolist() == [True, True, False, True, True, True, False]


def test_minimum_over_sets_that_decide(evidence):
    rows = pd.DataFrame(
        {
            "set": ["log-age", "uneven", "blood"],
            "variant": "x",
            "rho": [0.9, 0.7, 0.1],
            "worst": [0.8, 0.6, 0.0],
            "others": 0.5,
            "reached": 1.0,
        }
    )
    found = evidence.decide(rows).iloc[0]
    assert found["min rho"] == 0.7 and found["mean rho"] == pytest.approx(0.8) and found["min worst"] == 0.6
