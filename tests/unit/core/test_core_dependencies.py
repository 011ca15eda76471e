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
COMMANDS = {"ruff", "snakefmt", "snakemake", "snakemake-executor-plugin-slurm"}
# with which results are opened: scanpy needs leidenalg for one of its two Leiden implementations
BESIDE = {"leidenalg"}


def canonical(name):
    return re.sub(r"[._-]+", "-", name).lower()


def names(requirements):
    return {canonical(Requirement(text).name) for text in requirements}


def imported(*folders):
    """Return the distributions that Python files import, at once or later."""
    found = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split(".")[0])
    return {canonical(DISTRIBUTIONS.get(name, name)) for name in found - set(sys.stdlib_module_names)}


def test_dependencies_are_what_the_library_imports():
    assert imported("workflow/panscape") - {"panscape"} == names(PROJECT["dependencies"])


def test_scripts_need_nothing_beyond_the_library():
    assert imported("workflow/scripts") - {"panscape"} <= names(PROJECT["dependencies"])


def test_extras_are_what_rules_and_tests_use_besides():
    extras = PROJECT["optional-dependencies"]
    asked = set().union(*map(names, extras.values())) - {"panscape"}
    local = {
        canonical(path.stem) for place in ("tests", "benchmarks") for path in (ROOT / place).rglob("*.py")
    }
    used = imported("tests") - local - {"panscape"} - names(PROJECT["dependencies"])
    assert used - asked == set()
    assert asked - used == COMMANDS | BESIDE


def locked(name, python):
    """Return {distribution: version} that a file of envs/ installs on a Python, each at most once."""
    found = {}
    for line in (ROOT / "envs" / name).read_text().splitlines():
        if "==" not in line or line.startswith("#"):
            continue
        one = Requirement(line)
        if one.marker is None or one.marker.evaluate({"python_version": python}):
            assert canonical(one.name) not in found, f"{name} names {one.name} twice on Python {python}"
            found[canonical(one.name)] = str(one.specifier).removeprefix("==")
    return found


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_a_version_of_every_dependency_that_it_allows(python):
    versions = locked("requirements.txt", python) | locked("requirements-dev.txt", python)
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
