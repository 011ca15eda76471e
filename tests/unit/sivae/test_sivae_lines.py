import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.config.studies import jobs_of_lines
from panscape.data import files
from panscape.data.counts import CountsWriter
from panscape.errors import UserError
from panscape.plot.sivae import draw_lines
from panscape.sivae.bin_names import is_extra
from panscape.sivae.collect import collect_tables
from panscape.sivae.collection import job_cells
from panscape.sivae.genes import variable_genes
from panscape.sivae.job import load, read_bins
from panscape.sivae.lines import LineSettings, plan_lines
from panscape.sivae.stage import train_job
from panscape.sivae.values import CellCounts, ValueSettings, prepare_bin


def table(**lines):
    names = [name for name, count in lines.items() for _ in range(count)]
    obs = pd.DataFrame({"line": names, "n_counts": np.arange(1.0, len(names) + 1)})
    obs["age"] = [len(name) for name in names]
    obs["sex"] = [name[0] for name in names]
    obs["kind"] = np.arange(len(names)) % 2
    obs["kind"] = obs["kind"].astype(str)
    obs.index = [f"cell{at}" for at in range(len(names))]
    return obs


SETTINGS = LineSettings(bin_cells=20, min_cells=10, models_per_job=4, thinnings=1)


def test_cells_are_shared_out_once_and_nothing_is_lost():
    plan = plan_lines({"s": table(big=47, small=15, few=4)}, SETTINGS, 0, ["age", "sex", "kind", "line"])
    lines = plan.lines.set_index("line")
    assert list(lines["status"]) == ["ok", "too few cells", "ok"]
    assert lines.loc["big", ["n_bins", "bin_cells", "discarded"]].tolist() == [2, 20, 7]
    assert lines.loc["small", ["n_bins", "bin_cells", "discarded"]].tolist() == [1, 15, 0]
    assert lines.loc["few", ["n_bins", "discarded"]].tolist() == [0, 4]
    assert (
        lines.loc["big", "age"] == 3 and lines.loc["big", "sex"] == "b" and pd.isna(lines.loc["big", "kind"])
    )
    bins = plan.cells.groupby(["line", "bin"])["cell"].agg(set)
    assert {key: len(cells) for key, cells in bins.items()} == {
        ("big", "0"): 20, ("big", "1"): 20,
        ("small", "0"): 15, ("small", "half-a"): 7, ("small", "half-b"): 7,
    }  # fmt: skip
    assert not bins["big", "0"] & bins["big", "1"]
    assert not bins["small", "half-a"] & bins["small", "half-b"]
    assert bins["small", "half-a"] | bins["small", "half-b"] < bins["small", "0"]


def test_discarded_cells_are_not_the_last_ones():
    obs = table(big=47)
    plan = plan_lines({"s": obs}, SETTINGS, 0)
    left = set(obs.index) - set(plan.cells["cell"])
    assert left != set(obs.index[-7:])
    assert plan_lines({"s": obs}, SETTINGS, 0).cells.equals(plan.cells)
    other = plan_lines({"s": obs}, SETTINGS, 1)
    assert set(other.cells["cell"]) != set(plan.cells["cell"])


def test_a_lines_bins_do_not_depend_on_the_others():
    alone = plan_lines({"s": table(a=30)}, SETTINGS, 0).cells
    with_more = plan_lines({"s": table(a=30, b=40)}, SETTINGS, 0).cells
    pd.testing.assert_frame_equal(alone, with_more[with_more["line"] == "a"].reset_index(drop=True))


def test_jobs_hold_whole_lines():
    plan = plan_lines({"s": table(a=60, b=45, c=20, d=85)}, SETTINGS, 0)
    assert plan.jobs == {"job-0": ["a"], "job-1": ["b"], "job-2": ["c"], "job-3": ["d"]} or all(
        plan.jobs.values()
    )
    models = plan.cells.groupby("line")["bin"].nunique()
    for lines in plan.jobs.values():
        assert len(lines) == 1 or models[lines].sum() <= 4
    assert [line for lines in plan.jobs.values() for line in lines] == ["a", "b", "c", "d"]


def test_names_are_made_fit_for_files_and_collisions_reported():
    obs = table(x=30, y=30)
    obs["line"] = obs["line"].map({"x": "HPSI 0214i/poih_2", "y": "donor 2"})
    plan = plan_lines({"s": obs}, SETTINGS, 0, ["line"])
    assert dict(zip(plan.lines["name"], plan.lines["line"], strict=True)) == {
        "HPSI 0214i/poih_2": "HPSI-0214i-poih-2",
        "donor 2": "donor-2",
    }
    obs["line"] = obs["line"].map({"HPSI 0214i/poih_2": "a b", "donor 2": "A_b"})
    with pytest.raises(UserError, match="same files"):
        plan_lines({"s": obs}, SETTINGS, 0)


def test_an_annotation_may_not_hide_a_column_of_the_table():
    with pytest.raises(UserError, match="'status' of its own"):
        plan_lines({"s": table(a=30).assign(status="case")}, SETTINGS, 0, ["status"])


def test_a_line_named_like_a_folder_of_the_stage_is_renamed():
    plan = plan_lines({"s": table(jobs=30, figures=30)}, SETTINGS, 0)
    assert set(plan.lines["line"]) == {"line-jobs", "line-figures"}


def test_one_name_in_two_studies_is_two_lines():
    plan = plan_lines({"s": table(a=30), "t": table(a=30, b=30)}, SETTINGS, 0)
    assert list(plan.lines["line"]) == ["s-a", "t-a", "b"]


def test_without_lines_a_study_is_one_and_cells_without_a_line_are_counted():
    obs = table(a=30)
    plan = plan_lines({"study1": obs.drop(columns="line")}, SETTINGS, 0)
    assert list(plan.lines["line"]) == ["study1"]
    obs.loc[obs.index[:5], "line"] = np.nan
    plan = plan_lines({"s": obs}, SETTINGS, 0)
    assert plan.lines.set_index("status").loc["unnamed", "n_cells"] == 5


def test_no_line_large_enough_is_an_error_that_tells_the_largest():
    with pytest.raises(UserError, match="the largest has 9"):
        plan_lines({"s": table(a=9, b=5)}, SETTINGS, 0)


@pytest.fixture
def study(tmp_path):
    random = np.random.default_rng(0)
    obs = table(a=40, b=40, few=3)
    obs["cell_type"] = random.choice(["x", "y"], len(obs))
    genes = pd.Index([f"g{at}" for at in range(25)], dtype=object)
    factor = np.exp(random.normal(size=(len(obs), 1)) * (np.arange(25) < 8))
    drawn = random.poisson(2 * factor).astype(np.float32)
    drawn[:, 24] = 0
    counts = sparse.csr_matrix(drawn)
    obs["n_counts"] = np.asarray(counts.sum(1)).ravel()
    path = tmp_path / "counts.h5ad"
    with CountsWriter(path, 25) as writer:
        writer.append(counts)
        writer.finish(obs, pd.DataFrame(index=genes))
    return path, obs, list(genes)


TINY = {
    "n_hidden": (8, 4), "n_latent": 3, "n_steps": (0, 0, 10), "batch_size": 32, "validate_every": 5,
    "n_neighbors": 3, "density": 0.05, "attribution_cells": 10, "labels": "cell_type",
}  # fmt: skip


def test_a_job_writes_its_lines(tmp_path, study):
    path, obs, genes = study
    plan = plan_lines({"s": obs}, LineSettings(bin_cells=20, min_cells=10, models_per_job=16, thinnings=1), 0)
    cells = job_cells(plan.lines, plan.cells, "job-0")
    train_job(cells, {"s": path}, genes, tmp_path / "job", TINY, 0, checkpoint=tmp_path / "saved")
    assert sorted(item.name for item in (tmp_path / "job").iterdir()) == ["a", "b", "weights.safetensors"]
    model = load(tmp_path / "job" / "weights.safetensors")["a", "0"]
    subset = cells.query("line == 'a' and bin == '0'")["cell"]
    counts = sparse.csr_matrix(anndata.read_h5ad(path)[subset.to_numpy()].X)
    embedded = model.embed(model.scale(counts, obs.loc[subset, "n_counts"].to_numpy()))[0]
    written = anndata.read_h5ad(tmp_path / "job" / "a" / "cells.h5ad")
    np.testing.assert_allclose(embedded, written[subset.to_numpy()].obsm["sivae"], atol=1e-4)
    line = tmp_path / "job" / "a"
    table_ = files.read_tsv(line / "genes.tsv.gz", dtype={"bin": str})
    assert list(table_) == ["bin", "model", "gene", "centrality", "centrality_heldout", "mean", "detection"]
    assert len(table_) == 2 * 5 * 25 and list(table_["bin"].unique()) == ["0", "1"]
    constant = table_[table_["gene"] == "g24"]
    assert constant["centrality"].isna().all() and (constant["detection"] == 0).all()
    embedding = anndata.read_h5ad(line / "embedding.h5ad")
    assert list(embedding.obs_names) == genes and list(embedding.uns["bins"]) == ["0", "1"]
    assert set(embedding.obsm) == {"bin-0", "bin-1", "sd-0", "sd-1", "pca-0", "pca-1"}
    for name in ("graph", "graph_pca", "graph_pearson", "graph_proportionality"):
        graph = files.read_csr(line / f"{name}.npz")
        assert graph.shape == (50, 25) and graph.dtype == bool
        assert graph[:25].nnz == graph[25:].nnz == 2 * round(0.05 * 300)
        assert graph[24].nnz == 0  # a constant gene
    without = ["pearson", "corrected", "proportionality"]
    engines = table_[(table_["bin"] == "0") & table_["model"].isin(without)]
    assert engines["centrality_heldout"].isna().all()
    assert files.read_csr(line / "graph_corrected.npz").shape == (50, 25)
    scores = anndata.read_h5ad(line / "cells.h5ad")
    assert scores.obsm["sivae"].shape == (40, 3) and set(scores.obs_names) <= set(obs.index)
    models = files.read_tsv(line / "models.tsv", dtype={"bin": str})
    assert list(models["n_train"]) == [16, 16] or models["n_train"].between(15, 18).all()
    assert {"test_mse", "null_mse", "pca_mse", "collapsed"} <= set(models)
    assert len(files.read_tsv(line / "attributions.tsv")) == 2 * 3
    collected = collect_tables({"a": line, "b": tmp_path / "job" / "b"}, ["models.tsv", "training.tsv"])
    assert list(collected["models.tsv"]["line"]) == ["a", "a", "b", "b"]
    assert list(collected["training.tsv"])[:2] == ["line", "bin"]
    for name, part in collected.items():
        files.write_tsv(part, tmp_path / name)
    files.write_tsv(plan.lines, tmp_path / "lines.tsv")
    drawn = [tmp_path / f"{name}.png" for name in ("training", "models", "embeddings")]
    tables = (tmp_path / name for name in ("lines.tsv", "models.tsv", "training.tsv"))
    shown = {"show_lines": [], "highlight": {"first": ["g0", "g1", "absent"]}}
    draw_lines(*tables, {"a": line, "b": tmp_path / "job" / "b"}, drawn, shown, ["png"])
    assert all(path.stat().st_size > 5000 for path in drawn)


def test_every_bin_has_a_cell_held_out():
    random = np.random.default_rng(0)
    counts = sparse.csr_matrix(random.poisson(1.0, (5, 4)).astype(np.float32))
    obs = pd.DataFrame({"kind": list("abcde")}, index=list("vwxyz"))
    for share, kind in ((0.1, None), (0.2, "kind")):
        settings = ValueSettings(held_out=share, labels=kind)
        result = prepare_bin("l", "0", counts.log1p(), counts, obs, settings, 0)
        assert result.bin.test.sum() == 1
    none = prepare_bin("l", "0", counts.log1p(), counts, obs, ValueSettings(held_out=0.0), 0)
    assert not none.bin.test.any()


def test_counts_are_needed_for_counts(study):
    path, obs, genes = study
    cells = pd.DataFrame({"line": "a", "bin": "0", "study": "s", "cell": obs.index[:30]})
    settings = ValueSettings(likelihood="nb")
    with pytest.raises(UserError, match="log values"):
        read_bins(cells, {"s": path}, genes, settings, 0, logged=["s"])
    result = read_bins(cells, {"s": path}, genes, ValueSettings(), 0, logged=["s"])
    subset = np.log1p(sparse.csr_matrix(anndata.read_h5ad(path).X)[:30].toarray())
    np.testing.assert_allclose(result[0].mean, subset.mean(0), rtol=1e-5)  # no scaling by depth


def test_the_table_of_lines_tells_the_jobs(tmp_path):
    plan = plan_lines({"s": table(a=60, few=4, b=45)}, SETTINGS, 0)
    files.write_tsv(plan.lines, tmp_path / "lines.tsv")
    assert jobs_of_lines(tmp_path / "lines.tsv") == {"a": "job-0", "b": "job-1"}


def test_variable_genes_are_those_overall_and_of_each_line(study):
    path, obs, genes = study
    cells = pd.DataFrame({"line": obs["line"].to_numpy(), "study": "s", "cell": obs.index})
    result = variable_genes(genes, {"s": path}, cells, n_genes=8, n_per_line=0)
    assert sum(int(name[1:]) < 8 for name in result) >= 7 and len(result) == 8
    assert len(variable_genes(genes, {"s": path}, cells, n_genes=8, n_per_line=12)) >= 12


def test_labels_that_are_regressed_out_are_strata_of_the_counts():
    obs = pd.DataFrame({"batch": ["x", "y", "x", "y"], "sex": list("ffmm"), "age": [1.0, 2.0, 3.0, 4.0]})
    totals = np.array([5, 6, 7, 8])
    counts = sparse.csr_matrix(np.ones((4, 2), np.float32))
    assert CellCounts.of(counts, totals, obs, ["batch", "age"]).strata.tolist() == [0, 1, 0, 1]
    assert len(set(CellCounts.of(counts, totals, obs, ["batch", "sex"]).strata)) == 4
    none = CellCounts.of(counts, totals, obs, ["age"])
    assert none.strata.tolist() == [0] * 4 and none.totals.tolist() == [5, 6, 7, 8]


def test_halves_and_further_thinnings_have_fewer_steps(tmp_path, study):
    path, obs, genes = study
    plan = plan_lines({"s": obs}, LineSettings(bin_cells=40, min_cells=10, thinnings=2), 0)
    cells = job_cells(plan.lines, plan.cells, "job-0")
    settings = TINY | {"patience": 0, "n_steps": [0, 0, 30], "extra_steps": 0.2}
    train_job(cells, {"s": path}, genes, tmp_path / "job", settings, 0, checkpoint=tmp_path / "saved")
    weights = load(tmp_path / "job" / "weights.safetensors")
    whole = cells[~cells["bin"].map(is_extra)]
    assert set(weights) == set(zip(whole["line"], whole["bin"], strict=True))
    models = files.read_tsv(tmp_path / "job" / "a" / "models.tsv", dtype={"bin": str}).set_index("bin")
    assert list(models.index) == list(dict.fromkeys(cells.loc[cells["line"] == "a", "bin"]))
    assert {"0", "0-copy-1", "half-a", "half-b"} == set(models.index)
    assert models["steps"].to_dict() == {"0": 30, "0-copy-1": 6, "half-a": 6, "half-b": 6}
    # models of whole bins do not depend on the others
    train_job(whole, {"s": path}, genes, tmp_path / "alone", settings, 0)
    alone = files.read_tsv(tmp_path / "alone" / "a" / "genes.tsv.gz", dtype={"bin": str})
    table = files.read_tsv(tmp_path / "job" / "a" / "genes.tsv.gz", dtype={"bin": str})
    together = table[table["bin"] == "0"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, together)
