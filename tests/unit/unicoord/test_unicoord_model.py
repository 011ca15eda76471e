import json
from functools import partial

import model_files
import numpy as np
import pytest
import torch
from unicoord_cells import LABELS, QUICK, atlas

from panscape.data.counts import CountsWriter
from panscape.errors import UserError
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.train import train

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def cells():
    return atlas()


@pytest.fixture(scope="module")
def trained(cells):
    return train(cells, LABELS, QUICK, seed=1)


@pytest.fixture(scope="module")
def test_cells(cells, trained):
    return cells[trained.split == "test"].copy()


def predicted(table, label):
    return table.loc[table["label"] == label, "value"].to_numpy()


def weights(model):
    return {name: tensor.clone() for name, tensor in model.network.state_dict().items()}


def test_predicts_labels_of_test_cells(trained, test_cells):
    table = trained.model.predict(test_cells)
    assert (predicted(table, "cell_type") == test_cells.obs["cell_type"]).mean() >= 0.97
    assert (predicted(table, "platform") == test_cells.obs["platform"]).mean() >= 0.9
    assert np.corrcoef(predicted(table, "time").astype(float), test_cells.obs["time"])[0, 1] >= 0.9
    share = trained.model.probabilities(test_cells, "cell_type")
    np.testing.assert_allclose(share.sum(axis=1), 1, atol=1e-9)


def test_predict_and_embed_twice_are_equal(trained, test_cells):
    for use in (trained.model.predict, trained.model.embed):
        first, second = use(test_cells), use(test_cells)
        assert first.equals(second)


def test_reload_gives_the_same(trained, test_cells, tmp_path):
    trained.model.save(tmp_path / "model")
    again = CoordinateSystem.load(tmp_path / "model")
    assert again.predict(test_cells).equals(trained.model.predict(test_cells))
    np.testing.assert_array_equal(again.embed(test_cells), trained.model.embed(test_cells))
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    assert card["genes"] == list(again.genes) and card["cells"]["test"] == (trained.split == "test").sum()


def test_an_incomplete_folder_is_refused(trained, tmp_path):
    trained.model.save(tmp_path / "model")
    weights_file = tmp_path / "model" / "weights.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:1000])
    with pytest.raises(UserError, match="no complete model"):
        CoordinateSystem.load(tmp_path / "model")


@pytest.fixture
def folder(trained, tmp_path):
    trained.model.save(tmp_path / "model")
    return tmp_path / "model"


def refused(folder, words):
    with pytest.raises(UserError, match=words) as error:
        CoordinateSystem.load(folder)
    assert str(folder) in str(error.value)


def test_a_card_and_weights_that_do_not_belong_together_are_refused(folder):
    card = folder / "model.json"
    saved = json.loads(card.read_text())
    card.write_text(json.dumps(saved, indent=4))  # the layout of the file does not count
    CoordinateSystem.load(folder)
    card.write_text(json.dumps(saved | {"genes": saved["genes"][::-1]}))
    refused(folder, "the genes of model.json and weights.safetensors differ in names or order")
    card.write_text(json.dumps(saved | {"temperature": {"cell_type": 2.0}}))
    refused(folder, "model.json is not the one that weights.safetensors was saved with")
    card.write_text(json.dumps(saved | {"format": 3}))
    refused(folder, "model.json: unknown version: format 3, this version of panscape reads 1 to 2")
    card.write_text("[]")
    refused(folder, "model.json is not a mapping")


def test_changed_weights_are_refused(folder):
    weights_file = folder / "weights.safetensors"
    name = next(name for name in model_files.raw(weights_file)[0] if name.startswith("network."))
    model_files.rewrite(weights_file, tensors=model_files.nan_weights(weights_file, name))
    refused(folder, "has been changed: weights and metadata")
    model_files.rewrite(weights_file, sealed=False)
    refused(folder, f"1 of .* values of {name} are not finite")
    model_files.rewrite(weights_file, header={"kind": "siVAE"})
    refused(folder, "has a model of siVAE, not of UniCoord")


def test_a_card_of_the_previous_version_is_read_with_a_warning_and_checked(folder, caplog):
    card = folder / "model.json"
    saved = json.loads(card.read_text()) | {"format": 1}
    card.write_text(json.dumps(saved))
    model_files.rewrite(folder / "weights.safetensors", sealed=False, format=1)
    CoordinateSystem.load(folder)
    assert "is of an earlier version and cannot be verified" in caplog.text
    needed = {"genes", "normalisation", "labels", "hierarchy", "components", "settings", "temperature"}
    for path in model_files.entries(saved):
        card.write_text(json.dumps(model_files.without(saved, *path)))
        if len(path) == 1 and path[0] in needed | {"interval_half_width", "format"}:
            refused(folder, f"{path[0]}|format")
        else:
            try:
                CoordinateSystem.load(folder)
            except UserError as error:
                assert str(folder) in str(error)
    card.write_text(json.dumps(saved | {"genes": saved["genes"][:-1] + saved["genes"][:1]}))
    refused(folder, "genes has 1 names twice")
    card.write_text(json.dumps(saved | {"normalisation": {"how": "log", "target": 1.0}}))
    refused(folder, "normalisation is")


def test_genes_are_matched_by_name(trained, test_cells):
    order = np.random.default_rng(0).permutation(test_cells.n_vars)
    mixed = test_cells[:, order].copy()
    np.testing.assert_array_equal(trained.model.embed(mixed), trained.model.embed(test_cells))


def test_missing_genes_warn_and_too_few_are_refused(trained, test_cells, caplog):
    part = test_cells[:, np.random.default_rng(0).random(test_cells.n_vars) > 0.2].copy()
    part.obs["n_counts"] = np.asarray(test_cells.X.sum(axis=1)).ravel()
    right = predicted(trained.model.predict(part), "cell_type") == test_cells.obs["cell_type"]
    assert right.mean() >= 0.9 and "are not in the data" in caplog.text
    part.var_names = [f"other{i}" for i in range(part.n_vars)]
    with pytest.raises(UserError, match="0 of the model's"):
        trained.model.predict(part)


def test_test_cells_are_not_used(cells, trained):
    corrupt = cells.copy()
    dense = corrupt.X.toarray()
    dense[trained.split == "test"] = np.random.default_rng(5).poisson(3, dense[trained.split == "test"].shape)
    corrupt.X = type(cells.X)(dense)
    corrupt.obs.loc[trained.split == "test", "time"] = 99.0
    again = train(corrupt, LABELS, QUICK, seed=1)
    np.testing.assert_array_equal(again.split, trained.split)
    for name, tensor in weights(trained.model).items():
        assert torch.equal(tensor, again.model.network.state_dict()[name]), name
    assert again.model.describe()["temperature"] == trained.model.describe()["temperature"]


@pytest.mark.parametrize("scale", [1.0, 0.01, 1000.0])
def test_the_unit_of_a_label_does_not_matter(cells, trained, test_cells, scale):
    scaled = cells.copy()
    scaled.obs["time"] = scaled.obs["time"] * scale
    again = train(scaled, LABELS, QUICK, seed=1).model
    values = predicted(again.predict(test_cells), "time").astype(float) / scale
    np.testing.assert_allclose(
        values, predicted(trained.model.predict(test_cells), "time").astype(float), atol=0.02
    )


def test_reconfiguring_time_moves_its_genes(trained, test_cells):
    asked = np.linspace(0, 1, len(test_cells))
    made = trained.model.reconfigured(test_cells, {"time": asked})
    programme = made.X @ test_cells.var["slope"].to_numpy()
    assert np.corrcoef(programme, asked)[0, 1] >= 0.9
    np.testing.assert_allclose(made.obs["time"], asked)


def test_reconfiguring_type_gives_that_type(trained, test_cells):
    expression = trained.model.normalised(test_cells).toarray()
    kinds = sorted(test_cells.obs["cell_type"].unique())
    means = np.stack(
        [expression[(test_cells.obs["cell_type"] == kind).to_numpy()].mean(axis=0) for kind in kinds]
    )
    wanted = np.array([kinds[i % len(kinds)] for i in range(len(test_cells))])
    made = trained.model.reconfigured(test_cells, {"cell_type": wanted, "platform": "P1"}).X.toarray()
    nearest = ((made[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (np.array(kinds)[nearest] == wanted).mean() >= 0.98


def test_forms_of_a_change_agree(trained, test_cells):
    model, time = trained.model, test_cells.obs["time"].to_numpy()

    def make(changes, **options):
        return np.vstack([block for _, block in model.reconfigure(test_cells, changes, **options)])

    np.testing.assert_allclose(make({"time": ("shift", 0.1)}), make({"time": time + 0.1}), atol=1e-4)
    np.testing.assert_allclose(make({"time": ("between", 0.2, 0.8, 0.5)}), make({"time": 0.5}), atol=1e-4)
    ends = make({"platform": ("between", "P0", "P1", 0.0)}), make({"platform": ("between", "P0", "P1", 1.0)})
    np.testing.assert_array_equal(ends[0], make({"platform": "P0"}))
    np.testing.assert_array_equal(ends[1], make({"platform": "P1"}))
    middle = make({"platform": {"between": ["P0", "P1", 0.5]}})
    assert abs(middle - ends[0]).max() > 0.01 and abs(middle - ends[1]).max() > 0.01
    expression = model.normalised(test_cells).toarray()
    np.testing.assert_allclose(make({}, residual=True), expression, atol=1e-5)
    assert make({"time": 0.5}).min() >= 0


def test_samples_differ_and_repeat(trained, test_cells):
    first = trained.model.reconfigured(test_cells, {"time": 0.5}, samples=True, copies=2, seed=3)
    second = trained.model.reconfigured(test_cells, {"time": 0.5}, samples=True, copies=2, seed=3)
    n = len(test_cells)
    assert first.shape[0] == 2 * n and first.obs_names.is_unique
    np.testing.assert_array_equal(first.X.toarray(), second.X.toarray())
    assert abs(first.X[:n] - first.X[n:]).max() > 0.01


def test_invalid_changes_raise_or_warn(trained, test_cells, caplog):
    model = trained.model
    for changes, message in (
        ({"cell_type": "T9"}, "not seen the class 'T9'"),
        ({"colour": "red"}, "no such label"),
        ({"time": "late"}, "is not a number"),
        ({"time": [0.5, 0.6]}, "2 values for"),
        ({"platform": ("shift", 1)}, "cannot be shifted"),
        ({"time": {"move": 1}}, "not understood"),
    ):
        with pytest.raises(UserError, match=message):
            list(model.reconfigure(test_cells, changes))
    list(model.reconfigure(test_cells, {"time": 50.0}))
    assert "far outside" in caplog.text


def test_wrong_normalisation_is_detected(cells, trained, test_cells):
    logged = test_cells.copy()
    logged.X = trained.model.normalised(test_cells)
    with pytest.raises(UserError, match="are not counts"):
        trained.model.predict(logged)
    with pytest.raises(UserError, match="are raw counts"):
        train(cells, LABELS, QUICK | {"normalisation": "none"})
    logged.X.data[0] = -1
    with pytest.raises(UserError, match="negative"):
        trained.model.predict(logged)


def write_file(cells, path):
    with CountsWriter(path, cells.n_vars) as writer:
        writer.append(cells.X)
        writer.finish(cells.obs, cells.var)
    return path


def test_streaming_sorted_files_trains_as_well(cells, trained, test_cells, tmp_path, monkeypatch):
    monkeypatch.setattr("panscape.unicoord.loader.STREAM_VALUES", 3000)
    order = np.argsort(cells.obs["cell_type"].to_numpy(), kind="stable")
    path = write_file(cells[order], tmp_path / "sorted.h5ad")
    streamed = train(str(path), LABELS, QUICK | {"stream_above_mb": 0}, seed=1, split=trained.split[order])
    predictions = [
        predicted(model.predict(test_cells), "cell_type") for model in (streamed.model, trained.model)
    ]
    right = [(names == test_cells.obs["cell_type"]).mean() for names in predictions]
    assert right[0] >= right[1] - 0.02
    last = [
        run.history.query("split == 'heldout' and term == 'reconstruction'")["value"].iloc[-1]
        for run in (streamed, trained)
    ]
    assert abs(last[0] / last[1] - 1) < 0.03


def test_a_resumed_run_is_the_uninterrupted_one(cells, trained, tmp_path, monkeypatch):
    from panscape.unicoord import train as module

    real, calls = module.UniCoordTask.step, []

    def stopping(self, number):
        calls.append(number)
        if len(calls) == 50:
            raise KeyboardInterrupt
        return real(self, number)

    stopping.__name__ = "step"  # noise derives from the name
    monkeypatch.setattr(module.UniCoordTask, "step", stopping)
    monkeypatch.setattr(module, "Plan", partial(module.Plan, checkpoint_seconds=0))
    with pytest.raises(KeyboardInterrupt):
        train(cells, LABELS, QUICK, seed=1, checkpoint=str(tmp_path))
    resumed = train(cells, LABELS, QUICK, seed=1, checkpoint=str(tmp_path)).model
    assert calls[50] > 40
    for name, tensor in weights(trained.model).items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name
