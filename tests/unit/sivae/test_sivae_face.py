"""SIVAE on AnnData and h5ad files: the stage's weights, embeddings, expected expression, files."""

import json
from functools import partial

import anndata
import model_files
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sivae_cases import QUICK

from panscape.data.counts import CountsWriter
from panscape.errors import UserError
from panscape.sivae.lines import LineSettings, plan_lines
from panscape.sivae.model import SIVAE
from panscape.sivae.network import network
from panscape.sivae.stage import train_job
from panscape.training.weights import read_weights

GENES = [f"g{at}" for at in range(24)]


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(0)
    rate = 2 * np.exp(random.normal(size=(70, 1)) * (np.arange(24) < 8))
    drawn = random.poisson(rate).astype(np.float32)
    drawn[:, 23] = 0
    obs = pd.DataFrame({"sex": ["f", "m"] * 35}, index=[f"c{at}" for at in range(70)])
    return anndata.AnnData(sparse.csr_matrix(drawn), obs=obs, var=pd.DataFrame(index=GENES))


@pytest.fixture(scope="module")
def fitted(table):
    return SIVAE(QUICK, seed=3).fit(table)


@pytest.mark.parametrize("likelihood", ["gaussian", "nb"])
def test_weights_are_those_of_the_stage(tmp_path, table, likelihood):
    obs = table.obs.assign(n_counts=np.asarray(table.X.sum(axis=1)).ravel())
    with CountsWriter(tmp_path / "counts.h5ad", table.n_vars) as writer:
        writer.append(table.X)
        writer.finish(obs, table.var)
    plan = plan_lines({"s": obs}, LineSettings(min_cells=10, halves=False, thinnings=1), 3)
    settings = {**QUICK, "likelihood": likelihood}
    cells = plan.cells
    train_job(cells, {"s": tmp_path / "counts.h5ad"}, GENES[:20], tmp_path / "job", settings, 3)
    model = SIVAE(settings, seed=3).fit(table[cells["cell"]], genes=GENES[:20], line="s")
    model.save(tmp_path / "face")
    stage, _ = read_weights(tmp_path / "job" / "weights.safetensors")
    face, _ = read_weights(tmp_path / "face")
    assert set(stage) < set(face)
    for name, tensor in stage.items():
        np.testing.assert_array_equal(tensor.numpy(), face[name].numpy(), err_msg=name)
    read = SIVAE.load(tmp_path / "job" / "weights.safetensors")
    np.testing.assert_array_equal(read.gene_embedding, model.gene_embedding)
    np.testing.assert_allclose(read.embed(table[cells["cell"]]), model.embed(), atol=1e-5)
    with pytest.raises(UserError, match="no centralities"):
        _ = read.gene_centrality


def test_a_model_of_several_in_a_job(tmp_path, table):
    obs = table.obs.assign(
        n_counts=np.asarray(table.X.sum(axis=1)).ravel(),
        line=["a"] * 40 + ["b"] * 30,
        batch=["x", "y", "z"] * 13 + ["x"] + ["x", "y"] * 15,
    )
    with CountsWriter(tmp_path / "counts.h5ad", table.n_vars) as writer:
        writer.append(table.X)
        writer.finish(obs, table.var)
    plan = plan_lines({"s": obs}, LineSettings(min_cells=10, halves=False, thinnings=1), 3)
    settings = {**QUICK, "covariates": ["batch"]}
    train_job(plan.cells, {"s": tmp_path / "counts.h5ad"}, GENES, tmp_path / "job", settings, 3)
    path = tmp_path / "job" / "weights.safetensors"
    read = SIVAE.load(path, line="b")
    cells = plan.cells.query("line == 'b'")["cell"]
    known = pd.get_dummies(obs.loc[cells, "batch"]).to_numpy(dtype=float)
    written = anndata.read_h5ad(tmp_path / "job" / "b" / "cells.h5ad")[cells.to_numpy()]
    whole = table.copy()
    whole.obs["n_counts"] = obs["n_counts"]
    np.testing.assert_allclose(read.embed(whole[cells], covariates=known), written.obsm["sivae"], atol=1e-4)
    read.save(tmp_path / "one")
    again = SIVAE.load(tmp_path / "one", line="b")
    np.testing.assert_array_equal(
        again.embed(whole[cells], covariates=known), read.embed(whole[cells], covariates=known)
    )
    with pytest.raises(UserError, match="there are: a/0, b/0"):
        SIVAE.load(path)


def test_saved_models_and_files_give_the_same(tmp_path, table, fitted):
    fitted.save(tmp_path / "model.safetensors")
    table.write_h5ad(tmp_path / "cells.h5ad")
    read = SIVAE.load(tmp_path / "model.safetensors")
    assert (read.settings, read.seed, read.genes) == (fitted.settings, 3, tuple(GENES))
    scores = read.embed(tmp_path / "cells.h5ad")
    np.testing.assert_allclose(scores, fitted.embed(), atol=1e-5)
    np.testing.assert_allclose(read.predict(table), fitted.predict(), atol=1e-4)
    np.testing.assert_array_equal(read.gene_embedding, fitted.gene_embedding)
    np.testing.assert_array_equal(read.gene_centrality, fitted.gene_centrality)
    shuffled = table[:, GENES[::-1]].copy()
    shuffled.layers["counts"], shuffled.X = shuffled.X, None
    np.testing.assert_allclose(read.embed(shuffled, layer="counts"), scores, atol=1e-5)
    again = SIVAE(QUICK, seed=3).fit(tmp_path / "cells.h5ad")
    np.testing.assert_array_equal(again.embed(), fitted.embed())
    with pytest.raises(UserError, match="a loaded model does not keep its training cells"):
        read.embed()


def test_expected_expression_follows_the_planted_module(table, fitted):
    logs = fitted.predict()
    assert logs.shape == table.shape and np.isfinite(logs).all() and not logs[:, 23].any()
    observed = np.log1p(table.X.toarray())
    assert np.corrcoef(logs[:, :8].mean(1), observed[:, :8].mean(1))[0, 1] > 0.8
    scaled = fitted.predict(scaled=True)
    spread = fitted._model.scaling.spread[:23]
    np.testing.assert_allclose(
        scaled[:, :23] * spread, logs[:, :23] - fitted._model.scaling.centre[:23], atol=1e-4
    )
    counts = SIVAE(QUICK, likelihood="nb").fit(table)
    totals = np.asarray(table.X.sum(axis=1)).ravel()
    np.testing.assert_allclose(counts.predict().sum(axis=1), totals, rtol=1e-3)
    np.testing.assert_allclose(counts.predict(table), counts.predict(), rtol=1e-3, atol=1e-3)


def test_networks_and_centralities(fitted):
    graph = fitted.network(0.1)
    usable = np.arange(24) < 23
    expected = network(fitted.gene_embedding.to_numpy(), 0.1, "dot", usable)
    assert (graph != expected).nnz == 0 and graph.nnz == 2 * round(0.1 * 276) and graph[23].nnz == 0
    centrality = fitted.gene_centrality
    assert np.isnan(centrality["g23"]) and centrality[:8].mean() > centrality[8:23].mean()
    assert set(fitted.history["split"]) == {"train", "heldout"}


def test_highly_variable_genes_are_taken(table):
    marked = table.copy()
    marked.var["highly_variable"] = np.arange(24) < 10
    assert SIVAE(QUICK).fit(marked).genes == tuple(GENES[:10])


def test_comparison_models_have_a_gene_embedding_and_covariates_reach_the_model(tmp_path, table):
    model = SIVAE(QUICK, model="vae", covariates=["sex"]).fit(table)
    model.save(tmp_path / "vae")
    read = SIVAE.load(tmp_path / "vae")
    np.testing.assert_array_equal(read.gene_embedding, model.gene_embedding)
    known = pd.get_dummies(table.obs["sex"]).to_numpy(dtype=float)
    np.testing.assert_allclose(read.embed(table, covariates=known), model.embed(), atol=1e-5)
    np.testing.assert_allclose(read.predict(table, covariates=known), model.predict(), atol=1e-4)


def test_problems_are_reported(tmp_path, table, fitted):
    with pytest.raises(UserError, match="did you mean 'gamma'"):
        SIVAE(gama=1)
    with pytest.raises(UserError, match=r"sivae\.bin_cells: has no effect on a single model"):
        SIVAE(bin_cells=100)
    with pytest.raises(UserError, match="not fitted"):
        SIVAE().embed()
    with pytest.raises(UserError, match="1 of the 2 genes are missing"):
        SIVAE(QUICK).fit(table, genes=["g1", "no"])
    with pytest.raises(UserError, match="there is no file"):
        SIVAE(QUICK).fit(tmp_path / "absent.h5ad")
    with pytest.raises(UserError, match="is ndarray"):
        SIVAE(QUICK).fit(np.zeros((3, 3)))
    with pytest.raises(UserError, match="no layer 'raw'"):
        fitted.embed(table, layer="raw")
    with pytest.raises(UserError, match="not counts"):
        fitted.embed(
            anndata.AnnData(table.X + sparse.csr_matrix(np.full(table.shape, 0.5)), table.obs, table.var)
        )
    with pytest.raises(UserError, match="effects of sex"):
        SIVAE(QUICK, regress=["sex"]).fit(table).embed(table)


def test_changed_models_are_refused(tmp_path, fitted, caplog):
    path = tmp_path / "model"
    meta, name, nan = model_files.saved(fitted, path)
    refused = partial(model_files.refused, fitted, path)
    refused("has been changed", genes=GENES[::-1])
    refused("has been changed", tensors=nan)
    refused(f"values of {name} are not finite", tensors=nan, sealed=False)
    refused("has a model of COEM, not of siVAE", header={"kind": "COEM"})
    refused("unknown version: format 2, this version of panscape reads 1 to 1", format=2, sealed=False)
    refused("names twice", genes=[*GENES[:-1], GENES[0]], sealed=False)
    refused("centre.0 is not one number per gene", genes=GENES[:-1], sealed=False)
    refused(
        "not those of 2 models", models=[*meta["models"], meta["models"][0] | {"line": "x"}], sealed=False
    )
    for place in model_files.entries(meta):
        if place[0] in ("format", "genes", "features") or place in (("models",), ("models", 0, "line")):
            cut = {"meta": json.dumps(model_files.without(meta, *place))}
            refused("has no complete models", header=cut, sealed=False)
    fitted.save(path)
    model_files.rewrite(path, sealed=False)
    caplog.clear()
    SIVAE.load(path)
    assert "is of an earlier version and cannot be verified" in caplog.text
