import anndata
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from unicoord_cells import LABELS, QUICK, atlas

from panscape.errors import UserError
from panscape.unicoord.labels import learn_labels
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.reconfigure import reconfigured_code
from panscape.unicoord.settings import Hierarchy, Label
from panscape.unicoord.targets import targets
from panscape.unicoord.train import train

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def cells():
    return atlas()


def changed(cells, **columns):
    obs = cells.obs.assign(**columns)
    return anndata.AnnData(cells.X, obs=obs, var=cells.var)


@pytest.mark.parametrize(
    ("label", "column", "message"),
    [
        ({"name": "absent", "kind": "discrete"}, None, "no column of that name"),
        ({"name": "x", "kind": "discrete"}, "same", "all cells are 'same'"),
        ({"name": "x", "kind": "discrete"}, np.nan, "no cell to train on has a value"),
        ({"name": "x", "kind": "continuous"}, "text", "'text' is not a number"),
        ({"name": "x", "kind": "continuous"}, 3.0, "all values are 3"),
        ({"name": "x", "kind": "discrete", "min_cells": 200}, "each", "fewer than two of its"),
        ({"name": "leiden", "kind": "continuous"}, "ids", "look like cluster ids"),
        ({"name": "x", "kind": "ordinal", "order": ["a", "b"]}, "each", "is not in its order"),
        ({"name": "x", "kind": "continuous", "transform": "log1p"}, "below", "-1 is below 0"),
        ({"name": "x", "kind": "continuous", "transform": "sqrt"}, "below", "-1 is below 0"),
    ],
)
def test_unusable_labels_raise(cells, label, column, message):
    values = {"each": [f"c{i % 50}" for i in range(len(cells))], "ids": np.arange(len(cells)) % 7}
    values["below"] = np.arange(len(cells)) * 0.5 - 1
    data = cells if column is None else changed(cells, **{label["name"]: values.get(column, column)})
    with pytest.raises(UserError, match=message):
        train(data, [label], QUICK)


def test_all_problems_are_reported_at_once(cells):
    with pytest.raises(UserError) as error:
        train(cells, [{"name": "a", "kind": "discrete"}, {"name": "b", "kind": "continuous"}], QUICK)
    assert len(error.value.problems) == 2


def test_missing_labels_are_masked(cells):
    rng = np.random.default_rng(0)
    obs = {
        name: cells.obs[name].astype(object).where(rng.random(len(cells)) > 0.3)
        for name in ("cell_type", "platform")
    }
    obs["time"] = cells.obs["time"].where(rng.random(len(cells)) > 0.3)
    result = train(changed(cells, **obs), LABELS, QUICK, seed=2)
    assert all(torch.isfinite(tensor).all() for tensor in result.model.network.state_dict().values())
    test = cells[result.split == "test"]
    table = result.model.predict(test)
    assert (table[table["label"] == "cell_type"]["value"].to_numpy() == test.obs["cell_type"]).mean() >= 0.95


def test_classes_and_scales_are_those_of_the_training_cells():
    obs = pd.DataFrame(
        {"k": ["b", "a", "b", None, "c"], "v": [1.0, 3.0, np.nan, 5.0, 3.0], "s": [2, 0, 1, 1, 2]}
    )
    layout = learn_labels(
        obs, [Label("k", "discrete", min_cells=1), Label("v", "continuous"), Label("s", "ordinal")]
    )
    assert layout["k"].classes == ("b", "a", "c")
    assert (layout["v"].mean, layout["v"].low, layout["v"].high) == (3.0, 1.0, 5.0)
    assert layout["s"].classes == ("0", "1", "2") and layout["s"].positions == (0.0, 1.0, 2.0)
    encoded = targets(pd.DataFrame({"k": ["c", "new", None], "v": [3.0, 5.0, np.nan]}), layout)
    assert encoded.codes.tolist() == [[2], [-1], [-1]]
    np.testing.assert_allclose(encoded.values[:, 0], [0, 2 / layout["v"].sd, np.nan])
    assert np.isnan(encoded.values[:, 1]).all()


@pytest.mark.parametrize("transform", ["none", "log1p", "sqrt", "rank"])
def test_a_transform_is_undone_and_keeps_the_order(transform):
    rng = np.random.default_rng(0)
    obs = pd.DataFrame({"v": np.append(rng.gamma(0.5, 20, 500), np.nan)})
    layout = learn_labels(obs, [Label("v", "continuous", transform=transform)])
    label, v = layout["v"], obs["v"].to_numpy()
    places = label.forward(v)
    assert (label.low, label.high) == (np.nanmin(v), np.nanmax(v))
    expected = {"none": v, "log1p": np.log(v + 1), "sqrt": v**0.5, "rank": obs["v"].rank(pct=True)}[transform]
    np.testing.assert_allclose(places, expected, atol=0.02 if transform == "rank" else 1e-12)
    np.testing.assert_allclose(label.backward(places), v)
    scaled = targets(obs, layout).values[:, 0]
    assert np.nanmean(scaled) == pytest.approx(0, abs=1e-6) and np.nanstd(scaled) == pytest.approx(1)
    # also beyond the training range, as a round trip
    far = np.array([label.high + 5, label.high + 50])
    np.testing.assert_allclose(label.backward(label.forward(far)), far)
    assert (np.diff(label.forward(np.append(np.sort(v[:-1]), far))) > 0).all()


def test_ranks_of_tied_values_are_the_middle_of_their_shares():
    layout = learn_labels(
        pd.DataFrame({"v": [0, 0, 1, 1, 1, 1, 24, 24]}), [Label("v", "continuous", transform="rank")]
    )
    np.testing.assert_allclose(layout["v"].forward(np.array([0.0, 1.0, 24.0])), [0.125, 0.5, 0.875])


def test_only_continuous_labels_have_a_transform():
    with pytest.raises(ValueError, match="only a continuous"):
        Label("x", "ordinal", transform="rank")
    with pytest.raises(ValueError, match="not one of"):
        Label("x", "continuous", transform="log")


def test_transformed_labels_are_predicted_and_set_in_their_unit(cells, tmp_path):
    hours = np.expm1(3 * cells.obs["time"].to_numpy())  # 0 to 19, most of them small
    data = changed(cells, time=hours)
    label = {"name": "time", "kind": "continuous", "transform": "log1p"}
    result = train(data, [label], QUICK, seed=0)
    model, test = result.model, data[result.split == "test"]
    table, truth = model.predict(test), test.obs["time"].to_numpy()
    predicted = table["value"].astype(float).to_numpy()
    assert np.corrcoef(np.log1p(predicted), np.log1p(truth))[0, 1] > 0.85
    np.testing.assert_allclose(predicted, model.embed(test)["time"], rtol=1e-4, atol=1e-5)
    # intervals are equally wide on the scale of the transform, and so wider where values are large
    lower, upper = table["lower"].to_numpy(), table["upper"].to_numpy()
    assert 0.7 <= ((lower <= truth) & (truth <= upper)).mean() <= 1
    inside = lower > 0
    assert np.ptp((np.log1p(upper) - np.log1p(lower))[inside]) < 1e-6 and lower.min() >= 0
    # equivalent requests give the same position on the scale
    now = reconfigured_code(model.layout, np.zeros((2, 1)), {"time": 3.0})
    shifted = reconfigured_code(model.layout, now, {"time": ("shift", 4.0)})
    asked = reconfigured_code(model.layout, now, {"time": [7.0, 7.0]})
    np.testing.assert_allclose(shifted, asked, rtol=1e-5)
    info = model.layout["time"]
    np.testing.assert_allclose(asked * info.sd + info.mean, np.log(8.0), rtol=1e-5)
    with pytest.raises(UserError, match="-1 is below 0"):
        reconfigured_code(model.layout, now, {"time": ("shift", -4.0)})
    with pytest.raises(UserError, match="-2 is below 0"):
        model.known_labels(pd.DataFrame({"time": [1.0, -2.0]}))
    model.save(tmp_path)
    again = CoordinateSystem.load(tmp_path)
    assert again.labels == model.labels
    pd.testing.assert_frame_equal(again.predict(test), table)


def test_parents_are_sums_of_their_children(cells):
    labels = [{"name": "cell_type", "kind": "discrete"}, {"name": "lineage", "kind": "discrete"}]
    # half of the cells have a lineage label only
    half = np.random.default_rng(0).random(len(cells)) < 0.5
    data = changed(cells, cell_type=cells.obs["cell_type"].astype(object).where(half))
    result = train(data, labels, QUICK, hierarchy=[Hierarchy("cell_type", "lineage")], seed=0)
    model, test = result.model, cells[result.split == "test"]
    child = CoordinateSystem.probabilities(model, test, "cell_type")
    passed = model.encode_cells(test)
    parent = passed.votes[:, model.layout.part("lineage")]
    raw = passed.votes[:, model.layout.part("cell_type")]
    table = np.eye(2)[[int(name[1]) % 2 for name in model.layout["cell_type"].classes]]
    order = [model.layout["lineage"].classes.index(f"L{k}") for k in range(2)]
    np.testing.assert_allclose(parent[:, order], raw @ table, atol=1e-3)
    assert child.shape[1] == 4
    made = model.reconfigured(test, {"lineage": "L0"})
    kinds = model.predict(
        anndata.AnnData(sparse.csr_matrix(np.expm1(made.X.toarray()).round()), obs=test.obs[[]], var=made.var)
    )
    lineages = kinds[kinds["label"] == "lineage"]["value"]
    assert (lineages == "L0").mean() > 0.9


def test_ordinal_labels_are_numbers_with_names(cells):
    layers = pd.cut(cells.obs["time"], 4, labels=["I", "II", "III", "IV"]).astype(str)
    label = {"name": "layer", "kind": "ordinal", "order": ["I", "II", "III", "IV"]}
    result = train(changed(cells, layer=layers), [label], QUICK, seed=0)
    test = cells[result.split == "test"]
    table = result.model.predict(test)
    truth = layers[result.split == "test"].to_numpy()
    assert set(table["value"]) <= {"I", "II", "III", "IV"}
    assert (table["value"].to_numpy() == truth).mean() > 0.6
    a, b = (
        result.model.reconfigured(test, {"layer": value}).X.toarray()
        for value in ("IV", ("between", "IV", "I", 0))
    )
    np.testing.assert_allclose(a, b)


def test_unknown_cells_score_high(cells):
    kept = (cells.obs["cell_type"] != "T3").to_numpy()
    result = train(cells[kept].copy(), LABELS[:1], QUICK | {"unknown_fraction": 0.1}, seed=0)
    known = cells[kept][result.split == "test"]
    both = [result.model.predict(part) for part in (known, cells[~kept])]
    assert both[1]["unknown_score"].median() > 0.9 > both[0]["unknown_score"].median()
    assert both[0]["unknown"].mean() < 0.3 and both[1]["unknown"].mean() > 0.5


@pytest.mark.parametrize(
    "settings",
    [
        {"discrete": [3], "clusters": [4], "diffusion": 2, "independence": "hsic"},
        {"independence": "adversary", "normalisation": "log1p"},
        {"encoder": "genes", "conditional": False, "kl_supervised": True, "fixed_noise": False,
         "capacity": 5.0, "teacher_forcing": 0.0, "double_softmax": True, "standardise": False,
         "clusters": [3],
         "loss_weights": {"kl_continuous": 30, "kl_discrete": 30, "classification": 100, "regression": 100}},
    ],
)  # fmt: skip
def test_every_option_trains_and_names_its_terms(cells, settings):
    result = train(cells, LABELS, QUICK | {"min_steps": 30, "n_epochs": 1} | settings, seed=0)
    terms = set(result.history["term"])
    wanted = {"reconstruction", "kl_continuous", "classification", "regression"}
    wanted |= {"kl_discrete", "clustering", "diffusion", "independence"} if "discrete" in settings else set()
    assert wanted <= terms
    table = result.model.embed(cells)
    assert list(table.columns) == result.model.coordinates and np.isfinite(table.to_numpy()).all()
    assert result.model.reconfigured(cells[:20], {"platform": "P1", "time": 0.3}).shape == (20, cells.n_vars)
