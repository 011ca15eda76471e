import copy

import numpy as np
import pytest
import torch
from unicoord_cells import LABELS as LABELS_OF_CELLS
from unicoord_cells import QUICK, atlas

from panscape.config.load import load
from panscape.config.studies import used_by
from panscape.errors import UserError
from panscape.training.layers import mlp
from panscape.unicoord.module import Ensemble, _inner
from panscape.unicoord.settings import UniCoordSettings
from panscape.unicoord.train import train

BASE = {
    "collection": "c",
    "studies": [
        {"id": "a", "simulated": "a", "obs": {"age": "age", "cell_type": "cell_type", "layer": "layer"}}
    ],
    "simulation": {"studies": [{"name": "a", "cells": 100, "ages": [1, 2]}]},
}
LABELS = [
    {"name": "cell_type", "kind": "discrete", "parent": "layer"},
    {"name": "layer", "kind": "discrete"},
    {"name": "age", "kind": "continuous"},
]


def loaded(**unicoord):
    given = copy.deepcopy(BASE)
    given["unicoord"] = unicoord
    return load(given)["unicoord"]


def test_defaults_are_those_of_the_library():
    assert UniCoordSettings.of(loaded()) == UniCoordSettings()


def test_presets_are_the_published_settings():
    given = copy.deepcopy(BASE) | {"preset": "code"}
    settings = UniCoordSettings.of(load(given)["unicoord"])
    assert (settings.encoder, settings.n_hidden, settings.n_epochs, settings.double_softmax) == (
        "genes",
        (512, 256, 128),
        100,
        True,
    )
    assert (
        settings.loss_weights.kl_continuous == 30
        and settings.teacher_forcing == 0
        and not settings.standardise
    )
    for preset in ("paper", "code"):
        settings = UniCoordSettings.of(load(copy.deepcopy(BASE) | {"preset": preset})["unicoord"])
        assert (settings.n_genes, settings.capacity, settings.capacity_steps) == (0, 5, 25_000)


def test_the_held_out_divergence_is_reported_also_with_a_capacity():
    settings = QUICK | {"min_steps": 20, "n_epochs": 1, "capacity": 3.0, "capacity_steps": 10}
    history = train(atlas(200, 40), LABELS_OF_CELLS, settings, seed=0).history
    heldout = history[history["split"] == "heldout"].pivot_table(index="step", columns="term", values="value")
    assert (heldout["divergence"] > 0).all()
    assert np.allclose(heldout["kl_continuous"], (3.0 - heldout["divergence"]).abs(), atol=1e-4)


def test_published_networks_drop_activations_where_the_released_ones_do():
    network = Ensemble(30, (512, 256, 128), 2, 1, 0.5, True)
    network.train()
    x = torch.randn(4000, 30, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    hidden = network(x)[1]
    assert (
        hidden == 0
    ).float().mean() < 0.6  # ReLU alone leaves half of them 0; dropout would leave a quarter
    assert _inner(0.1, 3) == [0.0, 0.1, 0.0] and _inner(0.1, 1) == [0.0]
    layers = mlp((5, 128, 256, 512), dropout=_inner(0.1, 3))
    kinds = [type(layer).__name__ for layer in layers]
    assert kinds == ["Linear", "ReLU", "Linear", "ReLU", "Dropout", "Linear", "ReLU"]
    with pytest.raises(ValueError, match="2 dropout probabilities for 3"):
        mlp((5, 8, 8, 8), dropout=[0.1, 0.1])


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"labels": [{"name": "celltype", "kind": "discrete"}]}, "did you mean 'cell_type'"),
        ({"labels": LABELS + LABELS[2:]}, "occurs twice"),
        ({"labels": [LABELS[0]]}, "is not another discrete label"),
        (
            {"labels": [LABELS[0], LABELS[1] | {"parent": "cell_type"}]},
            "cell_type.parent: cell_type -> layer -> cell_type: each is the parent of the one before",
        ),
        ({"labels": [{"name": "dpt_pseudotime", "kind": "continuous"}]}, "pseudotime is not transferred"),
        ({"labels": [{"name": "layer", "kind": "discrete", "order": ["I"]}]}, "the label is discrete"),
        ({"labels": [{"name": "layer", "kind": "guess"}]}, "kind"),
        ({"labels": [{"name": "age", "kind": "ordinal", "transform": "log1p"}]}, "the label is ordinal"),
        ({"labels": [LABELS[2] | {"transform": "log"}]}, "transform"),
        ({"labels": LABELS, "scenarios": [{"name": "x", "set": {"agee": 3}}]}, "did you mean 'age'"),
        (
            {"labels": LABELS, "restore": [{"label": "layer", "leave": [1, 2]}]},
            "not a continuous or ordinal label",
        ),
        ({"labels": LABELS, "integrate": "celltype"}, "'celltype' is not a discrete label.*cell_type"),
        ({"labels": LABELS, "integrate": "age"}, "'age' is a continuous label"),
        ({"labels": LABELS, "integrate": "layer"}, r"'layer' is a parent of another label.*\(cell_type\)"),
        ({"integrate": "donor"}, r"'donor' is not a discrete label.*\(cell_type, platform\), auto or null"),
        ({"integrate": "none"}, "auto or null"),
        ({"integrate": ""}, "write text or null"),
        ({"integrate": float("nan")}, "unicoord.integrate"),
        ({"interactions": 1}, "unicoord.interactions: found 1 -> write true or false"),
        ({"apply": {"studies": ["b"]}}, "there is no study 'b'"),
        ({"apply": {"studies": ["a"]}}, "no study is left to train a model on"),
        ({"apply": {"model": "folder"}}, "a model is given, but no studies"),
        ({"labels": LABELS, "restore": [{"label": "age", "leave": [2, 1]}]}, "first number is the larger"),
        (
            {"labels": LABELS, "scenarios": [{"name": "a b", "set": {"age": 1}}]},
            "letters, digits and hyphens",
        ),
    ],
)
def test_invalid_settings_are_reported_before_any_job(section, message):
    with pytest.raises(UserError, match=message):
        loaded(**section)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"cell_type": {"shift": 1}}, r"scenarios\[0\].set.cell_type: a discrete label cannot be shifted"),
        ({"cell_type": {"between": ["a", "b"]}}, "not two values and a position"),
        ({"cell_type": {"between": ["a", "b", 2]}}, "a mixture of two classes at t = 2"),
        ({"cell_type": {"betwixt": ["a", "b", 0.5]}}, r"write \{shift: x\} or \{between"),
        ({"age": {"between": [1, 2, "half"]}}, "the position 'half' is not a finite number"),
        ({"age": {"between": 3}}, "not two values and a position"),
        ({"age": {}}, "is not understood"),
        ({"age": "old"}, "set.age: 'old' is not a number"),
        ({"age": {"shift": "two"}}, "'two' is not a number"),
        ({"grade": "V"}, "'V' is not a number"),
        ({"cell_type": {"between": ["a", "b", 0.5]}, "age": {"shift": -2}, "grade": "II"}, None),
        ({"age": {"between": [1, 20, 1.5]}, "grade": {"shift": 0.5}}, None),
    ],
)
def test_values_of_scenarios_fit_their_labels(value, message, caplog):
    grade = {"name": "grade", "kind": "ordinal", "order": ["I", "II", "III"]}
    given = copy.deepcopy(BASE)
    given["studies"][0]["obs"]["grade"] = "grade"
    given["unicoord"] = {"labels": [*LABELS, grade], "scenarios": [{"name": "x", "set": value}]}
    if message is None:
        load(given)
        assert "extrapolation" not in caplog.text  # nothing is known of the cells yet
    else:
        with pytest.raises(UserError, match=message):
            load(given)


@pytest.mark.parametrize("chosen", [None, "auto", "cell_type"])
def test_a_label_to_integrate_over_is_discrete_or_left_open(chosen):
    assert loaded(labels=LABELS, integrate=chosen)["integrate"] == chosen
    assert loaded(integrate=chosen)["integrate"] == chosen


def test_without_studies_to_train_on_no_label_is_looked_for():
    given = copy.deepcopy(BASE)
    given["studies"][0]["use"] = ["landscape"]
    given["unicoord"] = {"integrate": "donor"}
    assert load(given)["unicoord"]["integrate"] == "donor"


def test_applied_studies_are_not_trained_on():
    given = copy.deepcopy(BASE)
    given["studies"].append({"id": "b", "simulated": "a"})
    given["unicoord"] = {"apply": {"studies": ["b"]}}
    config = load(given)
    assert used_by(config, "unicoord") == ["a"] and used_by(config, "annotation") == ["b"]
    assert used_by(config, "landscape") == ["a", "b"]


def test_labels_may_come_from_tables_and_other_stages(tmp_path):
    table = tmp_path / "t.tsv"
    table.write_text("cell\tscore\n")
    labels = [{"name": "score", "kind": "continuous"}]
    assert loaded(labels=labels, tables=[str(table)])["labels"][0]["name"] == "score"
    pseudotime = [{"name": "dpt_pseudotime", "kind": "continuous"}]
    assert loaded(labels=pseudotime, label_transfer=["pseudotime"])["label_transfer"] == ["pseudotime"]


OLD = {
    "latent": ("n_latent", 7),
    "hidden": ("n_hidden", [16]),
    "decoder_hidden": ("n_hidden_decoder", [8]),
    "committee": ("ensemble", 2),
    "teach": ("teacher_forcing", 0.1),
    "weights": ("loss_weights", {"classification": 5}),
    "epochs": ("n_epochs", 3),
    "batch": ("batch_size", 32),
    "neighbours": ("n_neighbors", 9),
    "unknown_share": ("unknown_fraction", 0.2),
    "capacity_share": ("capacity_fraction", 0.3),
    "bridges": ("label_transfer", ["pseudotime"]),
    "components": ("n_components", 12),
}


def test_old_keys_give_the_same_configuration_with_a_warning(caplog):
    written = {old: value for old, (_, value) in OLD.items()}
    assert loaded(**written) == loaded(**dict(OLD.values()))
    assert all(f"unicoord.{old} is now unicoord.{new}" in caplog.text for old, (new, _) in OLD.items())
    assert UniCoordSettings.of(written) == UniCoordSettings.of(dict(OLD.values()))
    assert set(UniCoordSettings.RENAMED) == set(OLD)
