import pytest

from panscape.config.load import load as config_load
from panscape.errors import UserError
from panscape.unicoord.features.settings import FeatureSettings

STUDY = {"id": "one", "path": "one.h5ad", "obs": {"cell_type": "type"}}


def load(**sections):
    return config_load({"collection": "c", "studies": [STUDY], **sections})


def test_features_are_off_by_default_and_presets_follow_the_paper():
    assert load()["report"]["features"] is False
    assert load()["features"]["gene_sets"] == []
    paper = load(preset="paper")["features"]
    assert (paper["max_pvalue"], paper["random_sets"], paper["groups"]) == (0.001, 10000, 30)
    assert (paper["test"], paper["representative"], paper["max_fdr"]) == ("entropy", "entropy", 0.05)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"report": {"features": True}}, r"features\.gene_sets.*report"),
        ({"unicoord": {"label_transfer": ["features"]}}, r"features\.gene_sets.*label_transfer"),
        ({"features": {"set_sizes": [500, 50]}}, r"features\.set_sizes.*\[50, 500\]"),
        ({"features": {"tie": "mean"}}, "tie"),
        ({"features": {"top_fraction": 0}}, "top_fraction"),
    ],
)
def test_invalid_settings_are_reported(sections, message):
    with pytest.raises(UserError, match=message):
        load(**sections)


def test_settings_of_the_schema_are_those_of_the_library():
    from dataclasses import fields

    from panscape.unicoord.features.settings import FeatureSettings

    known = load()["features"]
    names = {item.name for item in fields(FeatureSettings)}
    assert names == set(known) - {"gene_sets"}
    settings = FeatureSettings.of(known)
    assert settings == FeatureSettings()


def test_the_old_key_gives_the_same_configuration_with_a_warning(caplog):
    assert FeatureSettings.of({"top_share": 0.2}) == FeatureSettings(top_fraction=0.2)
    old, new = (load(features={key: 0.2}) for key in ("top_share", "top_fraction"))
    assert old == new and "features.top_share is now features.top_fraction" in caplog.text
