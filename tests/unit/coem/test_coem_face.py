"""COEM on MuData, AnnData and h5mu files: the stage's embedding, denoised counts, metacells, files."""

import json
from functools import partial

import anndata
import model_files
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.coem.embed import embed
from panscape.coem.metacells.learned import Learned
from panscape.coem.metacells.stage import group_sample
from panscape.coem.model import COEM
from panscape.coem.paired import Paired
from panscape.data.h5mu import write_h5mu
from panscape.errors import UserError
from panscape.training.weights import read_weights, write_weights

TINY = {"n_epochs": 3, "min_steps": 1, "batch_size": 64, "n_latent": 6, "n_hidden": 16, "n_projection": 6}


@pytest.fixture(scope="module")
def tables(cells):
    names = [f"c{at}" for at in range(len(cells.kind))]
    obs = pd.DataFrame({"lane": np.where(cells.kind == 0, "x", "y"), "type": cells.kind.astype(str)}, names)
    genes, peaks = ([f"{letter}{at}" for at in range(n)] for letter, n in (("g", 150), ("p", 260)))
    return {
        "rna": anndata.AnnData(cells.rna, obs=obs, var=pd.DataFrame(index=genes)),
        "atac": anndata.AnnData(cells.atac, obs=obs[[]], var=pd.DataFrame(index=peaks)),
    }


@pytest.fixture(scope="module")
def pair(tables):
    return tables["rna"], tables["atac"]


@pytest.fixture(scope="module")
def fitted(pair):
    return COEM(TINY, seed=2).fit(pair)


def test_the_embedding_is_that_of_the_stage(cells, pair, fitted):
    stage = embed(cells.rna, cells.atac, settings=TINY, seed=2)
    np.testing.assert_array_equal(fitted.embed(), stage.joint)
    assert fitted.info == stage.info and len(fitted.history) == len(stage.history)
    lanes = pair[0].obs["lane"].to_numpy()
    stage = embed(cells.rna, cells.atac, batch=lanes, settings=TINY, seed=2)
    np.testing.assert_array_equal(COEM(TINY, batch_key="lane", seed=2).fit(pair).embed(), stage.joint)


def test_every_kind_of_input_gives_the_same(tmp_path, cells, tables, pair, fitted):
    mudata = pytest.importorskip("mudata")
    write_h5mu(tmp_path / "cells.h5mu", tables, tables["rna"].obs)
    for name, table in tables.items():
        table.write_h5ad(tmp_path / f"{name}.h5ad")
    inputs = {
        "h5mu": tmp_path / "cells.h5mu",
        "MuData": mudata.MuData(dict(tables)),
        "h5ad": (str(tmp_path / "rna.h5ad"), tmp_path / "atac.h5ad"),
        "CSR": (cells.rna, cells.atac),
    }
    for name, data in inputs.items():
        model = COEM(TINY, seed=2).fit(data)
        np.testing.assert_array_equal(model.embed(), fitted.embed(), err_msg=name)
        np.testing.assert_allclose(fitted.embed(data), fitted.embed(), atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_key": "lane"},
        {"condition_on": "type", "atac_likelihood": "nb"},
        {"encoder": "scmvp", "decoder": "scmvp", "rna_likelihood": "zinb", "atac_likelihood": "zip"},
        {"decoder": "mlp", "metric": "plain", "prior": "normal"},
    ],
)
def test_saved_models_give_the_same(tmp_path, pair, changes):
    model = COEM(TINY, seed=2, **changes).fit(pair)
    model.save(tmp_path / "model.safetensors")
    read = COEM.load(tmp_path / "model.safetensors")
    assert (read.settings, read.seed, read.info) == (model.settings, 2, model.info)
    assert (read.batch_key, read.condition_on) == (model.batch_key, model.condition_on)
    np.testing.assert_allclose(read.embed(pair), model.embed(), atol=1e-4)
    shuffled = tuple(table[:, table.var_names[::-1]] for table in pair)
    for name in ("rna", "atac"):
        assert read.features(name) == model.features(name)
        expected = model.predict(name)
        np.testing.assert_allclose(read.predict(name, shuffled), expected, rtol=1e-3, atol=1e-4)
    read.save(tmp_path / "again")
    for (name, one), (_, two) in zip(
        read_weights(tmp_path / "model.safetensors")[0].items(),
        read_weights(tmp_path / "again")[0].items(),
        strict=True,
    ):
        np.testing.assert_array_equal(one.numpy(), two.numpy(), err_msg=name)
    with pytest.raises(UserError, match="does not keep its training cells"):
        read.embed()


def test_denoised_counts_are_nearer_to_the_rates_than_counts(cells, pair, fitted):
    means = np.stack([cells.rna[cells.kind == kind].mean(axis=0).A1 for kind in range(3)])[cells.kind]
    columns = [int(name[1:]) for name in fitted.features("rna")]
    denoised = fitted.predict("rna")
    assert denoised.shape == (len(cells.kind), len(columns)) and (denoised >= 0).all()
    raw = cells.rna[:, columns].toarray()
    np.testing.assert_allclose(denoised.sum(axis=1), raw.sum(axis=1), rtol=1e-3)
    assert np.square(denoised - means[:, columns]).mean() < np.square(raw - means[:, columns]).mean()


def test_a_modality_is_predicted_from_the_other(cells, pair, fitted):
    alone = fitted.predict("atac", (pair[0], None))
    assert np.isfinite(alone).all()
    median = np.median(cells.atac[:, [int(n[1:]) for n in fitted.features("atac")]].sum(axis=1).A1)
    np.testing.assert_allclose(alone.sum(axis=1), median, rtol=1e-3)
    types = [alone[cells.kind == kind].mean(axis=0) for kind in (0, 2)]  # RNA tells 0 from 2
    assert np.abs(np.log(types[0] / types[1])).max() > 0.1


def test_open_or_not_is_predicted_as_probabilities(cells):
    binary = cells.atac.copy()
    binary.data[:] = 1
    model = COEM(TINY).fit((None, binary))
    assert model.info["likelihoods"] == {"atac": "bernoulli"}
    chances = model.predict("atac")
    assert ((chances >= 0) & (chances <= 1)).all()
    opened = binary[:, [int(name) for name in model.features("atac")]].sum(axis=1).A1
    np.testing.assert_allclose(chances.sum(axis=1), opened, rtol=0.02)
    with pytest.raises(UserError, match="the model has no 'rna'"):
        model.predict("rna")


def test_metacells_are_those_of_the_stage(cells, pair, fitted):
    sample = Paired(pair[0].obs, cells.rna, cells.atac, None, None)
    settings = {"embedding": "coem", "k": 9, "size_sweep": [], "compare": [], "n_components": 5}
    stage = group_sample(sample, settings, learned=Learned(fitted.embed().astype(float)), seed=2)
    groups = fitted.metacells(k=9)
    assert list(groups.index) == list(pair[0].obs_names)
    np.testing.assert_array_equal(groups, stage.methods["coem"])
    assert fitted.metacells(cells_per_metacell=60).nunique() == 6


def test_problems_are_reported(tmp_path, cells, pair, fitted):
    with pytest.raises(UserError, match="did you mean 'n_latent'"):
        COEM(n_latnet=3)
    with pytest.raises(UserError, match="not fitted"):
        COEM().embed()
    with pytest.raises(UserError, match="no column 'plate'"):
        COEM(TINY, batch_key="plate").fit(pair)
    with pytest.raises(UserError, match="cells differ between the modalities"):
        COEM(TINY).fit((pair[0], pair[1][::-1]))
    with pytest.raises(UserError, match="neither RNA nor accessibility"):
        COEM(TINY).fit((None, None))
    with pytest.raises(UserError, match="is int"):
        COEM(TINY).fit(3)
    with pytest.raises(UserError, match="there is no file"):
        COEM(TINY).fit(tmp_path / "absent.h5mu")
    with pytest.raises(UserError, match="not counts"):
        COEM(TINY).fit((cells.rna * 0.5, None))
    with pytest.raises(UserError, match="modelled features are missing"):
        fitted.embed((pair[0][:, :100], None))
    with pytest.raises(UserError, match="100 features, the model was fitted on 150"):
        fitted.embed((cells.rna[:, :100], None))
    with pytest.raises(UserError, match="1 cells have no count"):
        fitted.embed((sparse.vstack([cells.rna[:3], sparse.csr_matrix((1, 150))]).tocsr(), None))
    model = COEM(TINY, batch_key="lane").fit(pair)
    other = pair[0].copy()
    other.obs["lane"] = "z"
    with pytest.raises(UserError, match="'z' was not in training"):
        model.embed((other, pair[1]))
    write_weights(tmp_path / "other", {}, {"format": 1})
    for name in ("other", "absent"):
        with pytest.raises(UserError, match="not a complete COEM model"):
            COEM.load(tmp_path / name)


def test_the_old_name_of_the_batch_column_is_taken(caplog):
    assert COEM({"batch": "lane"}).batch_key == "lane"
    assert "coem.batch is now batch_key" in caplog.text


def test_changed_models_are_refused(tmp_path, fitted, caplog):
    path = tmp_path / "model"
    meta, name, nan = model_files.saved(fitted, path)
    refused = partial(model_files.refused, fitted, path)
    turned = {name: names[::-1] for name, names in meta["features"].items()}
    refused("has been changed", features=turned)
    refused("has been changed", tensors=nan)
    refused(f"values of {name} are not finite", tensors=nan, sealed=False)
    refused("has a model of UniCoord, not of COEM", header={"kind": "UniCoord"})
    refused("unknown version: format 2, this version of panscape reads 1 to 1", format=2, sealed=False)
    for place in model_files.entries(meta):
        if len(place) == 1 or place[0] in ("modalities", "features"):
            cut = {"meta": json.dumps(model_files.without(meta, *place))}
            refused("not a complete COEM model", header=cut, sealed=False)
    fitted.save(path)
    model_files.rewrite(path, sealed=False)
    caplog.clear()
    COEM.load(path)
    assert "is of an earlier version and cannot be verified" in caplog.text
