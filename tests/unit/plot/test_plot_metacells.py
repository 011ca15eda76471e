import random

import numpy as np
import pandas as pd

from panscape.plot.metacell_map import layout, shown_columns
from panscape.plot.metacells import plot_heterogeneity


def test_the_map_of_equal_centres_is_equal_whatever_was_drawn_before():
    centres = np.random.default_rng(0).normal(size=(40, 6))
    random.seed(1)
    first = layout(centres)
    random.seed(2)
    expected = random.Random(2).random()
    np.testing.assert_array_equal(layout(centres), first)
    assert random.random() == expected
    assert first.shape == (40, 2) and layout(centres[:3]).shape == (3, 2)


def made_up(k=12):
    return pd.DataFrame(
        {
            "n_cells": np.arange(20, 20 + k),
            "heterogeneity_rna": np.linspace(0.05, 0.4, k),
            "dubious_rna": np.arange(k) >= k - 2,
            "heterogeneity_atac": np.full(k, np.nan),
            "dubious_atac": np.zeros(k, dtype=bool),
        }
    )


def words(ax):
    return [ax.get_title(loc="left"), ax.get_title(), *(text.get_text() for text in ax.texts)]


def test_heterogeneity_is_drawn_with_its_limit_and_what_was_not_judged_is_said():
    metrics = pd.DataFrame(
        [("coem", "heterogeneity_limit", "rna", 0.33), ("rna", "heterogeneity_limit", "rna", 0.33)],
        columns=["method", "metric", "modality", "value"],
    )
    judged, unjudged = plot_heterogeneity(made_up(), metrics).axes
    assert "RNA: 2 of 12 dubious (triangles)" in words(judged) and "limit 0.33" in words(judged)
    assert [len(points.get_offsets()) for points in judged.collections] == [10, 2]
    assert "accessibility: not judged" in words(unjudged) and not unjudged.collections


def test_the_map_leaves_out_a_modality_that_was_not_judged():
    assert shown_columns(made_up()) == ["heterogeneity_rna"]
