"""UniCoord as an estimator in notebooks."""

import model_files
import numpy as np
import pytest
import torch
from unicoord_cells import LABELS, QUICK, atlas

from panscape.errors import UserError
from panscape.unicoord import UniCoord, UniCoordSettings
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.train import train

torch.set_num_threads(1)
KINDS = {label["name"]: label["kind"] for label in LABELS}


@pytest.fixture(scope="module")
def cells():
    return atlas()


@pytest.fixture(scope="module")
def fitted(cells):
    return UniCoord(QUICK, seed=1).fit(cells, labels=KINDS)


@pytest.fixture(scope="module")
def unseen(cells, fitted):
    return cells[fitted.split == "test"].copy()


def test_weights_are_those_of_the_stage_whatever_the_container_and_the_threads(cells, fitted, tmp_path):
    cells.write_h5ad(tmp_path / "cells.h5ad")
    torch.set_num_threads(2)
    of_file = UniCoord(**QUICK, seed=1).fit(tmp_path / "cells.h5ad", labels=LABELS)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    stage = train(cells, LABELS, QUICK, seed=1)
    for name, tensor in stage.model.network.state_dict().items():
        assert torch.equal(tensor, fitted.model.network.state_dict()[name]), name
        assert torch.equal(tensor, of_file.model.network.state_dict()[name]), name
    assert (stage.split == fitted.split).all() and stage.history.equals(fitted.history)


def test_settings_come_as_keywords_mapping_or_object():
    made = UniCoord(QUICK, n_latent=3).settings
    assert made == UniCoordSettings.of(QUICK | {"n_latent": 3}) == UniCoord(made).settings
    assert UniCoord(made, n_latent=4).settings.n_latent == 4
    with pytest.raises(UserError, match=r"unicoord.n_latnt: unknown setting -> did you mean 'n_latent'"):
        UniCoord(n_latnt=3)


def test_an_unfitted_model_says_so(cells):
    with pytest.raises(UserError, match="not fitted -> call fit"):
        UniCoord().embed(cells)


def test_embeds_predicts_and_generates_as_the_trained_model(fitted, unseen):
    assert fitted.embed(unseen).equals(fitted.model.embed(unseen))
    assert fitted.predict(unseen).equals(fitted.model.predict(unseen))
    made = fitted.generate(unseen, {"time": 0.9, "platform": "P0"}, copies=2, samples=True)
    assert made.shape == (2 * len(unseen), len(fitted.model.genes)) and set(made.obs["platform"]) == {"P0"}
    read = fitted.predict(made_counts(made, unseen))
    assert (read.loc[read["label"] == "platform", "value"] == "P0").mean() > 0.8


def made_counts(made, source):
    depth = np.tile(np.asarray(source.X.sum(axis=1)).ravel(), len(made) // len(source))
    made = made.copy()
    rate = np.expm1(made.X.toarray())
    made.X = np.random.default_rng(0).poisson(rate * (depth / rate.sum(axis=1))[:, None]).astype(np.float32)
    made.obs = made.obs.drop(columns=["platform"])
    return made


def test_saved_and_loaded_models_agree(fitted, unseen, tmp_path):
    fitted.save(tmp_path / "model")
    again = UniCoord.load(tmp_path / "model")
    assert again.predict(unseen).equals(fitted.predict(unseen))
    assert again.settings == fitted.settings and again.seed == 1 and "cell_type (discrete)" in repr(again)
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".safetensors", ".json"}
    with pytest.raises(UserError, match="give split"):
        again.evaluate(unseen)


def test_models_of_the_version_before_are_read(fitted, unseen, tmp_path, caplog):
    fitted.save(tmp_path / "model")
    card = tmp_path / "model" / "model.json"
    text = card.read_text()
    for old, new in {key: new.name for key, new in UniCoordSettings.RENAMED.items()}.items():
        text = text.replace(f'"{new}":', f'"{old}":')
    assert '"committee": 2' in text and '"ensemble"' not in text
    assert '"format": 2' in text  # a model of that version had neither digest nor seal
    card.write_text(text.replace('"format": 2', '"format": 1'))
    model_files.rewrite(tmp_path / "model" / "weights.safetensors", sealed=False, format=1)
    again = CoordinateSystem.load(tmp_path / "model")
    assert again.settings == fitted.settings and "unicoord.committee is now ensemble" in caplog.text
    assert again.predict(unseen).equals(fitted.predict(unseen))


def test_sets_of_classes_cover_the_true_ones(cells, fitted):
    others = atlas(seed=9)
    sets = fitted.predict_sets(others[300:].copy(), "platform", calibration=others[:300].copy(), alpha=0.2)
    truth = others.obs["platform"].to_numpy()[300:]
    covered = sets.to_numpy()[np.arange(300), [list(sets).index(name) for name in truth]].mean()
    assert 0.72 < covered < 0.9
    with pytest.raises(UserError, match="'time' is not a discrete label -> take one of: cell_type, platform"):
        fitted.predict_sets(others, "time", calibration=others)
    bare = others[:20].copy()
    bare.obs = bare.obs.drop(columns="platform")
    with pytest.raises(UserError, match="no calibration cell has a known platform"):
        fitted.predict_sets(others, "platform", calibration=bare)


def test_evaluation_is_on_test_cells(cells, fitted):
    scores = fitted.evaluate(cells)
    table = scores["metrics"].set_index(["task", "model", "metric"])["value"]
    assert table["cell_type", "unicoord", "n"] == (fitted.split == "test").sum()
    assert table["cell_type", "unicoord", "accuracy"] > 0.95


def test_labels_with_a_parent_are_a_hierarchy(cells):
    labels = [
        {"name": "cell_type", "kind": "discrete", "parent": "lineage"},
        {"name": "lineage", "kind": "discrete"},
    ]
    model = UniCoord(QUICK, n_epochs=1, min_steps=10).fit(cells, labels=labels)
    assert set(model.model.layout.tables) == {"lineage"}
