"""The shape of the workflow: every rule complete, every environment pinned to the tested versions."""

import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
RULE_FILES = sorted(set((ROOT / "workflow/rules").glob("*.smk")) - {ROOT / "workflow/rules/targets.smk"})
DIRECTIVES = ["input", "output", "log", "benchmark", "conda", "threads", "resources", "script"]

COPIES = {"place_line"}  # on the machine of the command: it copies files


def rules():
    for path in RULE_FILES:
        for block in re.split(r"^(?:rule|checkpoint) ", path.read_text(), flags=re.MULTILINE)[1:]:
            yield pytest.param(path, block, id=block.split(":")[0])


def section(block, directive):
    match = re.search(rf"^    {directive}:(.*?)(?=^    \w+:|\Z)", block, re.MULTILINE | re.DOTALL)
    return match.group(1) if match else None


@pytest.mark.parametrize("path, block", list(rules()))
def test_every_rule_is_complete(path, block):
    name = block.split(":")[0]
    assert re.match(rf'{name}:\n    """[A-Z]', block), "a rule starts with a docstring"
    for directive in DIRECTIVES:
        if directive == "input" and (path.name == "retrieve.smk" or name.startswith("simulate_")):
            continue
        if name in COPIES and directive in ("benchmark", "resources", "script"):
            assert not section(block, directive), f"{name} runs no script, so it cannot have {directive}"
            continue
        assert section(block, directive), f"{name} has no {directive}"
    for directive in ("input", "output"):
        for line in (section(block, directive) or "").strip().splitlines():
            if name not in COPIES and line.startswith("        ") and not line.startswith("         "):
                assert re.match(r"\s*(\w+=|[)\]}#])", line), f"{name}: {directive} has no name: {line}"
    stage = path.stem
    if name in COPIES:
        return
    for directive, folder, ending in (("log", "logs", "log"), ("benchmark", "benchmarks", "tsv")):
        value = section(block, directive)
        assert re.search(rf'"{folder}/{{collection}}/{stage}/.*{name}\.{ending}"', value), value
    for resource in ("mem_mb", "runtime"):
        assert re.search(rf'needs\("{name}", "{resource}"(, use="\w+")?\)', section(block, "resources"))
    assert f'"../scripts/{name}.py"' in section(block, "script")
    env = re.search(r'"\.\./\.\./(envs/\w+\.yaml)"', section(block, "conda")).group(1)
    assert (ROOT / env).is_file()


def test_rules_made_from_others_name_all_that_these_give_to_the_script():
    texts = [path.read_text() for path in RULE_FILES]
    blocks = {}
    for text in texts:
        for block in re.split(r"^(?:rule|checkpoint|use rule) ", text, flags=re.MULTILINE)[1:]:
            blocks[block.split(":")[0]] = block
    made = [name for name in blocks if " as " in name]
    assert len(made) == sum(len(re.findall(r"^use rule ", text, re.MULTILINE)) for text in texts) > 0
    for name in made:
        for directive in ("input", "output", "params"):
            given, expected = (
                set(re.findall(r"^        (\w+)=", section(blocks[one], directive), re.MULTILINE))
                for one in (name, name.split()[0])
            )
            assert given == expected, (name, directive)


def test_every_script_has_its_rule_and_is_thin():
    names = {block.split(":")[0] for _, block in (param.values for param in rules())} - COPIES
    scripts = {path.stem: path for path in (ROOT / "workflow/scripts").glob("*.py")}
    assert set(scripts) == names
    for path in scripts.values():
        assert len(path.read_text().splitlines()) <= 60, path


def test_every_figure_of_the_engines_report_has_a_caption_and_a_category():
    figures = {}
    for path in RULE_FILES:
        for block in re.findall(r"[ =]report\(\n(.*?),\n +\)", path.read_text(), re.DOTALL):
            caption = re.search(r'caption=f?"\.\./report/(.*)",', block).group(1)
            pattern = re.sub(r"\{.*\}", "*", caption)
            assert [*(ROOT / "workflow/report").glob(pattern)], caption
            figures[re.search(r'category="(\d+ .*)",', block).group(1)] = path.stem
    # categories are listed as texts are sorted: by number only as long as it has one digit
    assert [int(name.split()[0]) for name in sorted(figures)] == list(range(1, len(figures) + 1))
    assert len(figures) == 9 and {"siVAE", "Metacells", "UniCoord"} < {name.split()[1] for name in figures}


def pins(path, python):
    """Return {package: version} of what a file of pins installs on a version of Python."""
    lines = re.findall(r"^[\w.-]+==.*$", path.read_text(), re.MULTILINE)
    asked = [Requirement(line) for line in lines]
    asked = [one for one in asked if not one.marker or one.marker.evaluate({"python_version": python})]
    return {one.name.lower(): str(one.specifier).removeprefix("==") for one in asked}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_environments_agree_with_the_tested_versions(path):
    env = yaml.safe_load(path.read_text())
    assert env["channels"] == ["conda-forge", "nodefaults"]
    python = next(item for item in env["dependencies"] if str(item).startswith("python="))
    locked = pins(ROOT / "envs/requirements.txt", python.removeprefix("python="))
    other_name = {"matplotlib-base": "matplotlib", "python-igraph": "igraph", "pytorch": "torch"}
    for item in env["dependencies"]:
        if isinstance(item, dict):
            for requirement in item["pip"]:
                name, version = requirement.split("==")
                assert locked[name] == version
        elif item != "pip" and not item.startswith("python="):
            name, version = item.split("=")
            assert locked[other_name.get(name, name)] == version, item
