"""Defaults, presets and the helpers that stages use."""

import copy

import pytest

from panscape.config.load import load
from panscape.config.schema import compose, schema, walk
from panscape.errors import UserError

MINI = compose(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["collection"],
        "properties": {
            "collection": {"type": "string"},
            "preset": {"type": "string", "enum": ["best", "paper", "code"], "default": "best"},
            "step": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "cut": {"type": "number", "default": 0.3, "x-presets": {"paper": 0.7, "code": 0.5}},
                    "sizes": {"type": "array", "items": {"type": "integer"}, "default": [1, 2]},
                    "inner": {
                        "type": "object",
                        "additionalProperties": False,
                        "default": {},
                        "properties": {"k": {"type": "integer", "default": 15, "x-presets": {"code": 40}}},
                    },
                    "parts": {
                        "type": "array",
                        "default": [],
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {
                                "name": {"type": "string", "default": "a"},
                                "weight": {"type": "number", "default": 1, "x-presets": {"paper": 2}},
                            },
                        },
                    },
                },
            },
        },
    }
)


def collection(*studies, **more):
    return {"collection": "demo", "studies": list(studies) or [{"id": "a", "path": "a.h5ad"}], **more}


def test_defaults_fill_sections_that_are_not_there():
    step = load({"collection": "x"}, MINI)["step"]
    assert step == {"cut": 0.3, "sizes": [1, 2], "inner": {"k": 15}, "parts": []}


def test_preset_beats_default_and_the_user_beats_the_preset():
    assert load({"collection": "x", "preset": "paper"}, MINI)["step"]["cut"] == 0.7
    assert load({"collection": "x", "preset": "code"}, MINI)["step"]["inner"]["k"] == 40
    mine = {"collection": "x", "preset": "paper", "step": {"cut": 0.3}}
    assert load(mine, MINI)["step"]["cut"] == 0.3


def test_defaults_and_presets_reach_list_items():
    raw = {"collection": "x", "preset": "paper", "step": {"parts": [{"name": "b"}, {"weight": 5}, {}]}}
    assert load(raw, MINI)["step"]["parts"] == [
        {"name": "b", "weight": 2},
        {"name": "a", "weight": 5},
        {"name": "a", "weight": 2},
    ]


def test_lists_replace_the_default():
    assert load({"collection": "x", "step": {"sizes": [7]}}, MINI)["step"]["sizes"] == [7]


def test_a_section_with_all_keys_commented_out_is_empty():
    assert load({"collection": "x", "step": None}, MINI)["step"]["cut"] == 0.3


def test_whole_floats_become_integers_where_integers_are_due():
    k = load({"collection": "x", "step": {"inner": {"k": 20.0}}}, MINI)["step"]["inner"]["k"]
    assert k == 20 and isinstance(k, int)


def test_defaults_are_not_shared_between_configurations():
    first = load({"collection": "x"}, MINI)
    first["step"]["sizes"].append(99)
    assert load({"collection": "x"}, MINI)["step"]["sizes"] == [1, 2]


def test_the_input_is_not_changed_and_loading_again_changes_nothing():
    raw = collection({"id": "a", "path": "a.h5ad", "obs": {"age": "day", "tissue": {"value": "cortex"}}})
    before = copy.deepcopy(raw)
    for preset in ("best", "paper", "code"):
        config = load({**raw, "preset": preset})
        assert load(config) == config
    assert raw == before


def test_every_key_of_the_schema_is_in_the_loaded_configuration():
    config = load(collection())
    for name, entry in schema()["properties"].items():
        assert name in config
        if name == "studies":
            entry, config["studies"] = entry["items"], config["studies"][0]
        for path, part in walk(entry, name):
            optional = part.get("x-optional") or path.startswith(("studies.obs.age", "studies.metacells"))
            if "[]" in path or "<" in path or optional:
                continue
            value = config
            for key in path.split("."):
                assert key in value, path
                value = value[key]


def test_a_plain_string_names_a_column():
    obs = load(collection({"id": "a", "path": "a", "obs": {"age": "day", "batch": "plate"}}))["studies"][0][
        "obs"
    ]
    assert obs["age"] == {"column": "day", "value": None, "unit": None, "values": {}}
    assert obs["batch"] == {"column": "plate", "value": None, "values": {}, "type": None}


def test_labels_that_yaml_takes_for_numbers_are_text():
    entry = {"id": "a", "path": "a", "obs": {"age": {"column": "day", "values": {7: 7, "P1": 1}}}}
    assert load(collection(entry))["studies"][0]["obs"]["age"]["values"] == {"7": 7, "P1": 1}


def test_the_unit_of_ages_is_the_one_set_or_else_the_first():
    studies = [
        {"id": "a", "path": "a"},
        {"id": "b", "path": "b", "obs": {"age": {"column": "t", "unit": "hours"}}},
        {"id": "c", "path": "c", "obs": {"age": {"value": 3, "unit": "days"}}},
    ]
    assert load(collection(*studies))["age_unit"] == "hours"
    assert load(collection(*studies, age_unit="weeks"))["age_unit"] == "weeks"
    assert load(collection(studies[0]))["age_unit"] is None


def test_only_mapped_columns_are_in_obs():
    assert load(collection())["studies"][0]["obs"] == {}


def test_environment_variables_in_paths(monkeypatch):
    monkeypatch.setenv("PANSCAPE_TEST_ROOT", "/data")
    entry = {
        "id": "a",
        "path": "${PANSCAPE_TEST_ROOT}/a.h5ad",
        "metadata": {"path": "${PANSCAPE_TEST_ROOT}/a.tsv"},
    }
    loaded = load(collection(entry))["studies"][0]
    assert (loaded["path"], loaded["metadata"]["path"]) == ("/data/a.h5ad", "/data/a.tsv")
    monkeypatch.delenv("PANSCAPE_TEST_ROOT")
    with pytest.raises(UserError, match=r"studies\[0\]\.path.*PANSCAPE_TEST_ROOT.*is not set"):
        load(collection(entry))


def test_quality_limits_of_a_study_are_only_those_that_are_its_own():
    sparse = {"id": "sparse", "path": "b.csv", "qc": {"min_genes": 50}}
    config = load(collection({"id": "deep", "path": "a.h5ad"}, sparse, preset="paper"))
    assert [study["qc"] for study in config["studies"]] == [{}, {"min_genes": 50}]


@pytest.mark.parametrize(
    "use, shown",
    [
        (["sivae"], {"sivae"}),
        (["metacells", "unicoord"], {"metacells", "unicoord"}),
        (["landscape", "sivae"], set()),
        (None, set()),
    ],
)
def test_an_analysis_is_reported_if_a_study_is_there_for_it_alone(use, shown):
    study = {"id": "a", "path": "a.h5ad"} | ({"use": use} if use else {})
    config = load({"collection": "c", "studies": [study]})
    asked = config["report"]
    assert {name for name in ("sivae", "metacells", "unicoord") if asked[name]} == shown
    assert not asked["networks"] and load(config) == config
    off = load({"collection": "c", "studies": [study], "report": dict.fromkeys(shown, False)})
    assert not any(off["report"][name] for name in ("sivae", "metacells", "unicoord"))


@pytest.mark.parametrize("stage", ["sensitivity", "dictionary", "unicoord"])
def test_a_report_of_what_no_study_takes_part_in(stage):
    raw = {"collection": "c", "studies": [{"id": "a", "path": "a.h5ad", "use": ["sivae"]}]}
    with pytest.raises(UserError, match=f"report.{stage}: is on, but no study takes part in"):
        load(raw | {"report": {stage: True}})
