"""What users bring: files of any format, and mistakes, which are told at once and before any work."""

import gzip

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import io as mmio
from scipy import sparse

from panscape.data import digests, files

N_GENES = 60


def counts(seed, cells=120):
    rng = np.random.default_rng(seed)
    level = rng.gamma(1, 3, N_GENES)
    values = rng.poisson(level * rng.gamma(5, 0.2, (cells, 1))).astype(np.float32)
    names = [f"cell{seed}-{i}" for i in range(cells)]
    return sparse.csr_matrix(values), names, [f"GENE{i}" for i in range(N_GENES)]


def write_h5ad(path, seed=0):
    matrix, cells, genes = counts(seed)
    obs = pd.DataFrame({"age": np.linspace(1, 9, len(cells)), "kind": "a"}, index=cells)
    obs.loc[cells[60:], "kind"] = "b"
    anndata.AnnData(matrix, obs, pd.DataFrame(index=genes)).write_h5ad(path)


def write_mtx(folder, seed):
    matrix, cells, genes = counts(seed)
    folder.mkdir()
    with gzip.open(folder / "matrix.mtx.gz", "wb") as file:
        mmio.mmwrite(file, matrix.T.astype(int), field="integer")
    features = "".join(f"ENSG{i:011d}\t{gene}\tGene Expression\n" for i, gene in enumerate(genes))
    (folder / "features.tsv.gz").write_bytes(gzip.compress(features.encode()))
    (folder / "barcodes.tsv.gz").write_bytes(gzip.compress("\n".join(cells).encode()))


def write_loom(path, seed):
    matrix, cells, genes = counts(seed)
    with h5py.File(path, "w") as file:
        file["matrix"] = matrix.T.toarray()
        file["row_attrs/Gene"] = np.array(genes, dtype="S")
        file["col_attrs/CellID"] = np.array(cells, dtype="S")
        file["col_attrs/Age"] = np.full(len(cells), 4.0)


def write_csv(path, sheet, seed):
    matrix, cells, genes = counts(seed)
    table = pd.DataFrame(matrix.T.toarray().astype(int), index=genes, columns=cells)
    table.to_csv(path, compression="gzip")
    pd.DataFrame({"cell": cells, "days": 48.0}).to_csv(sheet, sep="\t", index=False)


@pytest.fixture
def collection(tmp_path):
    """Return a folder with one study in each of four formats, and the YAML as a mapping."""
    write_h5ad(tmp_path / "one.h5ad")
    write_mtx(tmp_path / "two", 1)
    write_loom(tmp_path / "three.loom", 2)
    write_csv(tmp_path / "four.csv.gz", tmp_path / "four.tsv", 3)
    return {
        "collection": "mixed",
        "age_unit": "days",
        "studies": [
            {
                "id": "one",
                "path": "one.h5ad",
                "keep": "kind == 'a'",
                "obs": {"age": {"column": "age", "unit": "days"}},
            },
            {"id": "two", "path": "two", "obs": {"age": {"value": 2, "unit": "weeks"}}},
            {"id": "three", "path": "three.loom", "obs": {"age": {"column": "Age", "unit": "days"}}},
            {
                "id": "four",
                "path": "four.csv.gz",
                "orientation": "genes-by-cells",
                "metadata": {"path": "four.tsv", "barcode": "cell"},
                "obs": {"age": {"column": "days", "unit": "hours"}},
            },
        ],
        "preprocess": {"min_genes": 5, "n_genes": 30},
        "panclust": {"min_cells": 20},
    }


def save(tmp_path, config):
    path = tmp_path / "collection.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_four_formats_become_one_collection(tmp_path, collection, snakemake):
    run = snakemake(tmp_path, "preprocess", config=save(tmp_path, collection))
    assert run.returncode == 0, run.stderr[-3000:]
    genes = files.read_tsv(tmp_path / "results/mixed/preprocess/genes.tsv")
    assert genes["gene"].str.startswith("GENE").all() and len(genes) > 40
    ages = {}
    for seed, name in enumerate(["one", "two", "three", "four"]):
        data = anndata.read_h5ad(tmp_path / f"results/mixed/preprocess/{name}/counts.h5ad")
        ages[name] = data.obs["age"].mean()
        expected, cells, names = counts(seed)
        rows = [cells.index(cell) for cell in data.obs_names]
        columns = [names.index(gene) for gene in data.var_names]
        assert (expected[rows][:, columns] != data.X).nnz == 0
        assert data.n_obs == (60 if name == "one" else 120)
    assert ages["two"] == 14 and ages["three"] == 4 and ages["four"] == 2


def test_all_mistakes_come_in_one_message_and_nothing_runs(tmp_path, collection, snakemake):
    one, two, _three, four = collection["studies"]
    one["obs"]["age"]["column"] = "aeg"
    two["path"] = "nowhere"
    (tmp_path / "three.loom").write_bytes((tmp_path / "three.loom").read_bytes()[:3000])
    four["metadata"]["barcode"] = "barcodes"
    run = snakemake(tmp_path, config=save(tmp_path, collection))
    text = run.stdout + run.stderr
    assert run.returncode != 0
    for part in ("4 problems", "studies[0].obs.age", "aeg", "nowhere", "three.loom", "barcodes"):
        assert part in text, text
    assert "Traceback" not in text
    assert not (tmp_path / "results").exists()


def test_a_typo_is_told_with_the_right_word(tmp_path, collection, snakemake):
    collection["panclust"] = {"min_cell": 20}
    run = snakemake(tmp_path, "-n", config=save(tmp_path, collection))
    text = run.stdout + run.stderr
    assert run.returncode != 0 and "panclust.min_cell:" in text and "'min_cells'" in text


def test_a_bad_study_added_later_costs_nothing_already_made(workdir, snakemake, variant):
    path = workdir / "results/tiny/landscape/landscape.h5ad"
    before = (digests.sha256(path), path.stat().st_mtime)
    config = yaml.safe_load(variant().read_text())
    config["studies"].append({"id": "broken", "path": "missing.h5ad"})
    run = snakemake(workdir, config=save(workdir, config))
    assert run.returncode != 0 and "missing.h5ad" in run.stderr
    assert (digests.sha256(path), path.stat().st_mtime) == before


def test_a_study_whose_cells_are_all_filtered_stops_with_advice(tmp_path, collection, snakemake):
    collection["preprocess"]["min_genes"] = 59
    run = snakemake(tmp_path, "preprocess", "--keep-going", config=save(tmp_path, collection))
    assert run.returncode != 0
    log = (tmp_path / "logs/mixed/preprocess/two/filter_cells.log").read_text()
    assert "min_genes" in log and "->" in log and "Traceback" not in log
    assert not (tmp_path / "results/mixed/preprocess/two/counts.h5ad").exists()
    # the engine removes what a failed job made; the distributions, from which to choose a limit, stay
    figure = tmp_path / "logs/mixed/preprocess/two/qc.svg"
    assert "<svg" in figure.read_text() and str(figure.relative_to(tmp_path)) in log
    # it was said before the first job, with what cures it; obeyed, the study passes and the figure goes
    advice = "in the entry of study 'two' write qc: {min_genes: auto}"
    assert "most cells of two will be removed" in run.stderr and advice in run.stderr and advice in log
    collection["preprocess"]["min_genes"] = "auto"
    run = snakemake(tmp_path, "results/mixed/preprocess/two/qc.svg", config=save(tmp_path, collection))
    assert run.returncode == 0 and not figure.exists()


def test_a_later_error_names_the_limit_that_took_the_cells(tmp_path, collection, snakemake):
    """Two of 120 cells pass: no cluster, and no smaller cluster would help."""
    study = collection["studies"][1]
    matrix, *_ = counts(1)
    limit = int(np.sort(np.diff(matrix.indptr))[-3])
    study["qc"] = {"min_genes": limit, "min_cells_per_gene": 0}
    collection["studies"] = [study]
    run = snakemake(tmp_path, "panclust", config=save(tmp_path, collection))
    assert run.returncode != 0
    log = (tmp_path / "logs/mixed/panclust/two/find_panclusters.log").read_text()
    assert f"[quality control of two: kept 3 of 120 cells; min_genes {limit} removed 117; median" in log
    assert "-> in the entry of study 'two' write qc: {min_genes: auto}" in log
    study["qc"] = {"min_genes": "auto"}
    run = snakemake(tmp_path, "panclust", config=save(tmp_path, collection))
    assert run.returncode == 0, run.stderr[-2000:]


def test_a_changed_sheet_reruns_its_study_alone(tmp_path, collection, snakemake):
    config = save(tmp_path, collection)
    assert snakemake(tmp_path, "preprocess", config=config).returncode == 0
    sheet = tmp_path / "four.tsv"
    sheet.write_text(sheet.read_text().replace("48.0", "72.0"))
    run = snakemake(tmp_path, "preprocess", "-n", config=config)
    text = run.stdout + run.stderr
    assert "study=four" in text and "study=one" not in text and "study=two" not in text
