"""The workflow used from another one by its address, as deployment tools write it, without a network.

Snakemake clones https://github.com/<owner>/<name>; git's `insteadOf` sends that to a repository in a folder.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_collection import ROOT, TINY

PARTS = ("Snakefile", "workflow", "config", "envs", "profiles")
SNAKEFILE = """
from snakemake.utils import min_version
min_version("9.0")

configfile: "config/config.yaml"

module panscape:
    snakefile:
        {address}
    config:
        config

use rule * from panscape
"""
ADDRESSES = {
    "tag": 'github("owner/panscape", path="workflow/Snakefile", tag="v1.0.0")',
    "branch": 'github("owner/panscape", path="Snakefile", branch="main")',
    "commit": 'github("owner/panscape", path="workflow/Snakefile", commit="{commit}")',
}


def git(*arguments, folder):
    run = subprocess.run(
        ["git", *map(str, arguments)], cwd=folder, check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Return a bare repository owner/panscape.git of this version, tagged v1.0.0."""
    base = tmp_path_factory.mktemp("hosted")
    work = base / "work"
    for part in PARTS:
        source = ROOT / part
        ignore = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, work / part, ignore=ignore)
        else:
            work.mkdir(exist_ok=True)
            shutil.copy(source, work / part)
    git("init", "--quiet", "--initial-branch=main", folder=work)
    git("add", "--all", folder=work)
    me = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    git(*me, "commit", "--quiet", "--message", "all", folder=work)
    git("tag", "v1.0.0", folder=work)
    git("clone", "--quiet", "--bare", work, base / "owner/panscape.git", folder=base)
    return base / "owner/panscape.git"


@pytest.fixture(scope="module")
def environment(repository, tmp_path_factory):
    """Return environment variables with an empty cache and github.com as a local folder."""
    base = tmp_path_factory.mktemp("home")
    (base / "gitconfig").write_text(
        f'[url "file://{repository.parents[1]}/"]\n\tinsteadOf = https://github.com/\n'
        "[safe]\n\tdirectory = *\n"
    )
    clean = {name: value for name, value in os.environ.items() if name not in ("GITHUB_TOKEN", "PYTHONPATH")}
    return {
        **clean,
        "GIT_CONFIG_GLOBAL": str(base / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "XDG_CACHE_HOME": str(base / "cache"),
    }


@pytest.fixture
def deployed(tmp_path, repository, environment):
    """Return a function that runs snakemake in a folder whose Snakefile names the repository."""

    def run(form, *arguments, config=TINY):
        commit = git("rev-parse", "v1.0.0", folder=repository)
        address = ADDRESSES[form].format(commit=commit)
        (tmp_path / "Snakefile").write_text(SNAKEFILE.format(address=address))
        (tmp_path / "config").mkdir(exist_ok=True)
        shutil.copy(config, tmp_path / "config/config.yaml")
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


@pytest.mark.parametrize("form", ADDRESSES)
def test_every_form_of_address_plans_the_whole_collection(deployed, form):
    run = deployed(form, "--dry-run")
    assert run.returncode == 0, run.stderr[-3000:]
    assert "rule write_report:" in run.stdout + run.stderr


def test_jobs_run_with_the_library_of_the_named_version(deployed, tmp_path, repository, environment):
    run = deployed("tag", "preprocess")
    assert run.returncode == 0, run.stderr[-3000:]
    assert (tmp_path / "results/tiny/preprocess/genes.tsv").is_file()
    commit = git("rev-parse", "v1.0.0", folder=repository)
    unpacked = Path(environment["XDG_CACHE_HOME"]) / "snakemake/snakemake/source-cache/panscape"
    # one folder for all forms of address of a commit, complete, and nothing half-done beside it
    assert [path.name for path in unpacked.iterdir()] == [commit]
    tree = git("ls-tree", "-r", "--format=%(objectname) %(path)", commit, folder=repository).splitlines()
    there = sorted(path for path in (unpacked / commit).rglob("*") if path.is_file())
    there = [path for path in there if "__pycache__" not in path.parts]
    digests = git("hash-object", *there, folder=repository).splitlines()
    assert sorted(tree) == sorted(
        f"{digest} {path.relative_to(unpacked / commit)}" for digest, path in zip(digests, there, strict=True)
    )


def test_the_configuration_that_is_deployed_runs_the_demo_until_it_is_edited(deployed):
    run = deployed("tag", "--dry-run", config=ROOT / "config/config.yaml")
    assert run.returncode == 0, run.stderr[-3000:]
    assert "results/demo/report.html" in run.stdout + run.stderr
    assert "the simulated demo runs" in run.stdout + run.stderr


def test_the_reference_configuration_can_be_given_by_itself(snakemake, tmp_path):
    run = snakemake(tmp_path, "--dry-run", config=ROOT / "config/config.yaml")
    assert run.returncode == 0, run.stderr[-3000:]
    assert "results/demo/report.html" in run.stdout + run.stderr
    assert "the simulated demo runs" in run.stdout + run.stderr


def test_a_single_file_by_its_address_says_what_to_write_instead(tmp_path, environment):
    # served from a folder, as a web server would
    run_server = (
        "import functools, http.server, sys;"
        "serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1]);"
        "server = http.server.HTTPServer(('127.0.0.1', 0), serve);"
        "print(server.server_port, flush=True); server.serve_forever()"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", run_server, ROOT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        port = server.stdout.readline().strip()
        address = f"http://127.0.0.1:{port}/workflow/Snakefile"
        command = [sys.executable, "-m", "snakemake", "--dry-run", "--snakefile", address]
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    finally:
        server.terminate()
        server.wait()
    assert run.returncode != 0
    assert "Name the repository and a tag instead: github(" in run.stdout + run.stderr
