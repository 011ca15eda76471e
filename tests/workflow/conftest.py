"""Run the workflow as a user does: the snakemake command in a folder of its own."""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny_collection import ROOT, TINY


def run_snakemake(folder, *arguments, config=TINY, timeout=600):
    """Return the finished process; its standard error holds the log."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--cores", "2", *arguments, "--configfile", config]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=timeout)


@pytest.fixture(scope="session")
def snakemake():
    return run_snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory, request):
    """Return a folder in which the tiny collection ran to its report; tests must not change it."""
    base = tmp_path_factory.getbasetemp()
    # processes that share the tests share the run, which the first of them makes
    folder = (base.parent if hasattr(request.config, "workerinput") else base) / "finished"
    whole = folder.with_suffix(".whole")
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            run = run_snakemake(folder)
            assert run.returncode == 0, run.stderr[-4000:]
            whole.touch()
    return folder


@pytest.fixture
def workdir(finished, tmp_path):
    """Return a copy of the finished folder to change."""
    return Path(shutil.copytree(finished, tmp_path / "copy", symlinks=True))


@pytest.fixture
def variant(tmp_path):
    """Return a function that writes the tiny collection with changes, given as {key.key: value}."""

    def write(**changes):
        config = yaml.safe_load(TINY.read_text())
        for keys, value in changes.items():
            place = config
            *path, last = keys.split("__")
            for key in path:
                place = place.setdefault(key, {}) if isinstance(place, dict) else place[int(key)]
            place[int(last) if isinstance(place, list) else last] = value
        target = tmp_path / "variant.yaml"
        target.write_text(yaml.safe_dump(config))
        return target

    return write
