"""Keys of earlier versions are read, with a warning that names the new key."""

from panscape.coem.metacells.group import GroupSettings
from panscape.coem.metacells.settings import MetacellSettings
from panscape.coem.settings import CoemSettings
from panscape.config.load import load

BASE = {
    "collection": "c",
    "studies": [{"id": "a", "path": "a.h5mu", "use": ["metacells"], "obs": {"lane": "lane"}}],
}
OLD = {
    "coem": {"epochs": 7, "batch": "lane", "warmup": 0.2, "peak_share": [0.1, 0.9]},
    "metacells": {"ladder": [20, 40], "components": 12},
}
NEW = {
    "coem": {"n_epochs": 7, "batch_key": "lane", "warmup_fraction": 0.2, "peak_fraction": [0.1, 0.9]},
    "metacells": {"size_sweep": [20, 40], "n_components": 12},
}


def test_old_keys_give_the_same_configuration(caplog):
    new = load(BASE | NEW)
    assert not caplog.records
    assert load(BASE | OLD) == new
    for section in OLD:
        for key, name in zip(OLD[section], NEW[section], strict=True):
            assert f"{section}.{key} is now {section}.{name}" in caplog.text


def test_old_keys_give_the_same_settings(caplog):
    assert CoemSettings.of(OLD["coem"]) == CoemSettings.of(NEW["coem"])
    assert MetacellSettings.of(OLD["metacells"]) == MetacellSettings.of(NEW["metacells"])
    assert MetacellSettings.of(OLD["metacells"]).n_components == 12
    assert GroupSettings.of(OLD["metacells"]) == GroupSettings()
    assert "metacells.ladder is now size_sweep" in caplog.text


def test_neighbors_without_the_cell_itself_come_with_a_warning(caplog):
    assert load(BASE | {"metacells": {"n_neighbors": 9}})["metacells"]["n_neighbors"] == 9
    assert "metacells.n_neighbors: since 0.2.0 the cell itself is not counted" in caplog.text
