"""Real collections run to the report and keep what the defaults were chosen for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from panscape.data import files

ROOT = Path(__file__).parents[2]
DATA = os.environ.get("PANSCAPE_DATA")
COLLECTIONS = sorted(Path(__file__).parent.glob("collections/*.yaml"))

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA, reason="PANSCAPE_DATA does not name a folder of real data"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("real")


def analyse(folder, collection, *arguments):
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--cores", "2", *arguments, "--configfile", collection]
    shutil.copytree(
        ROOT / "tests/real", folder / "tests/real", dirs_exist_ok=True
    )  # paths as in the repository
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-4000:]


def statistic(folder, name, space="coexpression"):
    table = files.read_tsv(folder / "landscape/statistics.tsv").set_index(["space", "statistic"])
    return table.loc[(space, name), "value"]


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda path: path.stem)
def test_a_real_collection_reaches_the_report(folder, collection):
    analyse(folder, collection)
    results = folder / "results" / collection.stem
    assert (results / "report.html").stat().st_size > 100_000
    assert statistic(results, "reached") > 0 or collection.stem in ("pancreas", "islets")  # without ages


def test_hormones_of_two_species_are_compared(folder):
    analyse(folder, Path(__file__).parent / "collections/islets.yaml", "preprocess")
    results = folder / "results/islets/preprocess"
    genes = files.read_tsv(results / "genes.tsv", dtype={"gene": str}).set_index("gene")
    for hormone in ("INS", "GCG", "SST", "PPY"):
        assert genes.loc[hormone, "selected"] and genes.loc[hormone].filter(like="rank_").notna().all()
    (row,) = files.read_tsv(results / "orthologues.tsv").to_dict("records")
    assert row["summed"] == 2 and row["mapped"] > 12_000 and row["counts_lost"] < 0.15
