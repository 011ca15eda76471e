"""The workflow with an environment per rule, each made from its YAML by a stand-in for conda."""

import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from panscape.config.load import load
from panscape.data import digests
from panscape.simulate.design import design
from panscape.simulate.lines import lines_from_config, lines_study
from panscape.simulate.settings import from_config
from panscape.simulate.write import write_study

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
COLLECTION = HERE / "collection.yaml"
RESULTS = Path("results/every")

pytestmark = [
    pytest.mark.conda,
    pytest.mark.skipif(
        not os.environ.get("PANSCAPE_CONDA"), reason="minutes and 3 GB; make test-conda runs it"
    ),
]


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    """Return a Python with the engine and little else: what rules import must be in their environments."""
    folder = tmp_path_factory.mktemp("driver") / "env"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run([*install, "--disable-pip-version-check", "-r", ROOT / "envs/driver.txt"], check=True)
    return folder / "bin/python"


@pytest.fixture(scope="session")
def environment(tmp_path_factory, driver):
    """Return the environment variables in which the stand-in is the conda to be found."""
    place = tmp_path_factory.mktemp("base") / "bin"
    place.mkdir()
    script = (HERE / "standin.py").read_text()
    (place / "conda").write_text(script.replace("#!/usr/bin/env python3", f"#!{driver}"))
    (place / "conda").chmod(0o755)
    shutil.copy(HERE / "activate", place / "activate")
    interpreters = Path(sys.executable).resolve().parent
    return {**os.environ, "PATH": os.pathsep.join([str(place), os.environ["PATH"], str(interpreters)])}


@pytest.fixture
def snakemake(tmp_path, driver, environment):
    """Return a function that runs targets of a collection and returns the log."""

    def run(collection, *arguments):
        (tmp_path / "collection.yaml").write_text(yaml.safe_dump(collection))
        command = [driver, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", tmp_path]
        command += [*arguments, "--cores", "2", "--sdm", "conda", "--configfile", "collection.yaml"]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, env=environment, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr[-6000:]
        return done.stderr

    return run


@pytest.fixture
def collection(tmp_path):
    """Return the collection, with a file to download and a known network beside it."""
    raw = yaml.safe_load(COLLECTION.read_text())
    given = tmp_path / "late.h5ad"
    late = next(study for study in raw["studies"] if study["id"] == "late")
    late |= {"url": given.as_uri(), "sha256": "0" * 64}
    drawn = load(raw)["simulation"]
    system = design(from_config(drawn), raw["seed"])
    write_study(system, "late", given)
    late["sha256"] = digests.sha256(given)
    lines = lines_study(lines_from_config(drawn)[0], raw["seed"])
    genes = [*system.genes["gene"], *lines.genes["gene"]]
    known = "".join(f"{one}\t{other}\n" for one, other in pairwise(genes))
    (tmp_path / "known.tsv").write_text(known)
    return raw


def with_environment():
    """Return {rule: its environment} of all rules that have one."""
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    blocks = re.split(r"^(?:rule|checkpoint) (?=\w+:\n)", text, flags=re.MULTILINE)[1:]
    rules = {
        block.split(":")[0]: re.search(r"^    conda:\n.*?envs/(\w+)\.yaml", block, re.M) for block in blocks
    }
    return {rule: match[1] for rule, match in rules.items() if match}


def finished(log):
    """Return the rules of which a job ran."""
    return set(re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", log, re.MULTILINE))


def test_every_rule_runs_in_its_own_environment(tmp_path, collection, snakemake):
    log = snakemake(collection)
    assert (tmp_path / RESULTS / "report.html").is_file()
    # the last one needs another finished collection; by now the engine also looks into a study's file itself
    shutil.copytree(tmp_path / RESULTS, tmp_path / "reference")
    collection["project"] = {"reference": "reference"}
    log += snakemake(collection, "project")
    rules = with_environment()
    assert len(rules) > 50 and not set(rules) - finished(log)
    made = [path for path in (tmp_path / ".snakemake/conda").iterdir() if path.suffix == ".yaml"]
    assert {path.read_text() for path in made} == {
        (ROOT / f"envs/{name}.yaml").read_text() for name in rules.values()
    }
    assert set(rules.values()) == {path.stem for path in (ROOT / "envs").glob("*.yaml")}


def test_the_environments_can_be_made_beforehand(tmp_path, collection, snakemake):
    snakemake(collection, "preprocess", "--conda-create-envs-only")
    assert not (tmp_path / "results").exists() and any((tmp_path / ".snakemake/conda").iterdir())


def test_what_an_environment_lacks_is_noticed(driver):
    """Show that the run above means something: the driver itself could not run the rules."""
    for name in ("matplotlib", "scanpy", "leidenalg", "sklearn", "torch", "mudata"):
        run = subprocess.run([driver, "-c", f"import {name}"], capture_output=True)
        assert run.returncode, f"{name} is in the driver's environment"
