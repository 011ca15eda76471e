"""A whole run, what a second run does, and what a change reruns."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import anndata
import h5py
import numpy as np
import pytest
import yaml
from tiny_collection import ROOT, TINY

from panscape.data import digests as records
from panscape.data import files
from panscape.errors import UserError
from panscape.pipeline.verify.records import verify

RESULTS = "results/tiny"
STUDIES = [study["id"] for study in yaml.safe_load(TINY.read_text())["studies"]]
PROMISED = {  # the columns that other programs may rely on
    "preprocess/qc.tsv": ["study", "filter", "removed", "left"],
    "preprocess/kept.tsv": ["study", "column", "rho", "pvalue", "uneven"],
    "preprocess/understood.tsv": ["study", "n_cells", "n_genes", "known", "labels"],
    "preprocess/genes.tsv": ["gene", "selected"],
    "panclust/{study}/clusters.tsv": ["cluster", "study", "resolution", "level", "parent", "n_cells"],
    "coexpression/{study}/pairs.tsv": ["gene_a", "gene_b"],
    "landscape/pseudotime.tsv": ["cluster", "study", "pseudotime"],
    "landscape/genes.tsv": ["gene", "rho", "pvalue", "fdr"],
}
STAGES = ["preprocess", "panclust", "coexpression", "landscape", "report"]


def digests(folder):
    """Return the SHA-256 of every table, matrix and figure of the results."""
    root = folder / RESULTS
    paths = [path for path in root.rglob("*") if path.suffix in (".tsv", ".npz", ".svg", ".h5ad", ".png")]
    assert len(paths) > 20
    return {str(path.relative_to(root)): content(path) for path in paths}


def content(path):
    if path.suffix != ".h5ad":
        return records.sha256(path)
    digest = hashlib.sha256()  # of the values, because HDF5 also keeps addresses and times

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            digest.update(name.encode() + repr(np.asarray(item[()]).tolist()).encode())

    with h5py.File(path) as file:
        file.visititems(add)
    return digest.hexdigest()


def reasons(run):
    """Return {rule: reason} of a dry run."""
    text = run.stdout + run.stderr
    assert run.returncode == 0, text[-3000:]
    return dict(re.findall(r"^(?:local)?rule (\w+):.*?^    reason: ([^\n]*)", text, re.MULTILINE | re.DOTALL))


def test_all_promised_files_are_there(finished):
    for pattern, columns in PROMISED.items():
        for study in STUDIES if "{study}" in pattern else [""]:
            table = files.read_tsv(finished / RESULTS / pattern.format(study=study))
            assert set(columns) <= set(table.columns), pattern
            assert len(table), pattern
    html = (finished / RESULTS / "report.html").read_text()
    assert "tiny" in html and "http://" not in re.sub(r"http://www\.w3\.org\S*", "", html)
    assert (finished / RESULTS / "methods.md").read_text().strip()


def test_logs_and_benchmarks_mirror_the_results(finished):
    for kind, ending in (("logs", "log"), ("benchmarks", "tsv")):
        folders = {
            path.parent.relative_to(finished / kind) for path in (finished / kind).rglob(f"*.{ending}")
        }
        assert {f"tiny/panclust/{study}" for study in STUDIES} <= set(map(str, folders))


def test_a_second_run_does_nothing(finished, snakemake):
    assert "Nothing to be done" in snakemake(finished).stderr


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_a_target(finished, snakemake, stage):
    run = snakemake(finished, "-n", stage)
    assert run.returncode == 0 and "Nothing to be done" in run.stdout + run.stderr


def test_stages_before_are_enough(tmp_path, snakemake):
    rules = reasons(snakemake(tmp_path, "-n", "panclust"))
    assert "find_panclusters" in rules
    assert not {"correlate_genes", "build_landscape", "write_report"} & set(rules)


def test_until_stops_at_a_rule(tmp_path, snakemake):
    rules = reasons(snakemake(tmp_path, "-n", "--until", "correlate_genes"))
    assert "correlate_genes" in rules and "build_landscape" not in rules


def test_a_parameter_reruns_what_depends_on_it(finished, snakemake, variant):
    rules = reasons(snakemake(finished, "-n", config=variant(landscape__n_neighbors=6)))
    assert "arams have changed" in rules["build_landscape"]
    assert not {"simulate_study", "filter_cells", "find_panclusters", "correlate_genes"} & set(rules)


def test_a_deleted_file_is_made_again(workdir, snakemake):
    before = digests(workdir)
    (workdir / RESULTS / "panclust" / STUDIES[0] / "clusters.tsv").unlink()
    run = snakemake(workdir, "panclust")
    assert run.returncode == 0, run.stderr[-3000:]
    assert digests(workdir) == before
    assert "rule filter_cells" not in run.stderr


def test_killed_and_run_again_gives_the_same(finished, tmp_path, snakemake):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(tmp_path), "--cores", "2", "--configfile", str(TINY)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    clusters = tmp_path / RESULTS / "panclust" / STUDIES[0] / "clusters.tsv"
    deadline = time.monotonic() + 300
    while not clusters.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / RESULTS / "report.html").exists()
    assert snakemake(tmp_path, "--unlock").returncode == 0
    run = snakemake(tmp_path, "--rerun-incomplete")
    assert run.returncode == 0, run.stderr[-3000:]
    assert digests(tmp_path) == digests(finished)
    scratch = [path for path in (tmp_path / RESULTS).rglob(".*") if path.name != records.FOLDER]
    assert not scratch, "killed writers leave no files behind"


def test_every_result_is_recorded(finished):
    checked = verify(finished / RESULTS)
    assert len(checked.whole) > 60
    assert not checked.unrecorded and not checked.damaged and not checked.gone


def test_every_result_cut_at_ten_places_is_refused_by_name(finished, tmp_path):
    products = [path for path in records.recorded(finished) if path.suffix != ".html"]
    assert len(products) > 70
    for path in products:
        content, copy = path.read_bytes(), tmp_path / path.name
        records.record_path(copy).parent.mkdir(exist_ok=True)
        shutil.copy(records.record_path(path), records.record_path(copy))
        for tenth in range(10):
            copy.write_bytes(content[: len(content) * tenth // 10])
            with pytest.raises(UserError, match=re.escape(path.name)):
                records.check(copy)


def test_a_damaged_result_is_named_and_made_anew(workdir, snakemake, variant):
    before = digests(workdir)
    genes = workdir / RESULTS / "preprocess" / "genes.tsv"
    genes.write_bytes(genes.read_bytes()[:500])
    run = snakemake(workdir, "verify")
    assert run.returncode and "DAMAGED" in run.stdout and "genes.tsv" in run.stdout
    run = snakemake(workdir, "panclust", config=variant(panclust__min_cells=70))
    assert run.returncode
    log = (workdir / f"logs/tiny/panclust/{STUDIES[0]}/find_panclusters.log").read_text()
    assert "genes.tsv: is damaged or was edited: not what rule select_genes wrote" in log
    assert "Traceback" not in log
    genes.unlink()
    run = snakemake(workdir)
    assert run.returncode == 0, run.stderr[-3000:]
    assert digests(workdir) == before
    assert snakemake(workdir, "verify").returncode == 0


def test_collections_lie_side_by_side(workdir, snakemake, variant):
    before = digests(workdir)
    run = snakemake(workdir, "preprocess", config=variant(collection="other"))
    assert run.returncode == 0, run.stderr[-3000:]
    assert (workdir / "results/other/preprocess/genes.tsv").exists()
    assert digests(workdir) == before
    assert "Nothing to be done" in snakemake(workdir).stderr


ON_DEMAND = {
    "dictionary": {
        "elbow.tsv": ["k", "suggested"],
        "entries.tsv": ["entry", "n_panclusters", "kept"],
        "centrality.tsv": ["entry", "gene", "betweenness"],
        "marker_edges.tsv": ["entry", "gene_a", "gene_b", "weight"],
    },
    "overlap": {"zscores.tsv": ["network", "target", "observed", "null_mean", "null_sd", "z", "pvalue"]},
}


def test_networks_and_their_overlap_on_demand(workdir, snakemake, variant):
    pairs = files.read_tsv(workdir / RESULTS / "landscape/pairs.tsv", dtype=str)
    known = workdir / "known.tsv"
    files.write_tsv(pairs.loc[::2, ["gene_a", "gene_b"]], known)
    config = variant(
        dictionary={"k_range": [2, 4], "starts": 2, "max_iter": 20, "min_panclusters": 3},
        overlap={"networks": [{"name": "known", "path": str(known)}]},
    )
    for target, tables in ON_DEMAND.items():
        run = snakemake(workdir, target, config=config)
        assert run.returncode == 0, run.stderr[-3000:]
        for name, columns in tables.items():
            table = files.read_tsv(workdir / RESULTS / target / name)
            assert set(columns) <= set(table.columns) and len(table), name
    entries = files.read_tsv(workdir / RESULTS / "dictionary/entries.tsv")
    learned = anndata.read_h5ad(workdir / RESULTS / "dictionary/dictionary.h5ad")
    assert sorted(learned.obs_names) == sorted(entries["entry"]) and (learned.X > 0).sum()
    assert "Nothing to be done" in snakemake(workdir, "dictionary", "overlap", config=config).stderr
    assert not {"find_elbow", "build_targets"} & set(reasons(snakemake(workdir, "-n", "-F", config=config)))
    assert "no known network" in snakemake(workdir, "overlap").stderr


def test_snakemakes_own_report(finished, snakemake, tmp_path):
    run = snakemake(finished, "--report", tmp_path / "report.html")
    assert run.returncode == 0, run.stderr[-3000:]
    assert "pseudotime" in (tmp_path / "report.html").read_text()
