"""One cluster for all tests, and one undisturbed run to compare with."""

import os
import shutil
import tempfile
from pathlib import Path

import cluster as slurm
import pytest
from typed import TARGETS, start

ROOT = Path(__file__).parents[2]
COLLECTION = Path(__file__).with_name("collection.yaml")


def pytest_collection_modifyitems(items):
    reason = "slow; make test-slurm runs it" if not os.environ.get("PANSCAPE_SLURM") else slurm.why_not()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slurm)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def cluster():
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short, because the name of a socket has a limit
    folder.chmod(0o755)  # the daemons of the key and of the database are not root
    with slurm.Cluster(folder / "root") as running:
        yield running
    folder.rmdir()


@pytest.fixture(scope="session")
def undisturbed(cluster, tmp_path_factory):
    """Return a fresh checkout in which the whole collection ran, and the log of the run."""
    folder = tmp_path_factory.mktemp("slurm") / "checkout"
    folder.mkdir()
    for name in ("Snakefile", "workflow", "config", "envs", "profiles", "slurm"):
        source = ROOT / name
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name, follow_symlinks=False)
    shutil.copy(COLLECTION, folder / "collection.yaml")
    run = start(folder, *TARGETS, "--jobs", "6")
    return run, run.finish(3000)


@pytest.fixture
def checkout(undisturbed, tmp_path):
    """Return a copy of the finished checkout to disturb."""
    target = tmp_path / "checkout"
    # results only once on the disk; what is made anew replaces a file and never changes it
    shutil.copytree(undisturbed[0].folder, target, symlinks=True, copy_function=os.link)
    shutil.rmtree(target / ".snakemake")
    shutil.copytree(undisturbed[0].folder / ".snakemake", target / ".snakemake")
    return target
