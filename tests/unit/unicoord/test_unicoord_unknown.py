"""Cells of unknown types: distance and doubt together, with a threshold per class."""

from dataclasses import replace

import numpy as np
import torch
from unicoord_cells import QUICK, atlas

from panscape.stats.ranks import auroc
from panscape.unicoord import confidence
from panscape.unicoord.confidence import Nonconformity, calibrate
from panscape.unicoord.estimator import UniCoord
from panscape.unicoord.labels import LabelInfo, Layout
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.targets import Targets

torch.set_num_threads(1)
TYPES = LabelInfo("type", "discrete", ("a", "b", "c"))


def test_a_scattered_rare_class_gets_its_own_threshold():
    rng = np.random.default_rng(2)
    code = np.r_[np.zeros(600, int), np.ones(80, int)]
    scale = np.where(code == 0, 1.0, 3.0)[:, None]

    def drawn():
        x = np.zeros((680, 6)) + 20 * code[:, None]
        return x + scale * rng.normal(size=x.shape)

    train, held, new = drawn(), drawn(), drawn()
    layout = Layout((LabelInfo("type", "discrete", ("a", "b")),))
    targets = Targets(np.zeros((680, 0), np.float32), code[:, None])
    votes = np.eye(2)[code] * 0.8 + 0.1
    zero = np.zeros((680, 2))
    learned = calibrate(layout, (train, targets), (held, votes, zero, targets), 0.05)
    nonconformity = learned.nonconformity["type"]
    unknown = nonconformity.judged(*nonconformity.raw(new))[1]
    level = np.quantile(nonconformity.reference, 0.95)
    assert nonconformity.weights[1] == 0  # all cells are predicted with the same doubt
    one = replace(nonconformity, thresholds=np.full(2, level))
    pooled = one.judged(*one.raw(new))[1]
    assert unknown[code == 1].mean() < 0.6 * pooled[code == 1].mean()
    assert unknown[code == 0].mean() < 0.1 and unknown[code == 1].mean() < 0.35
    far = np.full((5, 6), 200.0)
    raw, nearest = nonconformity.raw(far)
    assert nonconformity.judged(raw, nearest)[1].all()
    assert nonconformity.judged(raw - 100.0, nearest)[1].sum() == 0


def test_the_threshold_is_of_the_scores_beyond_the_limits_of_their_classes():
    rng = np.random.default_rng(4)
    centres = np.array([[0.0, 0, 0], [50.0, 0, 0]])
    held = np.repeat(centres, 200, axis=0) + rng.normal(size=(400, 3))
    whiten = np.stack([np.eye(3)] * 2)
    for limits in ([0.0, 0.0], [0.0, 3.0], [-3.0, 1.0]):
        made = confidence._Classes(centres, whiten, np.array(limits)).nonconformity(held, 0.05)
        unknown = made.judged(*made.raw(held))[1]
        assert 0.045 < unknown.mean() <= 0.05
        np.testing.assert_allclose(np.diff(made.thresholds), np.diff(limits) * made.weights[0])


def calibrated_types(seed=3):
    """Return calibrated nonconformity, and new cells: features, probabilities, and whether they are known.

    Four types, two of them rare and with heavy tails. New cells are of the known types and of another one,
    between the first two, which the classifier cannot tell apart there.
    """
    rng = np.random.default_rng(seed)
    code = np.repeat(np.arange(4), (600, 300, 40, 30))
    centres = 7 * np.eye(4, 6)
    layout = Layout((LabelInfo("type", "discrete", tuple("abcd")),))

    def drawn():
        noise = rng.normal(size=(len(code), 6))
        noise[code > 1] = rng.standard_t(2, size=noise[code > 1].shape)
        return centres[code] + noise

    def votes(x):
        near = -0.5 * ((x[:, None] - centres) ** 2).sum(axis=2)
        near = np.exp((near - near.max(axis=1, keepdims=True)) / 4)
        return near / near.sum(axis=1, keepdims=True)

    targets = Targets(np.zeros((len(code), 0), np.float32), code[:, None])
    train, held = drawn(), drawn()
    given = (held, votes(held), np.zeros((len(code), 4)), targets)
    made = calibrate(layout, (train, targets), given, 0.05)
    known, other = drawn(), (centres[0] + centres[1]) / 2 + 0.5 * rng.normal(size=(200, 6))
    x = np.vstack([known, other])
    share = made.probability(layout, layout["type"], votes(x), np.zeros((len(x), 4)))
    return made.nonconformity["type"], x, share, np.arange(len(x)) < len(known), np.r_[code, np.full(200, -1)]


def test_one_in_twenty_known_cells_is_called_unknown_although_rare_types_have_heavy_tails():
    called, rare = [], []
    for seed in range(3, 7):
        nonconformity, x, share, known, code = calibrated_types(seed)
        unknown = nonconformity.judged(*nonconformity.raw(x, share))[1]
        called.append(unknown[known].mean())
        rare.append(unknown[code > 1].mean())
    assert 0.03 < np.mean(called) < 0.07 and np.mean(rare) < 0.4


def test_cells_between_types_are_unknown_by_doubt_and_distance_together():
    nonconformity, x, share, known, _ = calibrated_types()
    both, distance = (auroc(nonconformity.raw(x, seen)[0], ~known) for seen in (share, None))
    assert both > distance + 0.01 and both > 0.97
    assert nonconformity.judged(*nonconformity.raw(x, share))[1][~known].mean() > 0.8
    score = nonconformity.judged(*nonconformity.raw(x, share))[0]
    assert abs(score[known].mean() - 0.5) < 0.05  # the fraction of known cells with a lower score


def test_models_that_did_not_weigh_doubt_judge_by_distance(tmp_path):
    model = UniCoord(QUICK).fit(atlas(400, seed=5), labels={"cell_type": "discrete"}).model
    old = model.confidence.nonconformity["cell_type"]
    assert (old.weights > 0).all()
    before = Nonconformity(old.centres, old.whiten, old.reference, old.thresholds)
    x = np.random.default_rng(0).normal(size=(5, old.centres.shape[1]))
    share = np.full((5, 4), 0.25)
    np.testing.assert_array_equal(before.raw(x, share)[0], before.raw(x)[0])
    np.testing.assert_allclose(old.raw(x)[0], old.weights[0] * before.raw(x)[0])
    model.save(tmp_path / "m")
    again = CoordinateSystem.load(tmp_path / "m").confidence.nonconformity["cell_type"]
    np.testing.assert_array_equal(again.weights, old.weights)


def test_values_are_judged_by_the_classes_of_the_first_label_estimated_once(monkeypatch):
    rng = np.random.default_rng(0)
    layout = Layout((LabelInfo("age", "continuous"), LabelInfo("dose", "continuous"), TYPES))
    targets = Targets(rng.random((120, 2)).astype(np.float32), rng.integers(3, size=(120, 1)))
    x, votes = rng.normal(size=(120, 4)), np.full((120, layout.width), 1 / 3)
    estimated, whole = [], confidence._classes
    monkeypatch.setattr(confidence, "_classes", lambda *given: (estimated.append(1), whole(*given))[1])
    made = calibrate(layout, (x, targets), (x, votes, np.zeros_like(votes), targets), 0.05)
    assert len(estimated) == 1 + confidence._FOLDS
    for name in ("age", "dose"):
        np.testing.assert_array_equal(made.nonconformity[name].centres, made.nonconformity["type"].centres)
