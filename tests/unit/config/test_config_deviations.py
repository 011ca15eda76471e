"""What is said of papers, programs and presets is what the settings do."""

import re
from pathlib import Path

import pytest

from panscape.config import deviations, deviations_document
from panscape.config.load import load
from panscape.config.schema import schema

ROOT = Path(__file__).parents[3]
STUDIES = [{"id": "a", "path": "a.h5ad"}]
ALL = [row for method in deviations.methods() for row in method.deviations]
SECTIONS = list(dict.fromkeys(row.section for row in ALL))


def configuration(preset="best", **more):
    return load({"collection": "x", "preset": preset, "studies": STUDIES, **more})


def test_documentation_is_that_of_the_deviations():
    written = (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8")
    assert written == deviations_document.document(), "docs/deviations.md is out of date: run `make docs`"


def test_every_method_has_its_file():
    files = {path.stem for path in deviations.FOLDER.glob("*.yaml")}
    assert files == {method.name for method in deviations.methods()}
    assert all(re.fullmatch(r"[a-z]+(\d{4}[a-z]+)?", method.citation) for method in deviations.methods())


def test_every_setting_that_a_preset_changes_belongs_to_one_deviation():
    listed = [key for row in ALL for key in row.keys]
    known = deviations.preset_values()
    missing, unknown = sorted(known.keys() - set(listed)), sorted(set(listed) - known.keys())
    assert not missing, f"x-presets without a deviation; add them to workflow/deviations/*.yaml: {missing}"
    assert not unknown, f"deviations whose settings no preset changes: {unknown}"
    assert len(listed) == len(set(listed)), "a setting belongs to two deviations"


@pytest.mark.parametrize("key", deviations.preset_values())
def test_no_preset_value_is_the_default(key):
    from panscape.config.schema import walk

    entry = dict(walk(schema()))[key]
    for preset, value in entry["x-presets"].items():
        assert value != entry["default"], f"{key}: preset {preset} changes nothing; leave it out"


@pytest.mark.parametrize("method", deviations.methods(), ids=lambda method: method.name)
@pytest.mark.parametrize("preset", deviations.PRESETS)
def test_sections_claim_the_presets_that_change_them_and_no_others(method, preset):
    sections = {row.section for row in method.deviations}
    changed = {section for section in sections if deviations.changed(section, preset)}
    claimed = set(method.claims[preset])
    assert not claimed - changed, (
        f"preset {preset} is claimed for {claimed - changed}, where it changes nothing"
    )
    assert not changed - claimed, f"preset {preset} changes {changed - claimed}, which does not claim it"


@pytest.mark.parametrize("row", ALL, ids=lambda row: f"{row.section}: {row.title}")
def test_a_deviation_is_whole(row):
    for field in ("title", "where", "paper", "code", "panscape", "why"):
        assert getattr(row, field), field
    assert row.section in schema()["properties"]
    assert {key.split(".")[0].removesuffix("[]") for key in row.keys} <= {row.section}
    if not row.keys:
        return
    # the settings of the paper leave nothing of it, those of panscape do so unless they are the paper's
    assert deviations.departs(row, configuration("paper")) == ""
    same = all(v["best"] == v["paper"] for key, v in deviations.preset_values().items() if key in row.keys)
    assert (deviations.departs(row, configuration()) == "") == same
    if not same:
        assert deviations.departs(row, configuration()) == row.panscape


def test_a_method_file_with_an_unknown_field_is_refused(tmp_path):
    text = (deviations.FOLDER / "coem.yaml").read_text(encoding="utf-8")
    (tmp_path / "coem.yaml").write_text(text.replace("    where:", "    were:", 1), encoding="utf-8")
    with pytest.raises(TypeError, match="were"):
        deviations._method(tmp_path / "coem.yaml")


@pytest.mark.parametrize("preset", deviations.PRESETS)
def test_a_preset_counts_only_where_it_changes_something(preset, monkeypatch):
    text = deviations.settings_in_words(configuration(preset), SECTIONS)
    published, _, rest = text.partition("; panscape's own in ")
    for section in SECTIONS:
        changes = bool(deviations.changed(section, preset))
        assert (section in re.findall(r"\w+", published)) == changes, section
        assert (section in re.findall(r"\w+", rest)) == (not changes), section
    values = deviations.preset_values()
    idle = {key: {**v, preset: v["best"]} if key.startswith("overlap.") else v for key, v in values.items()}
    monkeypatch.setattr(deviations, "preset_values", lambda: idle)
    text = deviations.settings_in_words(configuration(preset), ["overlap", "coem"])
    assert "coem; panscape's own in overlap, where the preset changes nothing" in text
    only = deviations.settings_in_words(configuration(preset), ["overlap"])
    assert only == "panscape's own in overlap, where the preset changes nothing"


def test_what_is_set_by_hand_is_said():
    config = configuration("paper", coexpression={"eta": 0.4})
    text = deviations.settings_in_words(config, ["panclust", "coexpression"])
    whose = "the settings of the published method in panclust and coexpression"
    assert text == f"{whose}; but coexpression.eta 0.4 set by hand"
    row = next(row for row in ALL if "coexpression.eta" in row.keys)
    assert deviations.departs(row, config) == "Settings of this analysis: coexpression.eta 0.4."
    labels = [{"name": "cell_type", "kind": "discrete", "min_cells": 9}]
    study = [{"id": "a", "path": "a.h5ad", "obs": {"cell_type": "t"}}]
    config = load({"collection": "x", "preset": "paper", "studies": study, "unicoord": {"labels": labels}})
    row = next(row for row in ALL if "unicoord.labels[].min_cells" in row.keys)
    assert "unicoord.labels[].min_cells 9" in deviations.departs(row, config)
    assert deviations.settings_in_words(configuration(), SECTIONS) == "panscape's own settings"


def test_faults_of_a_program_are_not_told_as_those_of_the_analysis():
    here = {row.title: text for _, row, text in deviations.departures(configuration("code"), SECTIONS)}
    assert here["Cross-entropy"] == "Settings of the released program: unicoord.double_softmax true."
    for row in ALL:
        assert here.get(row.title) != row.code or row.code == row.panscape, row.title


def test_departures_are_those_of_the_sections_that_ran():
    rows = deviations.departures(configuration(), ["coem"])
    assert {row.section for _, row, _ in rows} == {"coem"}
    assert {method.method for method, *_ in rows} == {"COEM"}
    assert not deviations.departures(configuration(), [])
    paper = deviations.departures(configuration("paper"), ["coem"])
    assert {row.title for _, row, _ in paper} == {
        row.title for row in ALL if row.section == "coem" and not row.keys
    }
