"""Other collections are input only: projection onto one, and inputs that lie in its folders."""

import hashlib
import os
import re
import shutil
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from tiny_collection import ROOT, TINY

from panscape.data import files
from panscape.data.h5mu import write_h5mu

REFERENCE = "results/tiny"
DICTIONARY = {"k_range": [2, 6], "starts": 2, "max_iter": 20, "min_panclusters": 3, "confidence": False}
PROJECTED = "results/new/project/projected.tsv"


def new_collection(**changes):
    """Return a configuration that only places a study of the tiny collection on that collection."""
    study = {"id": "early", "path": "resources/tiny/simulated/early.h5ad", "use": ["project"]}
    study["obs"] = {"age": {"column": "age", "unit": "days"}}
    project = {"reference": REFERENCE}
    settings = {"collection": "new", "seed": 3, "studies": [study], "project": project}
    return {**settings, "preprocess": {"min_genes": 50}, **changes}


def written(folder, config):
    path = folder / "new.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def digests(folder):
    """Return path -> digest of all that the tiny collection has, in results and resources."""
    names = [path for top in ("results", "resources") for path in (folder / top / "tiny").rglob("*")]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in names if path.is_file()}


@pytest.fixture(scope="module")
def reference(finished, tmp_path_factory, snakemake):
    """Return a folder in which the tiny collection has a dictionary; tests must not change it."""
    folder = tmp_path_factory.mktemp("reference") / "copy"
    shutil.copytree(finished, folder, symlinks=True)
    config = written(folder, {**yaml.safe_load(TINY.read_text()), "dictionary": DICTIONARY})
    tables = [f"{REFERENCE}/programs/{name}" for name in ("programs.tsv", "genes.tsv", "membership.tsv.gz")]
    run = snakemake(folder, f"{REFERENCE}/dictionary/dictionary.h5ad", *tables, config=config)
    assert run.returncode == 0, run.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def projected(reference, tmp_path_factory, snakemake):
    """Return (folder, digests of the reference before) with a finished projection."""
    folder = tmp_path_factory.mktemp("projected") / "copy"
    shutil.copytree(reference, folder, symlinks=True)
    before = digests(folder)
    run = snakemake(folder, "project", config=written(folder, new_collection()))
    assert run.returncode == 0, run.stderr[-4000:]
    return folder, before


def planned(text):
    """Return {rule: files that its jobs would write} from a dry run."""
    jobs = {}
    for match in re.finditer(r"^(?:local)?(?:rule|checkpoint) (\w+):\n((?:    .*\n)*)", text, re.MULTILINE):
        listed = re.findall(r"^    (?:output|log|benchmark): (.*)$", match[2], re.MULTILINE)
        paths = [re.sub(r" \(.*\)$", "", path) for line in listed for path in line.split(", ")]
        jobs.setdefault(match[1], []).extend(paths)
    return jobs


def test_no_job_writes_outside_its_own_collection(reference, tmp_path, snakemake):
    folder = Path(shutil.copytree(reference, tmp_path / "copy", symlinks=True))
    other = folder / REFERENCE
    (other / "features").mkdir()
    (other / "metacells/one").mkdir(parents=True)
    cells = anndata.read_h5ad(other / "preprocess/early/counts.h5ad")
    write_h5mu(other / "metacells/one/metacells.h5mu", {"rna": cells}, cells.obs)
    scores = {"cell": cells.obs_names, "study": "early", "score": np.linspace(0, 1, cells.n_obs)}
    files.write_tsv(pd.DataFrame(scores), other / "features/scores.tsv.gz")
    genes = "\t".join(cells.var_names[:40])
    sets = folder / "resources/tiny/simulated/truth/gene_sets.gmt"
    sets.parent.mkdir(parents=True, exist_ok=True)
    sets.write_text(f"set\tmade up\t{genes}\n")
    given = {"obs": {"age": {"column": "age", "unit": "days"}, "line": "platform"}}
    files_of_others = [
        {"path": "resources/tiny/simulated/early.h5ad", "metadata": {"path": f"{REFERENCE}/cells.tsv"}},
        {"path": f"{REFERENCE}/preprocess/late/counts.h5ad"},
        {"path": f"{REFERENCE}/metacells/one/metacells.h5mu", "format": "h5mu"},
    ]
    table = cells.obs[[]].assign(kind="a").rename_axis("barcode").reset_index()
    files.write_tsv(table, other / "cells.tsv")
    studies = [{"id": f"s{at}", **given, **one} for at, one in enumerate(files_of_others)]
    studies.append({"id": "multi", "simulated": "drawn", "use": ["metacells"]})
    studies.append({"id": "sums", "metacells": "multi", "use": ["landscape"]})
    config = new_collection(
        studies=studies,
        simulation={"multiome": [{"name": "drawn", "cells": 300, "n_genes": 100, "n_peaks": 300}]},
        dictionary={"gene_sets": [str(sets.relative_to(folder))]},
        features={"gene_sets": [str(sets.relative_to(folder))]},
        overlap={"networks": [{"name": "known", "path": f"{REFERENCE}/landscape/pairs.tsv"}]},
        unicoord={
            "tables": [f"{REFERENCE}/features/scores.tsv.gz"],
            "label_transfer": ["pseudotime", "usage"],
        },
        panclust={"min_cells": 20},
    )
    targets = re.findall(r"^rule (\w+):", (ROOT / "workflow/rules/targets.smk").read_text(), re.MULTILINE)
    assert {"project", "unicoord", "metacells", "dictionary"} <= set(targets)
    run = snakemake(folder, "-n", "-F", *set(targets) - {"preflight"}, config=written(tmp_path, config))
    assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
    jobs = planned(run.stdout)
    expected = {
        "project_panclusters",
        "learn_dictionary",
        "transfer_labels",
        "train_unicoord",
        "sum_metacells",
    }
    assert expected <= set(jobs) and all(jobs[rule] for rule in expected)
    wrong = {
        path
        for paths in jobs.values()
        for path in paths
        if not re.match(r"(results|resources|logs|benchmarks)/new/", path)
    }
    assert not wrong


def test_a_study_is_placed_without_a_landscape_of_its_own(projected):
    folder, before = projected
    assert digests(folder) == before
    made = {path.name for path in (folder / "results/new").iterdir()}
    assert made == {"preprocess", "project"}
    table = files.read_tsv(folder / PROJECTED)
    # the very study of the reference, clustered with its genes and settings: each pancluster is found again
    same = files.read_tsv(folder / REFERENCE / "panclust/early/clusters.tsv", dtype={"cluster": str})
    assert table["cluster"].tolist() == same["cluster"].tolist()
    # (or, as the distance takes them for other cells, a pancluster of nearly the same ones)
    assert (table["nearest"] == table["cluster"]).mean() > 0.9 and (table["similarity"] > 0.999).all()
    assert (table["age"] - table["age_known"]).abs().median() < 1 and (table["age"] > 0).all()
    assert table["age_low"].le(table["age"]).all() and table["age_high"].ge(table["age"]).all()
    figures = {path.name for path in (folder / "results/new/project/figures").iterdir() if path.is_file()}
    assert figures == {"map.png", "map.svg", "values.png", "values.svg"}


def test_the_report_of_a_projection(projected, snakemake, tmp_path):
    folder = Path(shutil.copytree(projected[0], tmp_path / "copy", symlinks=True))
    run = snakemake(folder, config=folder / "new.yaml")
    assert run.returncode == 0, run.stderr[-3000:]
    page = (folder / "results/new/report.html").read_text()
    assert "were placed on the reference" in page and "Predicted age" in page and "Landscape" not in page
    assert f"finished collection {REFERENCE}" in (folder / "results/new/methods.md").read_text()


def test_old_and_new_files_of_the_reference_are_input_only(projected, snakemake, tmp_path):
    folder = Path(shutil.copytree(projected[0], tmp_path / "copy", symlinks=True))
    config = folder / "new.yaml"
    assert "Nothing to be done" in snakemake(folder, "-n", "project", config=config).stdout
    for path in (folder / REFERENCE).rglob("*.*"):
        os.utime(path, (1e9, 1e9))
    assert "Nothing to be done" in snakemake(folder, "-n", "project", config=config).stdout
    with h5py.File(folder / REFERENCE / "dictionary/dictionary.h5ad", "r+") as file:
        file.attrs["changed"] = True
    jobs = planned(snakemake(folder, "-n", "project", config=config).stdout)
    assert set(jobs) == {"project_panclusters", "plot_projection", "project"}


def test_a_reference_that_lacks_something_is_refused_before_the_first_job(reference, snakemake, tmp_path):
    folder = Path(shutil.copytree(reference, tmp_path / "copy", symlinks=True))

    def refusal(**changes):
        run = snakemake(folder, "-n", "project", config=written(folder, new_collection(**changes)))
        assert run.returncode != 0
        return run.stdout + run.stderr

    itself = refusal(collection="tiny")
    assert "project.reference: results/tiny is this collection itself" in itself
    assert "species: is mouse, the reference's studies are human" in refusal(species="mouse")
    (folder / REFERENCE / "coexpression/late/pairs.tsv").unlink()
    (folder / REFERENCE / "preprocess/genes.tsv").unlink()
    text = refusal()
    assert "results/tiny/coexpression/late/pairs.tsv" in text and "lacks preprocess/genes.tsv" in text
    with h5py.File(folder / REFERENCE / "dictionary/dictionary.h5ad", "r+") as file:
        del file["uns/collection"]
    assert "does not contain the settings it was created with" in refusal()
    (folder / REFERENCE / "dictionary/dictionary.h5ad").unlink()
    assert "lacks dictionary/dictionary.h5ad" in refusal()


def test_the_target_says_when_there_is_no_reference(reference, snakemake):
    run = snakemake(reference, "-n", "project")
    assert run.returncode == 0 and "project.reference names no finished collection" in run.stdout + run.stderr
