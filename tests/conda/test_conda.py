"""The workflow with an environment per rule, each made from its YAML by a stand-in for conda."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TARGETS = ["all", "sivae", "unicoord", "metacells"]
COLLECTION = ROOT / "tests/slurm/collection.yaml"

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


def test_every_rule_runs_in_its_own_environment(tmp_path, driver, environment):
    command = [driver, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", tmp_path]
    command += [*TARGETS, "--cores", "2", "--sdm", "conda", "--configfile", COLLECTION]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr[-6000:]
    assert (tmp_path / "results/small/report.html").is_file()
    made = [path for path in (tmp_path / ".snakemake/conda").iterdir() if path.suffix == ".yaml"]
    assert {path.read_text() for path in made} == {
        path.read_text() for path in (ROOT / "envs").glob("*.yaml")
    }


def test_the_environments_can_be_made_beforehand(tmp_path, driver, environment):
    command = [driver, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", tmp_path]
    command += ["preprocess", "--cores", "1", "--sdm", "conda", "--conda-create-envs-only"]
    run = subprocess.run(
        [*map(str, command), "--configfile", str(COLLECTION)], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert not (tmp_path / "results").exists() and any((tmp_path / ".snakemake/conda").iterdir())


def test_what_an_environment_lacks_is_noticed(driver):
    """Show that the run above means something: the driver itself could not run the rules."""
    for name in ("scanpy", "leidenalg", "sklearn", "torch", "mudata"):
        run = subprocess.run([driver, "-c", f"import {name}"], capture_output=True)
        assert run.returncode, f"{name} is in the driver's environment"
