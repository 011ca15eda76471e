"""--sdm apptainer runs the rules in the configured image, shown with a stand-in for apptainer.

The stand-in runs a job's command on the host, where it can import what Snakemake binds into the container
and what the "image" has, here the environment of the tests. What this cannot show is that the image of the
Dockerfile or of apptainer.def is complete.
"""

import os
import sys

import pytest
from tiny_collection import ROOT

STANDIN = """#!{python}
import os, re, subprocess, sys
arguments = sys.argv[1:]
if arguments == ["--version"]:
    print("apptainer version 1.3.4")
    sys.exit()
while arguments[0].startswith("--"):
    arguments.pop(0)
assert arguments[0] == "exec", arguments
with open({record!r}, "a") as record:
    print(*arguments[:-3], file=record)
bound = [arguments[at + 1].split(":")[0] for at, word in enumerate(arguments) if word == "--bind"]
python = os.path.dirname({python!r})
paths = {{"PYTHONPATH": os.pathsep.join(bound), "PATH": python + os.pathsep + os.environ["PATH"]}}
inside = {{**os.environ, **paths}}
sys.exit(subprocess.run(arguments[-3:], env=inside).returncode)
"""


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Put the stand-in on the search path; return the file with its calls."""
    path = tmp_path / "calls.txt"
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/apptainer"
    command.write_text(STANDIN.format(python=sys.executable, record=str(path)))
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    return path


def test_jobs_run_in_the_image(snakemake, tmp_path, record):
    (tmp_path / "panscape.sif").write_text("an image")
    run = snakemake(tmp_path, "preprocess", "--sdm", "apptainer")
    assert run.returncode == 0, run.stderr[-3000:]
    assert (tmp_path / "results/tiny/preprocess/genes.tsv").is_file()
    calls = record.read_text().splitlines()
    assert len(calls) >= 5  # simulation and quality control of two studies, choice of genes
    assert all(call.endswith(" panscape.sif") for call in calls)
    assert all(f"--bind {ROOT / 'workflow'}:" in call for call in calls)


def test_an_address_is_pulled(snakemake, tmp_path, record):
    image = "docker://registry.example/lab/panscape:1"
    run = snakemake(tmp_path, "--dry-run", "--sdm", "apptainer", "--config", f"container={image}")
    assert run.returncode == 0, run.stderr[-3000:]
    assert f"image {image} will be pulled" in run.stdout + run.stderr


def test_an_image_that_is_not_there_is_told_before_the_first_job(snakemake, tmp_path, record):
    run = snakemake(tmp_path, "--dry-run", "--sdm", "apptainer")
    assert run.returncode != 0
    assert "container: there is no file panscape.sif" in run.stdout + run.stderr
    assert "apptainer build panscape.sif apptainer.def" in run.stdout + run.stderr
    assert not record.exists()


def test_images_are_built_with_the_locked_versions():
    # and with the Python of the environments
    python = (ROOT / "envs/core.yaml").read_text().split("python=")[1].split()[0]
    for name in ("Dockerfile", "apptainer.def"):
        text = (ROOT / name).read_text()
        assert f"python:{python}." in text and "pip install --no-cache-dir -r envs/requirements.txt" in text
