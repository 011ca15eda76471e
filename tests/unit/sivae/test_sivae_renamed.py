"""Keys and model files of earlier versions are read, with a warning that names the new key."""

import dataclasses

import numpy as np
import pytest
from sivae_cases import made_bin, quick, trained

from panscape.config.load import load
from panscape.sivae.job import ReadoutSettings
from panscape.sivae.job import load as load_models
from panscape.sivae.load import write_models
from panscape.sivae.settings import SIVAE_RENAMED, SivaeSettings
from panscape.sivae.values import Expression
from panscape.training.weights import read_weights, write_weights

OLD = {
    "latent": 5, "hidden": [9], "shortcut": False, "steps": [1, 2, 3], "lr": 0.1, "averaging": 0.5,
    "warmup": 7, "neighbours": 4, "weights": False,
}  # fmt: skip
NEW = {SIVAE_RENAMED[key].name: value for key, value in OLD.items()}


def test_old_keys_give_the_same_configuration(caplog):
    base = {"collection": "c", "studies": [{"id": "a", "path": "a.h5ad", "use": ["sivae"]}]}
    assert set(OLD) == set(SIVAE_RENAMED)
    new = load(base | {"sivae": NEW, "networks": {"group_fraction": 0.4}})
    assert not caplog.records
    old = load(base | {"sivae": OLD, "networks": {"group_share": 0.4}})
    assert old == new
    for key, value in SIVAE_RENAMED.items():
        assert f"sivae.{key} is now sivae.{value.name}" in caplog.text
    assert "networks.group_share is now networks.group_fraction" in caplog.text


def test_old_keys_give_the_same_settings(caplog):
    assert SivaeSettings.of(OLD) == SivaeSettings.of(NEW)
    assert ReadoutSettings.of(OLD) == ReadoutSettings(n_neighbors=4, save_weights=False)
    assert "sivae.lr is now learning_rate" in caplog.text


def test_models_of_an_earlier_version_are_read(tmp_path, caplog):
    bin_ = made_bin()
    task, _ = trained([bin_], quick(n_steps=(0, 0, 2)))
    write_models(tmp_path / "new", task, [Expression(bin_, None, None, None)], [f"g{at}" for at in range(30)])
    tensors, meta = read_weights(tmp_path / "new")
    old_name = {value.name: key for key, value in SIVAE_RENAMED.items()}
    assert set(meta["settings"]) == {item.name for item in dataclasses.fields(SivaeSettings)}
    meta["settings"] = {old_name.get(key, key): value for key, value in meta["settings"].items()}
    assert {"latent", "hidden", "lr"} <= set(meta["settings"])
    write_weights(tmp_path / "old", tensors, meta)
    old, new = (load_models(tmp_path / name)["a", "0"] for name in ("old", "new"))
    assert old.settings == new.settings == task.settings
    np.testing.assert_array_equal(old.embed(bin_.inputs)[0], new.embed(bin_.inputs)[0])
    assert "sivae.latent is now n_latent" in caplog.text


@pytest.mark.parametrize(("key", "advice"), [("gama", "gamma"), ("n_latents", "n_latent")])
def test_unknown_keys_are_refused(key, advice):
    with pytest.raises(ValueError, match=rf"sivae\.{key}: unknown setting -> did you mean '{advice}'"):
        SivaeSettings.of({key: 1})
