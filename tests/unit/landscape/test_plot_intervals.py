"""The figure of pseudotime with its intervals, and when it is not drawn."""

import numpy as np
import pandas as pd
import pytest

from panscape.plot.drawable import NO_INTERVALS, not_drawable
from panscape.plot.intervals import plot_intervals
from panscape.plot.view import View


@pytest.fixture
def view():
    rng = np.random.default_rng(0)
    time = np.linspace(0, 1, 40)
    obs = pd.DataFrame(
        {
            "study": ["one", "two"] * 20,
            "dpt_pseudotime": time,
            "age": 10 * time + rng.normal(size=40),
            "pseudotime_low": time - 0.1,
            "pseudotime_high": time + 0.1,
            "placement": ["uncertain"] * 3 + ["placed"] * 36 + ["unconnected"],
            "n_cells": 50,
            "n_pairs": 100,
        }
    )
    obs.loc[39, ["dpt_pseudotime", "pseudotime_low", "pseudotime_high"]] = np.nan
    return View(obs, np.zeros((40, 2)), units={"age": "days"})


def test_every_study_has_a_panel_with_its_intervals(view):
    figure = plot_intervals(view)
    one, two = figure.axes[:2]
    assert (one.get_title(loc="left"), two.get_title(loc="left")) == ("one", "two")
    lines = [segment for part in one.collections[:2] for segment in part.get_segments()]
    assert len(lines) == 20 and all(np.ptp(line[:, 1]) == pytest.approx(0.2) for line in lines)
    texts = [text.get_text() for axes in (one, two) for text in axes.texts]
    assert texts == ["20 clusters\n2 uncertain", "19 clusters\n1 uncertain"]
    assert "Not shown: 1 of 40 clusters" in figure._supxlabel.get_text()


def test_without_intervals_it_is_not_drawn_and_says_why(view):
    none = pd.DataFrame({"statistic": [], "value": [], "rho": [], "fdr": []})
    assert "pseudotime-intervals" not in not_drawable(view, [], none, none, none)
    bare = View(view.obs.drop(columns=["pseudotime_low", "pseudotime_high"]), view.xy)
    assert not_drawable(bare, [], none, none, none)["pseudotime-intervals"] == NO_INTERVALS
    late = View(view.obs.assign(dpt_pseudotime=np.nan), view.xy)
    reasons = not_drawable(late, [], none, none, none)
    assert reasons["pseudotime-intervals"] == reasons["pseudotime-age"]
