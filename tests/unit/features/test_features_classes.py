"""Tests of gene sets for classes: AUROCs, their nulls, sampled units."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import mannwhitneyu, norm
from sklearn.metrics import roc_auc_score

from panscape.stats.aucell import top_count, weight_blocks
from panscape.unicoord.features import classes as classes_module
from panscape.unicoord.features.assess import assess_sets
from panscape.unicoord.features.cells import labelled, unit_of
from panscape.unicoord.features.classes import Classes, class_areas
from panscape.unicoord.features.forest import forest
from panscape.unicoord.features.settings import FeatureSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    kind = np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, 240)]
    donor = np.array(["x", "y", "z"], dtype=object)[rng.integers(0, 3, 240)]
    scores = np.round(rng.normal(size=(240, 5)), 1).astype(np.float32)  # with ties
    scores[:, 0] += 2 * (kind == "a")
    scores[:, 1] += 4 * (donor == "x")  # an effect of the donor, not of a class
    return kind, donor, scores


def test_areas_are_those_of_scikit_learn_within_donors(cells):
    kind, donor, scores = cells
    areas = class_areas(scores, Classes.of(kind, donor))
    for c, name in enumerate("abc"):
        each = [
            [roc_auc_score(kind[donor == d] == name, scores[donor == d, t]) for t in range(5)] for d in "xyz"
        ]
        np.testing.assert_allclose(areas.mean[c], np.mean(each, axis=0), atol=1e-12)
        np.testing.assert_allclose(areas.lowest[c], np.min(each, axis=0), atol=1e-12)
        np.testing.assert_allclose(areas.replicated[c], np.sort(each, axis=0)[:-1].mean(axis=0), atol=1e-12)


def test_shuffled_labels_agree_with_mann_and_whitney(cells):
    kind, _, scores = cells
    z = classes_module.shuffled_z(class_areas(scores, Classes.of(kind)))
    for c, name in enumerate("abc"):
        pair = scores[kind == name], scores[kind != name]
        expected = mannwhitneyu(*pair, alternative="greater", method="asymptotic", use_continuity=False)
        np.testing.assert_allclose(norm.sf(z[c]), expected.pvalue, rtol=1e-5, atol=1e-12)


def test_one_donor_alone_makes_no_class(cells):
    kind, donor, scores = cells
    scores[:, 2] += 4 * ((kind == "b") & (donor == "y"))
    areas = class_areas(scores, Classes.of(kind, donor))
    assert areas.mean[1, 2] > 0.6 and abs(areas.replicated[1, 2] - 0.5) < 0.1
    assert areas.replicated[0, 0] > 0.8


def test_small_classes_are_ignored():
    kind = ["a"] * 20 + ["b"] * 20 + ["rare"] * 4 + [None, "", np.nan]
    classes = Classes.of(kind)
    assert classes.names.tolist() == ["a", "b"] and classes.n_cells.tolist() == [20, 20]
    split = ["x"] * 4 + ["y"] * 43
    classes = Classes.of(kind, split)
    assert classes.n_units.tolist() == [1, 1]  # neither class is in x five times
    assert Classes.of(["a"] * 30) is None and Classes.of([None] * 30) is None


def test_areas_of_0_and_1_stay_finite():
    classes = Classes.of(["a"] * 10 + ["b"] * 10)
    z = classes_module.distance(np.array([[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]]), classes)
    assert np.isfinite(z).all() and z[0, 0] == pytest.approx(-z[0, 2]) and z[0, 1] == 0


@pytest.mark.parametrize("null", ["random", "labels"])
def test_p_values_are_calibrated_without_planted_sets(null):
    from features_planted import rates

    rejected = rates(range(30), null, {"random_sets": 100, "size_bins": 2, "detection_bins": 2})
    assert {"class", "set"} <= set(rejected)
    # 30 systems of 40 sets; with more systems the benchmark narrows this to 0.03 to 0.07
    assert all(0.02 < rate < 0.085 for rate in rejected.values()), rejected


def test_the_sampled_unit_is_what_is_mapped():
    obs = pd.DataFrame({"study": ["s", "s", "t"], "batch": ["1", "2", "1"], "donor": ["d", None, "d"]})
    assert unit_of(obs, "auto").tolist() == ["s:d", "s", "t:d"]
    assert unit_of(obs, "batch").tolist() == ["s:1", "s:2", "t:1"]
    assert unit_of(obs, None).tolist() == ["s", "s", "t"]
    assert unit_of(obs[["study"]], "auto").tolist() == ["s", "s", "t"]


def test_without_classes_entropy_is_used_and_the_log_says_so(caplog):
    caplog.set_level("WARNING", logger="panscape")
    obs = pd.DataFrame({"study": ["s"] * 30})
    unit = unit_of(obs, "auto")
    assert labelled(obs, unit, FeatureSettings()) == (None, None)
    assert "no study maps cell_type" in caplog.text
    one = obs.assign(cell_type=["a"] * 28 + ["b"] * 2)
    assert labelled(one, unit, FeatureSettings()) == (None, None)
    assert "no two classes of cell_type" in caplog.text
    assert labelled(one, unit, FeatureSettings(label=None)) == (None, None)
    two = obs.assign(cell_type=["a"] * 15 + ["b"] * 15)
    labels, classes = labelled(two, unit, FeatureSettings())
    assert len(labels) == 30 and classes.names.tolist() == ["a", "b"]


def test_accuracy_is_measured_on_donors_that_the_forest_has_not_seen():
    rng = np.random.default_rng(0)
    kind = np.array(["a", "b"], dtype=object)[rng.integers(0, 2, 200)]
    donor = rng.integers(0, 2, 200)
    # scores separate the classes in one donor and are reversed in the other
    scores = (np.where(donor == 0, 1, -1) * np.where(kind == "a", 1, -1) + rng.normal(0, 0.1, 200))[:, None]
    seen = forest(scores, kind, trees=20)
    unseen = forest(scores, kind, donor.astype(str).astype(object), trees=20)
    assert unseen.accuracy < 0.1 and unseen.units_left_out == 2 and seen.units_left_out == 0


def test_more_classes_do_not_make_a_set_better():
    """Sets of random genes: the p-value of the best of eight classes is calibrated."""
    rng = np.random.default_rng(1)
    log = np.tile(rng.normal(-1, 1, 600), (400, 1))
    kind = rng.integers(0, 8, 400)
    log += rng.normal(0, 0.6, (8, 600))[kind]
    counts = sparse.csr_matrix(rng.poisson(np.exp(log)), dtype=np.float32)
    member = np.zeros((150, 600))
    for row in member:
        row[rng.choice(600, 25, replace=False)] = 1
    n_up = top_count(600)
    weights = sparse.vstack([part for _, part in weight_blocks(counts, n_up)], format="csr")
    assessment = assess_sets(
        weights,
        sparse.csr_matrix(member),
        n_up,
        rng,
        classes=Classes.of([f"t{code}" for code in kind]),
        settings=FeatureSettings(random_sets=300, size_bins=1, detection_bins=2),
    )
    assert 0.0 <= (assessment.table["class_pvalue"] <= 0.05).mean() < 0.11
    assert (assessment.table["class_fdr"] <= 0.05).sum() == 0
