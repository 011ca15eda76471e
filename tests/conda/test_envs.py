"""What can be known of the environments without making them."""

import re
from pathlib import Path

import pytest
import standin
import yaml

ROOT = Path(__file__).parents[2]
ENVS = sorted((ROOT / "envs").glob("*.yaml"))


def pins(name):
    found = re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "envs" / name).read_text(), re.MULTILINE)
    return {re.sub(r"[._-]+", "-", package).lower(): version for package, version in found}


def test_the_engines_environment_has_the_tested_versions():
    tested = pins("requirements.txt")
    driver = pins("driver.txt")
    assert {"snakemake", "snakemake-executor-plugin-slurm"} <= set(driver)
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
        if path.parent.name != "demo":
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
