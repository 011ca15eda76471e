"""Limits that the cells of a study decide."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.preprocess.limits import lower_limit
from panscape.preprocess.qc import qc
from panscape.preprocess.settings import QcSettings
from panscape.simulate.design import design
from panscape.simulate.draw import study as simulate_study
from panscape.simulate.settings import from_config


def spread(rng, n, middle, sd):
    return np.round(np.exp(rng.normal(np.log(middle), sd, n)))


def test_three_deviations_below_the_median_of_logs():
    values = spread(np.random.default_rng(0), 20_000, 2000, 0.3)
    assert lower_limit(values) == pytest.approx(2000 * np.exp(-0.9), rel=0.03)
    assert (values < lower_limit(values)).mean() < 0.003


def test_shallow_cells_are_kept():
    values = spread(np.random.default_rng(0), 5000, 48, 0.55)
    assert (values < lower_limit(values)).mean() < 0.005


def test_cells_that_are_all_alike_lose_none():
    values = np.r_[
        np.full(1000, 140), np.arange(100, 140)
    ]  # a panel of which every cell shows nearly all genes
    assert lower_limit(values) == 70


@pytest.mark.parametrize(("droplets", "depth"), [(20_000, 20), (200_000, 10)])
def test_empty_droplets_do_not_hide_the_cells(droplets, depth):
    rng = np.random.default_rng(1)
    cells, empty = spread(rng, 3000, 1500, 0.4), rng.poisson(spread(rng, droplets, depth, 0.7))
    limit = lower_limit(np.r_[cells, empty])
    assert empty.max() < limit and (cells < limit).mean() < 0.005


def test_debris_is_removed_and_good_cells_are_not():
    config = {
        "studies": [{"name": "one", "cells": 1500, "ages": [8, 14], "depth": 1000, "platform": "droplet"}],
        "n_genes": 1000,
        "low_quality": 0.1,
    }
    drawn = simulate_study(design(from_config(config), 0), "one")
    genes = np.concatenate([np.diff(block.indptr) for _, block in drawn.blocks()])
    quality = drawn.obs["quality"].astype(str).to_numpy()
    lost = genes < lower_limit(genes)
    assert lost[quality == "debris"].mean() > 0.95 and lost[quality == "good"].mean() < 0.005


def test_numbers_without_cells_and_without_counts():
    assert lower_limit(np.array([])) == lower_limit(np.zeros(5)) == 0
    assert lower_limit(np.array([0, 0, 8])) == 4  # a cell without counts always goes
    assert isinstance(lower_limit(np.array([3, 4, 5])), int)


def test_the_order_of_cells_does_not_matter():
    values = spread(np.random.default_rng(2), 999, 300, 0.5)
    assert lower_limit(values) == lower_limit(values[::-1]) == lower_limit(np.sort(values))


def study(tmp_path, **limits):
    rng = np.random.default_rng(3)
    matrix = sparse.csr_matrix(rng.poisson(rng.gamma(4, 0.2, (400, 1)), (400, 60)).astype(np.float32))
    obs = pd.DataFrame(index=[f"c{at}" for at in range(400)])
    genes = pd.Index([f"G{at}" for at in range(60)])
    keep = np.arange(400) < 300
    blocks = ((slice(at, at + 50), matrix[at : at + 50].copy()) for at in range(0, 400, 50))
    settings = QcSettings(max_mito=1, **limits)
    path = tmp_path / "c.h5ad"
    result = qc(blocks, obs, genes, path, settings, study="s", keep=keep)
    return result, anndata.read_h5ad(path), np.diff(matrix.indptr), np.asarray(matrix.sum(axis=1)).ravel()


def test_auto_is_the_limit_of_the_cells_that_keep_chose(tmp_path):
    result, written, genes, counts = study(tmp_path, min_genes="auto", min_counts="auto")
    limits = {"min_genes": lower_limit(genes[:300]), "min_counts": lower_limit(counts[:300])}
    assert result.auto == ("min_counts", "min_genes")
    assert {name: getattr(result.settings, name) for name in limits} == limits
    again, same, *_ = study(tmp_path, **limits)
    assert again.auto == () and (written.X != same.X).nnz == 0 and written.obs.equals(same.obs)
    pd.testing.assert_frame_equal(result.genes, again.genes)
    assert result.table["chosen"].tolist() == ["", "", "auto", "auto", "given", "given", "given"]
    assert result.table["removed"].tolist() == again.table["removed"].tolist()
    assert 0 < result.table["removed"].iloc[2:4].sum() < 30
    row = result.table.set_index("filter").loc["min_genes"]
    assert float(row["median"]) == np.median(genes[:300])
    assert int(row["usual"]) == np.floor(np.quantile(genes[:300], 0.05))


def test_a_matrix_of_mostly_empty_droplets_is_doubted(tmp_path, caplog):
    rng = np.random.default_rng(4)
    depth = np.r_[np.full(100, 12.0), rng.gamma(20, 0.025, 4000)]
    matrix = sparse.csr_matrix(rng.poisson(depth[:, None] / 8, (4100, 400)).astype(np.float32))
    obs = pd.DataFrame(index=[f"c{at}" for at in range(4100)])
    blocks = [(slice(0, 4100), matrix)]
    genes = pd.Index([f"G{at}" for at in range(400)])
    with caplog.at_level("WARNING", logger="panscape"):
        qc(blocks, obs, genes, tmp_path / "c.h5ad", QcSettings(max_mito=1), study="raw")
    assert "raw: most cells have less than a tenth of the genes of the largest cells" in caplog.text


@pytest.mark.parametrize(
    "limits", [{"min_genes": "some"}, {"max_mito": "auto"}, {"min_cells_per_gene": "auto"}]
)
def test_other_words_are_refused(limits):
    with pytest.raises((ValueError, TypeError)):
        QcSettings(**limits)
