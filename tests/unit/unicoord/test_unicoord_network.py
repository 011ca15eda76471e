"""Gene networks under a reconfiguration."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from unicoord_cells import QUICK

from panscape.unicoord.network import cells_there, correlations, matched, network_change
from panscape.unicoord.train import train

LABELS = [{"name": "cell_type", "kind": "discrete"}, {"name": "time", "kind": "continuous"}]
PLANTED = [f"G{number}" for number in range(10)]


@pytest.fixture(scope="module")
def cells():
    """Ten genes increase with time in one of two types only, so they are correlated late but not early."""
    rng = np.random.default_rng(0)
    kind, time = rng.integers(2, size=3000), rng.random(3000)
    log = np.tile(rng.normal(0.5, 0.5, 60), (3000, 1))
    log[:, :10] += 2.0 * (time * (kind == 0))[:, None]
    log[kind == 1, 20:30] += 1.5
    counts = rng.poisson(np.exp(log)).astype(np.float32)
    obs = pd.DataFrame(
        {"cell_type": [f"T{at}" for at in kind], "time": time}, index=[f"c{at}" for at in range(3000)]
    )
    var = pd.DataFrame(index=[f"G{at}" for at in range(60)])
    return anndata.AnnData(sparse.csr_matrix(counts), obs=obs, var=var)


@pytest.fixture(scope="module")
def model(cells):
    return train(cells, LABELS, QUICK | {"n_epochs": 10}, seed=1).model


def test_correlations_agree_with_numpy_and_constant_genes_have_none():
    x = np.random.default_rng(0).normal(size=(80, 7))
    x[:, 3] = 2.0
    varying = np.delete(np.arange(7), 3)
    matrix = correlations(x)
    assert np.allclose(matrix[np.ix_(varying, varying)], np.corrcoef(x[:, varying].T), atol=1e-12)
    assert not matrix[3].any()


def test_a_planted_change_is_predicted_and_confirmed_by_measured_cells(model, cells):
    scenario = {"name": "late", "set": {"time": 0.9}, "from": {"time": [0, 0.3]}}
    pairs, scores = network_change(model, model.cells(cells), scenario, cut=0.15)
    planted = pairs["gene_a"].isin(PLANTED) & pairs["gene_b"].isin(PLANTED)
    assert planted.sum() == 45
    assert (pairs.loc[planted, "change"] > 0.05).mean() > 0.9
    assert pairs.loc[planted, "there"].mean() > pairs.loc[planted, "before"].mean() + 0.2
    assert pairs["change"].abs().is_monotonic_decreasing
    value = scores.set_index("measure")["value"]
    assert value["r"] > 0.7 and value["r"] > 3 * value["r_null"]
    assert value["matched"] >= 200 and value["same_sign"] > 0.7 and value["pairs"] == len(pairs)
    assert value["r"] <= value["r_noise"] + 0.1


def test_setting_nothing_changes_nothing(model, cells):
    pairs, scores = network_change(model, model.cells(cells), {"name": "same", "set": {}}, cut=0.0)
    assert len(pairs) == 60 * 59 / 2 and np.abs(pairs["change"]).max() < 1e-5
    assert pairs["there"].isna().all() and set(scores["measure"]) == {"cells", "sd_change", "pairs"}


def test_too_few_cells_give_empty_tables(model, cells, caplog):
    scenario = {"name": "few", "set": {"time": 0.5}, "cells": 20}
    pairs, scores = network_change(model, model.cells(cells), scenario)
    assert pairs.empty and scores.empty and "20 cells are too few" in caplog.text
    assert list(pairs) == ["gene_a", "gene_b", "before", "after", "change", "there"]


def test_reference_cells_have_the_labels_as_set(model, cells):
    there = cells_there(model.layout, cells.obs, {"set": {"cell_type": "T1", "time": 0.5}})
    assert set(cells.obs.loc[there, "cell_type"]) == {"T1"}
    assert cells.obs.loc[there, "time"].between(0.449, 0.551).all() and there.sum() > 50
    for setting in ({"time": {"shift": 0.1}}, {"time": {"between": [0, 1, 0.5]}}, {}):
        assert cells_there(model.layout, cells.obs, {"set": setting}) is None


def test_matched_cells_have_the_same_classes_and_occur_once():
    obs = pd.DataFrame({"a": list("xxxyyyz") * 10, "b": ["p", "q"] * 35})
    source, there = np.arange(0, 35), np.arange(20, 70)
    kept, drawn = matched(obs, source, there, ["a", "b"], np.random.default_rng(0))
    assert len(kept) == len(drawn) == len(set(kept)) == len(set(drawn)) > 20
    assert (obs.loc[kept].to_numpy() == obs.loc[drawn].to_numpy()).all()
    assert not len(matched(obs, source[:0], there, ["a"], np.random.default_rng(0))[0])
