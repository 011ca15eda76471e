"""Keys of the version before are accepted with a warning, wherever they are written."""

import logging

import pytest

from panscape.config.document import document
from panscape.config.load import load
from panscape.config.renamed import changed, renamed, table
from panscape.config.schema import compose, schema, walk
from panscape.errors import UserError

COUNT = {"type": "integer", "minimum": 1, "default": 14, "x-per-study": True}
SCHEMA = compose(
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "preset": {"type": "string", "default": "best"},
            "step": {
                "type": "object",
                "additionalProperties": False,
                "default": {},
                "x-renamed": {
                    "neighbours": {"to": "n_neighbors", "minus": 1},
                    "lr": "learning_rate",
                    "reference": "other.place",
                    "gone": None,
                },
                "properties": {
                    "n_neighbors": {**COUNT, "x-presets": {"paper": 4}},
                    "learning_rate": {"type": "number", "default": 0.1},
                    "levels": {
                        "type": "integer",
                        "default": 2,
                        "x-per-study": True,
                        "x-changed": "counts from 0 now",
                    },
                    "grid": {
                        "type": "object",
                        "additionalProperties": False,
                        "default": {},
                        "x-renamed": {"neighbours": {"to": "n_neighbors", "minus": 1}},
                        "properties": {
                            "n_neighbors": {"type": "array", "items": {"type": "integer"}, "default": [9]}
                        },
                    },
                    "parts": {
                        "type": "array",
                        "default": [],
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "x-renamed": {"share": "fraction"},
                            "properties": {"fraction": {"type": "number", "default": 0.5}},
                        },
                    },
                },
            },
            "other": {
                "type": "object",
                "additionalProperties": False,
                "default": {},
                "properties": {"place": {"type": "string", "default": "here"}},
            },
            "donors": {
                "type": "array",
                "default": [],
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"step": {"type": "object", "x-overrides": "step", "x-optional": True}},
                },
            },
        },
    }
)


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.WARNING)
    return caplog


@pytest.mark.parametrize(
    "old, new, warning",
    [
        (
            {"step": {"neighbours": 15}},
            {"step": {"n_neighbors": 14}},
            "step.neighbours is now step.n_neighbors",
        ),
        ({"step": {"lr": 0.5}}, {"step": {"learning_rate": 0.5}}, "step.lr is now step.learning_rate"),
        ({"step": {"gone": 1}}, {"step": {}}, "step.gone is no longer used"),
        ({"step": {"reference": "x"}}, {"other": {"place": "x"}}, "step.reference is now other.place"),
        ({"step": {"reference": "x"}, "other": None}, {"other": {"place": "x"}}, "is now other.place"),
        (
            {"step": {"grid": {"neighbours": [10, 20]}}},
            {"step": {"grid": {"n_neighbors": [9, 19]}}},
            "step.grid.neighbours is now step.grid.n_neighbors",
        ),
        (
            {"step": {"parts": [{}, {"share": 0.1}]}},
            {"step": {"parts": [{}, {"fraction": 0.1}]}},
            "step.parts[1].share is now step.parts[1].fraction",
        ),
        (
            {"donors": [{"step": {"neighbours": 5}}]},
            {"donors": [{"step": {"n_neighbors": 4}}]},
            "donors[0].step.neighbours is now donors[0].step.n_neighbors",
        ),
    ],
)
def test_an_old_key_gives_the_same_configuration_with_a_warning(old, new, warning, warnings):
    assert load(old, SCHEMA) == load(new, SCHEMA)
    assert len(warnings.messages) == 1 and warning in warnings.messages[0]


def test_what_the_user_wrote_is_not_changed():
    given = {"step": {"neighbours": 15, "parts": [{"share": 0.1}]}}
    load(given, SCHEMA)
    assert given == {"step": {"neighbours": 15, "parts": [{"share": 0.1}]}}


def test_an_old_key_beats_the_preset_as_its_new_name_does():
    assert load({"preset": "paper"}, SCHEMA)["step"]["n_neighbors"] == 4
    assert load({"preset": "paper", "step": {"neighbours": 15}}, SCHEMA)["step"]["n_neighbors"] == 14


@pytest.mark.parametrize(
    "given, problem",
    [
        ({"step": {"lr": 1, "learning_rate": 2}}, "step.lr: its new name, step.learning_rate, is given too"),
        ({"step": {"reference": "x"}, "other": {"place": "y"}}, "its new name, other.place, is given too"),
        (
            {"donors": [{"step": {"reference": "x"}}]},
            "donors[0].step.reference: is now other.place -> write it there, for all studies",
        ),
        ({"step": {"neighbours": "many"}}, "step.n_neighbors: found 'many' (text)"),
        ({"step": {"neighbours": 1}}, "step.n_neighbors: found 0 -> write a whole number, at least 1"),
    ],
)
def test_old_keys_that_cannot_be_taken_are_problems(given, problem):
    with pytest.raises(UserError) as caught:
        load(given, SCHEMA)
    assert problem in str(caught.value)


def test_a_key_that_changed_its_meaning_says_so_to_whoever_writes_it(warnings):
    load({"step": {"levels": 1}, "donors": [{"step": {"levels": 1}}]}, SCHEMA)
    assert warnings.messages == [
        "step.levels: counts from 0 now",
        "donors[0].step.levels: counts from 0 now",
    ]
    warnings.clear()
    load({"step": {"learning_rate": 1}}, SCHEMA)
    assert not warnings.messages


def test_only_what_the_user_wrote_is_warned_of(warnings):
    raw = {"step": {"levels": 1, "lr": 0.5}}
    load(raw, SCHEMA, written={"step": {"lr": 0.5}})
    assert len(warnings.messages) == 1 and warnings.messages[0].startswith("step.lr is now")
    warnings.clear()
    load(raw, SCHEMA, written={})
    assert not warnings.messages


def test_the_documentation_lists_renamed_and_changed_keys():
    assert table(SCHEMA) == [
        ("step.neighbours", "step.n_neighbors (1 less)"),
        ("step.lr", "step.learning_rate"),
        ("step.reference", "other.place"),
        ("step.gone", ""),
        ("step.grid.neighbours", "step.grid.n_neighbors (1 less)"),
        ("step.parts[].share", "step.parts[].fraction"),
    ]
    assert changed(SCHEMA) == [("step.levels", "counts from 0 now")]
    text = document(SCHEMA)
    assert "| `step.neighbours` | `step.n_neighbors` (1 less) |" in text
    assert "| `step.lr` | `step.learning_rate` |" in text and "| `step.gone` | no longer used |" in text
    assert "| `step.levels` | counts from 0 now |" in text


def test_new_names_of_the_schema_are_keys_and_old_ones_are_not():
    keys = {path for path, _ in walk(schema())}
    for old, new in table(schema()):
        moved = new.partition("(")[2].rstrip(")").split(", ")  # values that are no longer those of the key
        assert old not in keys or not set(moved) & set(dict(walk(schema()))[old]["enum"]), old
        assert not new or new.split(" ")[0] in keys, (old, new)


def test_values_that_moved_to_another_key():
    studies = {"collection": "x", "studies": [{"id": "a", "path": "a.h5ad"}]}
    old = {**studies, "landscape": {"distance": "euclidean"}}
    found, warnings = renamed(old, schema(), [])
    assert found["landscape"] == {"distance": "thresholded", "metric": "euclidean"}
    assert len(warnings) == 1 and "landscape.distance: euclidean is now landscape.metric" in warnings[0]
    new = {**studies, "landscape": {"distance": "corrected", "metric": "cosine"}}
    assert renamed(new, schema(), []) == (new, [])
    problems = []
    renamed({**studies, "landscape": {"distance": "cosine", "metric": "cosine"}}, schema(), problems)
    assert "its new name, landscape.metric, is given too" in str(problems[0])
    assert ("landscape.distance", "landscape.metric (cosine, euclidean, correlation)") in table(schema())


def test_new_keys_give_no_warning():
    given = {"collection": "x", "studies": [{"id": "a", "path": "a.h5ad"}], "panclust": {"resolutions": [1]}}
    assert renamed(given, schema(), []) == (given, [])
