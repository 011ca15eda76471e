"""Interactions of labels: coordinates move with pairs of classes, also with pairs that were not seen."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.simulate import simulate_treatments
from panscape.unicoord.changes import NOISE, OWN, _matched, _noise, change_scores, confidence_of
from panscape.unicoord.effects import EffectRidge, error_variance
from panscape.unicoord.interactions import MEAN, POOLED, RIDGE, agreement, moved
from panscape.unicoord.labels import LabelInfo, Layout
from panscape.unicoord.learn_interactions import learn_interactions
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.targets import Targets
from panscape.unicoord.train import train

TYPES, GENES = 6, 30
LAYOUT = Layout(
    (
        LabelInfo("type", "discrete", tuple(f"T{at}" for at in range(TYPES))),
        LabelInfo("drug", "discrete", ("no", "yes")),
    )
)


def planted(interaction=1.0, missing=5, seed=0, n=1200):
    """Return latent, expression and targets: the drug's effect on a type is a line in the type's state."""
    rng = np.random.default_rng(seed)
    kind, drug = rng.integers(TYPES, size=n), rng.integers(2, size=n)
    kept = ~((kind == missing) & (drug == 1))
    kind, drug = kind[kept], drug[kept]
    state = np.linspace(-1, 1, TYPES)
    x = np.ones((len(kind), GENES))
    x[:, 0] += state[kind]
    x[:, 1] += drug * (1 + interaction * state[kind])
    x += 0.05 * rng.standard_normal(x.shape)
    latent = np.zeros((len(kind), 2))
    latent[:, 0] = interaction * drug * state[kind] + 0.02 * rng.standard_normal(len(kind))
    codes = np.stack([kind, drug], axis=1)
    return latent.astype(np.float32), sparse.csr_matrix(x), Targets(np.empty((len(kind), 0)), codes)


def code_of(kind, drug):
    return np.concatenate([np.eye(TYPES)[[kind]], np.eye(2)[[drug]]], axis=1)


def test_coordinates_move_with_the_effect_of_seen_and_unseen_pairs():
    found = learn_interactions(LAYOUT, *planted())
    assert found["drug"].context == "type" and found["drug"].cells[1, 5] == 0
    for kind, state in enumerate(np.linspace(-1, 1, TYPES)):
        step = moved(LAYOUT, found, code_of(kind, 0), code_of(kind, 1))
        # the outermost type was never treated: its move is extrapolated from the other types
        np.testing.assert_allclose(step, [[state, 0]], atol=0.25 if kind == 5 else 0.05)
        np.testing.assert_allclose(moved(LAYOUT, found, code_of(kind, 1), code_of(kind, 0)), -step, atol=1e-6)


def test_a_mixture_of_classes_moves_part_of_the_way_and_no_change_not_at_all():
    found = learn_interactions(LAYOUT, *planted())
    whole = moved(LAYOUT, found, code_of(4, 0), code_of(4, 1))
    half = code_of(4, 0)
    half[:, TYPES:] = 0.5
    np.testing.assert_allclose(moved(LAYOUT, found, code_of(4, 0), half), whole / 2, atol=1e-6)
    assert moved(LAYOUT, found, code_of(4, 0), code_of(4, 0)) == 0.0


def test_both_labels_of_a_pair_can_be_set_at_once():
    found = learn_interactions(LAYOUT, *planted())
    # from an untreated T1, whose coordinate is 0, to a treated T4
    np.testing.assert_allclose(moved(LAYOUT, found, code_of(1, 0), code_of(4, 1)), [[0.6, 0]], atol=0.1)


def test_labels_without_an_interaction_have_none():
    assert learn_interactions(LAYOUT, *planted(interaction=0.0, missing=None)) == {}


def test_a_parent_label_does_not_interact_with_its_child():
    layout = Layout(LAYOUT.labels, {"drug": ("type", (0, 1, 0, 1, 0, 1))})
    assert learn_interactions(layout, *planted()) == {}


def test_left_out_effects_are_predicted_better_by_ridge_than_by_one_shift():
    rows = pd.DataFrame(learn_interactions(LAYOUT, *planted(missing=None))["drug"].scores)
    error = rows[rows["value"] == "yes"].groupby("model")["mse_share"].mean()
    assert error[RIDGE] < 0.3 * min(error[MEAN], error[POOLED])
    assert set(rows["class"]) == set(LAYOUT["type"].classes)
    card = [{"label": "drug", "context": "type", "scores": rows.to_dict("records")}]
    told = confidence_of(card, "drug", "yes")
    assert told["mse_share"] == pytest.approx(error[RIDGE]) and told["shift"] == pytest.approx(error[POOLED])
    assert told["classes"] == TYPES and told["context"] == "type"
    assert confidence_of(card, "drug", "maybe") is None and confidence_of(card, "type", "yes") is None


def test_agreement_of_no_change_is_one_and_without_correlation():
    assert agreement(np.zeros(3), np.array([1.0, 2.0, 3.0])) == (0.0, 1.0)


SETTINGS = {
    "n_genes": 0, "n_epochs": 4, "min_steps": 250, "n_latent": 8, "n_components": 20, "n_hidden": [32],
    "ensemble": 2, "n_hidden_decoder": [32], "batch_size": 64, "linear_head": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def treated():
    cells = simulate_treatments(
        cells=3000, n_genes=240, types=8, programs=1, interaction=0.5, predictable=1.0, response=1.5,
        response_genes=0.4, depth=4000.0, batches=1, state_effect=0.0, seed=6,
    )  # fmt: skip
    hidden = ((cells.obs["cell_type"] == "T2") & (cells.obs["treatment"] == "treated")).to_numpy()
    rng = np.random.default_rng(0)
    split = np.where(
        hidden, "test", rng.choice(["train", "validation", "test"], len(hidden), p=[0.5, 0.1, 0.4])
    )
    labels = [{"name": name, "kind": "discrete"} for name in ("cell_type", "treatment")]
    models = {
        on: train(cells, labels, SETTINGS | {"interactions": on}, seed=1, split=split).model
        for on in (True, False)
    }
    return cells, split, models


def error_of(model, cells, split, kind):
    chosen = (
        (cells.obs["cell_type"] == kind) & (cells.obs["treatment"] == "control") & (split == "test")
    ).to_numpy()
    source = cells[chosen].copy()
    there = (
        (cells.obs["cell_type"] == kind) & (cells.obs["treatment"] == "treated") & (split == "test")
    ).to_numpy()
    true = model.normalised(cells[there].copy()).mean(axis=0) - model.normalised(source).mean(axis=0)
    made, same = (
        np.vstack([block for _, block in model.reconfigure(source, changes)]).mean(axis=0)
        for changes in ({"treatment": "treated"}, {})
    )
    return agreement(made - same, np.asarray(true).ravel())[1]


def test_generated_cells_have_the_effect_on_their_own_type(treated):
    cells, split, models = treated
    for kind, bound in (("T1", 0.2), ("T4", 0.2), ("T2", 0.8)):  # T2 was never seen treated
        errors = {on: error_of(model, cells, split, kind) for on, model in models.items()}
        assert errors[True] < bound * errors[False], (kind, errors)


def test_interactions_are_saved_with_the_model(treated, tmp_path):
    cells, _, models = treated
    models[True].save(tmp_path / "model")
    loaded = CoordinateSystem.load(tmp_path / "model")
    one, other = (
        np.vstack([block for _, block in model.reconfigure(cells[:50].copy(), {"treatment": "treated"})])
        for model in (models[True], loaded)
    )
    np.testing.assert_array_equal(one, other)
    assert loaded.interactions["treatment"].scores == models[True].interactions["treatment"].scores


def test_scores_on_test_cells_have_model_and_baselines(treated):
    cells, split, models = treated
    model = models[True]
    tested, learned = (model.cells(cells[split == name].copy()) for name in ("test", "train"))
    rows = pd.DataFrame(
        change_scores(model, tested, model.normalised(tested), learned, model.normalised(learned)),
        columns=["task", "model", "metric", "value", "null"],
    )
    table = rows[rows["metric"] == "mse_share"].set_index(["task", "model"])["value"]
    seen = table["effect of treatment"]
    assert seen["unicoord"] < 0.7 * seen[POOLED] and seen[OWN] < 0.7 * seen[POOLED]
    assert 0 < seen[NOISE] < min(seen["unicoord"], seen[OWN])
    assert set(table["unseen effect of treatment"].index) == {RIDGE, MEAN, POOLED}
    number = rows[(rows["task"] == "effect of treatment") & (rows["metric"] == "n")].set_index("model")[
        "value"
    ]
    tested = cells.obs[split == "test"]
    counted = pd.crosstab(tested["cell_type"], tested["treatment"]).min(axis=1)
    assert number["unicoord"] == 2 * (counted >= 30).sum() > 10  # to and from the treatment


def effects_of(classes, own, cells, seed=0, genes=200):
    """Return states, measured effects, expected ones and noise: one common effect, and each class's own."""
    rng = np.random.default_rng(seed)
    true = rng.standard_normal(genes) + own * rng.standard_normal((classes, genes))
    noise = genes / np.broadcast_to(cells, classes).astype(float)
    measured = true + rng.standard_normal(true.shape) * np.sqrt(noise / genes)[:, None]
    return rng.standard_normal((classes, genes)), measured, true, noise


def test_predictions_from_other_classes_are_those_of_fits_without_the_class():
    states, effects, _, noise = effects_of(6, 0.5, [10, 20, 30, 40, 50, 60])
    ridge = EffectRidge(states, effects, noise)
    for at in range(6):
        rest = np.arange(6) != at
        # the same kernel, weights and penalty without the class: the hat matrix of the other five
        left = np.linalg.solve(np.eye(6) - np.outer(np.eye(6)[at], ridge.hat[at]), np.eye(6) * rest[:, None])
        np.testing.assert_allclose(ridge.without(effects)[at], (ridge.hat[at] @ left) @ effects, atol=1e-9)
    np.testing.assert_allclose(ridge(states, effects), ridge.hat @ effects, atol=1e-9)
    np.testing.assert_allclose(ridge.hat.sum(axis=1), 1, atol=1e-9)  # what all share is kept


def test_alike_classes_are_weighted_by_their_cells_and_unlike_ones_equally():
    cells = np.array([20, 20, 20, 20, 2000])
    states, effects, _, noise = effects_of(5, 0.0, cells)
    assert EffectRidge(states, effects, noise).hat[:, 4].min() > 0.6
    states, effects, _, noise = effects_of(5, 5.0, cells)
    np.testing.assert_allclose(EffectRidge(states, effects, noise).hat.mean(axis=0), 0.2, atol=0.1)


def test_the_error_of_predictions_is_measured_without_the_noise_of_the_effects():
    for own in (0.0, 0.5, 2.0):
        found, true = [], []
        for seed in range(8):
            states, effects, expected, noise = effects_of(12, own, 20, seed)
            ridge = EffectRidge(states, effects, noise)
            each = np.broadcast_to(noise[:, None] / 200, effects.shape)
            found.append(error_variance(ridge, effects, each).mean())
            true.append(((ridge.without(effects) - expected) ** 2).mean())
        assert np.mean(found) == pytest.approx(np.mean(true), rel=0.1, abs=0.01), own


def test_cells_are_compared_at_the_same_value():
    rng = np.random.default_rng(0)
    kind, drug, age = rng.integers(2, size=4000), rng.integers(2, size=4000), rng.uniform(0, 1, 4000)
    age[kind == 1] += 0.5  # the second type is older
    known = Targets(age[:, None].astype(np.float32), np.stack([kind, drug], axis=1))
    there, source = _matched(known, kind, 1, drug == 0)
    assert there.sum() == pytest.approx(1) and source.sum() == pytest.approx(1)
    assert not there[(kind == 0) | (drug == 1)].any() and not source[(kind == 1) | (drug == 1)].any()
    assert (there - source) @ age == pytest.approx(0, abs=0.01)
    plain = Targets(np.empty((4000, 0)), known.codes)
    there, source = _matched(plain, kind, 1, drug == 0)
    assert (there - source) @ age == pytest.approx(0.5, abs=0.05)
    far = Targets((age + 5 * kind)[:, None], known.codes)  # no cell of the other type is near
    assert not any(side.any() for side in _matched(far, kind, 1, drug == 0))


def test_noise_is_the_squared_error_of_a_weighted_mean():
    rng = np.random.default_rng(1)
    weights = np.where(rng.random(300) < 0.5, rng.random(300), 0)
    weights /= weights.sum()
    scale = np.array([1.0, 2.0, 3.0])
    drawn = 5 + scale * rng.standard_normal((400, 300, 3))
    error = ((np.einsum("n,rng->rg", weights, drawn) - 5) ** 2).sum(axis=1).mean()
    told = np.mean([_noise(sparse.csr_matrix(cells), weights) for cells in drawn])
    assert told == pytest.approx(error, rel=0.1)
