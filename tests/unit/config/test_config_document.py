"""The schema is complete, and the documentation says what it says."""

import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from panscape.config.document import document, reference
from panscape.config.fill import fill
from panscape.config.load import load
from panscape.config.schema import schema, walk
from panscape.simulate.settings import demo as simulate_demo
from panscape.simulate.settings import from_config

ROOT = Path(__file__).parents[3]
KEYS = dict(walk(schema()))
PRESETS = ("paper", "code")


def test_documentation_is_that_of_the_schema():
    for name, text in (("README.md", document()), ("config.yaml", reference())):
        written = (ROOT / "config" / name).read_text(encoding="utf-8")
        assert written == text, f"config/{name} is out of date: run `make docs`"


def test_schema_is_a_schema():
    Draft202012Validator.check_schema(schema())


def test_section_of_every_stage_is_part_of_it():
    sections = {path.stem for path in (ROOT / "workflow" / "schemas" / "stages").glob("*.yaml")}
    assert sections <= schema()["properties"].keys()


@pytest.mark.parametrize("path", KEYS)
def test_key_has_a_description_and_a_default(path):
    entry = KEYS[path]
    assert len(entry.get("description", "").split()) >= 3, f"{path} has no description"
    if "default" in entry or entry.get("x-optional") or "x-name" in entry:
        return
    if entry.get("type") == "object" and "properties" in entry:
        return  # filled from its keys
    above, _, name = path.rpartition(".")
    parent = schema() if not above else KEYS[above.removesuffix("[]")]
    parent = parent["items"] if above.endswith("[]") else parent
    assert name in parent.get("required", []), f"{path} has neither a default nor is it required"


@pytest.mark.parametrize("path", KEYS)
def test_objects_are_closed(path):
    for part in (KEYS[path], KEYS[path].get("items", {})):
        if part.get("type") == "object":
            assert part.get("additionalProperties") is not None, f"{path} takes any key"
            assert part["additionalProperties"] is not True, f"{path} takes any key"


@pytest.mark.parametrize("path", KEYS)
def test_default_and_presets_are_valid(path):
    entry = KEYS[path]
    given = [entry["default"]] if "default" in entry else []
    assert set(entry.get("x-presets", {})) <= set(PRESETS)
    for value in [*given, *entry.get("x-presets", {}).values()]:
        errors = list(Draft202012Validator(entry).iter_errors(fill(value, entry, "")))
        assert not errors, f"{path}: {errors[0].message if errors else ''}"


def test_every_key_is_documented():
    text = document()
    for path, entry in KEYS.items():
        assert f"`{path}`" in text or f"\n## {path}\n" in text, path
        for preset, value in entry.get("x-presets", {}).items():
            row = next(line for line in text.splitlines() if line.startswith(f"| `{path}` |"))
            assert f"{preset}: `" in row, (path, value)


def test_examples_of_the_introduction_load(monkeypatch):
    monkeypatch.setenv("DATA", "/data")
    examples = re.findall(r"```yaml\n(.*?)```", document(), flags=re.S)
    assert len(examples) >= 4
    for text in examples:
        assert load(yaml.safe_load(text))["studies"]


def uncommented(text):
    """Return a configuration file with the first # of every line of settings removed."""
    return re.sub(r"^#(?! \S|$)", "", text, flags=re.MULTILINE)


def test_reference_holds_the_defaults():
    mine = {"collection": "x", "studies": [{"id": "a", "path": "a.h5ad"}]}
    written = yaml.safe_load(uncommented(reference()))
    assert load({**written, **mine}) == load(mine)
    assert written.keys() == schema()["properties"].keys()
    assert len(load(written)["studies"]) == 2


def test_reference_sets_nothing_as_it_is():
    # so that a preset still counts for whoever edits it
    assert yaml.safe_load(reference()) == {"preset": "best"}
    for preset in PRESETS:
        mine = {"collection": "x", "studies": [{"id": "a", "path": "a.h5ad"}], "preset": preset}
        text = reference().replace("preset: best", f"preset: {preset}")
        assert load({**mine, **yaml.safe_load(text)}) == load(mine)


def test_one_section_of_the_reference_can_be_uncommented_alone():
    lines = reference().splitlines()
    at = lines.index("#preprocess:")
    chosen = next(line for line in lines[at:] if line.startswith("#  min_genes:"))
    text = f"{reference()}\n{lines[at][1:]}\n{chosen[1:]}\n"
    assert yaml.safe_load(text).keys() == {"preset", "preprocess"}


def test_demo_loads_with_every_preset_and_is_that_of_the_simulator():
    demo = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text(encoding="utf-8"))
    config = load(demo)
    assert config["collection"] == "demo"
    assert all(study["simulated"] for study in config["studies"])
    for preset in PRESETS:
        assert load({**demo, "preset": preset})["preset"] == preset
    assert from_config(config["simulation"]) == simulate_demo()
