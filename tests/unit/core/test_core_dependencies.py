"""Dependencies are those that the library imports, and every locked set is complete on every Python."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ("3.11", "3.12", "3.13")
# imported under another name than that of the distribution
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "umap": "umap-learn", "PIL": "pillow"}
# called in a process of its own, never imported
COMMANDS = {"coverage", "pre-commit", "pre-commit-hooks", "pytest-xdist", "ruff", "snakefmt"}
COMMANDS |= {"snakemake-executor-plugin-slurm"}
# of which a file is read, never a module imported
FILES = {"bokeh"}
# read by the type check alone
TYPES = {"mypy", "types-jsonschema", "types-pyyaml"}


def canonical(name):
    return re.sub(r"[._-]+", "-", name).lower()


def names(requirements):
    return {canonical(Requirement(text).name) for text in requirements}


def imported(*folders):
    """Return the distributions that Python files import, at once or later."""
    names = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split(".")[0])
    return {canonical(DISTRIBUTIONS.get(name, name)) for name in names - set(sys.stdlib_module_names)}


def test_dependencies_are_what_the_library_imports():
    assert imported("workflow/panscape") - {"panscape"} == names(PROJECT["dependencies"]) - FILES


def test_scripts_need_nothing_beyond_the_library():
    assert imported("workflow/scripts") - {"panscape"} <= names(PROJECT["dependencies"])


def extensions():
    """Return the distributions that docs/conf.py names as extensions and theme, Sphinx's own aside."""
    lines = ast.parse((ROOT / "docs" / "conf.py").read_text(encoding="utf-8")).body
    set_to = {
        target.id: line.value
        for line in lines
        if isinstance(line, ast.Assign)
        for target in line.targets
        if isinstance(target, ast.Name)
    }
    named = [*ast.literal_eval(set_to["extensions"]), ast.literal_eval(set_to["html_theme"])]
    local = {path.stem for path in (ROOT / "docs" / "extensions").glob("*.py")}
    return {canonical(name) for name in named if not name.startswith("sphinx.ext.") and name not in local}


def test_the_extra_for_the_documentation_has_its_extensions_theme_and_imports():
    local = {canonical(path.stem) for path in (ROOT / "docs" / "extensions").glob("*.py")} | {"panscape"}
    used = imported("docs") - local - names(PROJECT["dependencies"])
    assert names(PROJECT["optional-dependencies"]["docs"]) == extensions() | used


def test_extras_are_what_rules_and_tests_use_besides():
    extras = PROJECT["optional-dependencies"]
    asked = set().union(*map(names, extras.values())) - {"panscape"}
    local = {
        canonical(path.stem)
        for place in ("tests", "benchmarks", "docs")
        for path in (ROOT / place).rglob("*.py")
    }
    used = imported("tests") - local - {"panscape"} - names(PROJECT["dependencies"])
    assert used - asked == set()
    assert asked - used - names(extras["docs"]) == COMMANDS | TYPES


def locked(name, python):
    """Return {distribution: version} that a file of envs/ installs on a Python, each at most once."""
    pinned = {}
    for line in (ROOT / "envs" / name).read_text().splitlines():
        if "==" not in line or line.startswith("#"):
            continue
        one = Requirement(line)
        if one.marker is None or one.marker.evaluate({"python_version": python}):
            assert canonical(one.name) not in pinned, f"{name} names {one.name} twice on Python {python}"
            pinned[canonical(one.name)] = str(one.specifier).removeprefix("==")
    return pinned


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_a_version_of_every_dependency_that_it_allows(python):
    files = [locked(f"requirements{kind}.txt", python) for kind in ("", "-dev", "-docs")]
    versions = {name: version for one in files for name, version in one.items()}
    assert all(versions[name] == version for one in files for name, version in one.items())
    extras = [text for extra in PROJECT["optional-dependencies"].values() for text in extra]
    for text in (*PROJECT["dependencies"], *extras):
        one = Requirement(text)
        if one.name == "panscape" or (one.marker and not one.marker.evaluate({"python_version": python})):
            continue
        assert one.specifier.contains(versions[canonical(one.name)]), text


def test_the_supported_versions_of_python_are_said_once():
    assert SpecifierSet(PROJECT["requires-python"]) == SpecifierSet(">=3.11")
    said = {text.rsplit(" ", 1)[1] for text in PROJECT["classifiers"] if ":: Python :: 3." in text}
    assert said == set(PYTHONS)
