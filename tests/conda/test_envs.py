"""What can be known of the environments without making them."""

import ast
import re
import sys
from pathlib import Path

import pytest
import standin
import yaml
from packaging.requirements import Requirement

from panscape.pipeline.provenance.closure import Code
from panscape.pipeline.provenance.names import names_of

ROOT = Path(__file__).parents[2]
ENVS = sorted((ROOT / "envs").glob("*.yaml"))
CODE = Code()
MODULES = {path: name for name, path in CODE.paths.items()}


def pins(name, python):
    """Return {package: version} of what a file of pins installs on a version of Python."""
    lines = re.findall(r"^[\w.-]+==.*$", (ROOT / "envs" / name).read_text(), re.MULTILINE)
    asked = [Requirement(line) for line in lines]
    asked = [one for one in asked if not one.marker or one.marker.evaluate({"python_version": python})]
    return {re.sub(r"[._-]+", "-", one.name).lower(): str(one.specifier).removeprefix("==") for one in asked}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_engines_environment_has_the_tested_versions(python):
    tested = pins("requirements.txt", python)
    driver = pins("driver.txt", python)
    # it looks into the studies' files before the first job
    assert {"snakemake", "snakemake-executor-plugin-slurm", "anndata", "h5py"} <= set(driver)
    assert {name: tested.get(name) for name in driver} == driver
    assert not {"scanpy", "torch", "scikit-learn", "leidenalg"} & set(driver)


def test_all_environments_have_one_python():
    # a script gets the engine's search path appended: another Python could not read its modules
    versions = {standin.requirements(yaml.safe_load(path.read_text()))[0] for path in ENVS}
    assert len(versions) == 1 and versions <= {"3.11", "3.12", "3.13"}


@pytest.mark.parametrize("smaller, larger", [("core", "graph"), ("graph", "torch")])
def test_each_environment_has_what_the_smaller_one_has(smaller, larger):
    names = [
        set(standin.requirements(yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text()))[1])
        for name in (smaller, larger)
    ]
    assert names[0] < names[1]


class AtOnce(ast.NodeTransformer):
    """Leave of a module what runs when it is imported."""

    def visit_FunctionDef(self, node):
        return None

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node):
        return None if "TYPE_CHECKING" in ast.dump(node.test) else self.generic_visit(node)


def loaded_at_once(tree, path):
    """Yield the modules of the library, with the packages around them, that a file's imports load."""
    names = names_of(tree, MODULES.get(path, "script"), is_package=path.name == "__init__.py")
    for base, name in names.loads:
        parts = f"{base}.{name}".strip(".").split(".")
        prefixes = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
        yield from (prefix for prefix in prefixes if prefix in CODE.paths)


def imported(script):
    """Return {library: module} of the libraries that a script loads on import, of whatever it calls later."""
    by_package, seen, queue = {}, set(), [script]
    while queue:
        path = queue.pop()
        if path in seen:
            continue
        seen.add(path)
        tree = AtOnce().visit(ast.parse(path.read_text()))
        queue += [CODE.paths[name] for name in loaded_at_once(tree, path)]
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            by_package |= {name.split(".")[0]: path.name for name in names}
    ours = {*sys.stdlib_module_names, "panscape"}
    return {name: where for name, where in by_package.items() if name not in ours}


def environments():
    """Return {rule: its environment} of the rules with a script."""
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    blocks = re.split(r"^(?:rule|checkpoint) (?=\w+:\n)", text, flags=re.MULTILINE)[1:]
    blocks = [block for block in blocks if "    script:" in block]
    return {block.split(":")[0]: re.search(r"envs/(\w+)\.yaml", block).group(1) for block in blocks}


RULES = environments()


@pytest.mark.parametrize("rule", sorted(RULES))
def test_what_a_script_imports_is_in_its_environment(rule):
    # what it imports only when it is called shows where the rules are run (test_conda.py)
    env = yaml.safe_load((ROOT / f"envs/{RULES[rule]}.yaml").read_text())
    there = {name.split("==")[0] for name in standin.requirements(env)[1]}
    other_name = {"sklearn": "scikit-learn", "yaml": "pyyaml"}
    loaded = imported(ROOT / f"workflow/scripts/{rule}.py")
    assert "numpy" in loaded or "pandas" in loaded or rule == "retrieve_study", loaded
    missing = {name: where for name, where in loaded.items() if other_name.get(name, name) not in there}
    assert not missing


def test_rules_that_train_and_no_others_ask_for_pytorch_and_a_gpu():
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    blocks = re.split(r"^(?:rule|checkpoint) (?=\w+:\n)", text, flags=re.MULTILINE)[1:]
    granted = {block.split(":")[0] for block in blocks if re.search(r"^        gpu=1,$", block, re.MULTILINE)}
    assert granted and all("torch.yaml" in block for block in blocks if block.split(":")[0] in granted)
    for profile in ("slurm", "slurm-gres"):
        settings = yaml.safe_load((ROOT / f"profiles/{profile}/config.yaml").read_text())
        assert set(settings["set-resources"]) == granted, profile


def test_retries_are_left_to_profiles():
    # those of a rule would be run inside the same allocation of a cluster, with the same memory and time
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert not re.findall(r"^    retries:.*$", text, re.MULTILINE)
    for path in (ROOT / "profiles").glob("*/config.yaml"):
        if path.parent.name not in ("demo", "default"):  # `default` goes with whichever other is named
            assert yaml.safe_load(path.read_text())["retries"] >= 2, path


def test_the_profiles_for_clusters_differ_only_in_how_a_gpu_is_asked_for():
    first, second = (
        yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())
        for name in ("slurm", "slurm-gres")
    )
    first.pop("set-resources")
    asked = second.pop("set-resources").values()
    assert first == second
    assert all(item["gpu"] == 0 and item["gres"].startswith("gpu:") for item in asked)


def test_the_profile_is_found_by_its_name_at_the_root():
    assert (ROOT / "slurm").is_symlink() and (ROOT / "slurm/config.yaml").is_file()
    assert not (ROOT / "slurm").readlink().is_absolute()
