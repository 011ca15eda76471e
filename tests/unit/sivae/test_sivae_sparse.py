"""Inputs that stay sparse, against the same inputs as a dense array."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from anndata import AnnData
from scipy import sparse
from sivae_cases import quick, trained

from panscape.data.normalise import normalise
from panscape.errors import UserError
from panscape.sivae import network as networks
from panscape.sivae.baselines import pca, probabilistic_pca
from panscape.sivae.bins import Bin, gene_features
from panscape.sivae.model import SIVAE
from panscape.sivae.prepare import prepare_cells
from panscape.sivae.readout import read_models
from panscape.sivae.stack import stack_cells
from panscape.sivae.values import ValueSettings, prepare_bin, prepare_sparse
from panscape.training.state import digest

CPU = torch.device("cpu")


def drawn(cells=90, genes=40, seed=0, scale=1.0):
    random = np.random.default_rng(seed)
    rate = np.exp(random.normal(size=(cells, 3)) @ random.normal(size=(3, genes)) * 0.7 - 0.5) * scale
    counts = random.poisson(rate).astype(np.float32)
    counts[:, 5] = 0
    return sparse.csr_matrix(counts), counts.sum(axis=1) + random.integers(1, 9, cells)


def both(normalisation="depth-log1p", scale=1.0, **changes):
    """Return a bin with dense inputs and one with sparse inputs, of the same counts."""
    counts, totals = drawn(scale=scale)
    obs = pd.DataFrame({"age": np.arange(90.0)}, index=[f"c{at}" for at in range(90)])
    settings, target = ValueSettings(**changes), float(np.median(totals))
    log = normalise(counts, totals, normalisation, target=target)
    dense = prepare_bin("a", "0", log, counts, obs, settings, 3).scaled_by(normalisation, target)
    how = {"normalisation": normalisation, "target": target}
    return dense, prepare_sparse("a", "0", counts, totals, obs, settings, 3, **how)


@pytest.mark.parametrize(("normalisation", "scale"), [("log1p", 1), ("depth-log1p", 1), ("log1p", 30_000)])
def test_sparse_inputs_are_the_dense_ones(normalisation, scale):
    dense, stays = both(normalisation, scale)
    np.testing.assert_allclose(stays.bin.inputs[:], dense.bin.inputs, atol=2e-6)
    np.testing.assert_allclose(stays.bin.inputs[stays.bin.test], dense.bin.inputs[dense.bin.test], atol=2e-6)
    for name in ("mean", "detection"):
        np.testing.assert_allclose(getattr(stays, name), getattr(dense, name), atol=1e-6)
    np.testing.assert_allclose(stays.scaling.spread, dense.scaling.spread, rtol=1e-5)
    assert np.isinf(stays.scaling.spread[5]) and not stays.bin.inputs[:][:, 5].any()
    narrow = scale == 1
    assert (stays.bin.inputs.values.dtype == np.uint16) == narrow and stays.bin.inputs.columns.itemsize == 2


def test_a_stack_takes_the_same_cells_by_rows_and_by_slices():
    dense, stays = both(covariates=("age",))
    for test in (False, True):
        first, second = (stack_cells([item.bin], test, quick(), CPU) for item in (dense, stays))
        rows = np.array([[4, 0, 4, len(first.squares[0]) - 1]])
        for part in (rows, slice(2, 9)):
            one, other = first.take(part), second.take(part)
            for name in ("inputs", "values", "covariates", "library", "squares"):
                torch.testing.assert_close(getattr(one, name), getattr(other, name), atol=2e-5, rtol=1e-5)
            assert other.values is other.inputs


def test_large_counts_are_not_cut_to_16_bits():
    stays = both("log1p", 30_000)[1]
    taken = stack_cells([stays.bin], False, quick(), CPU).inputs[:, :]
    np.testing.assert_allclose(taken[0].numpy(), stays.bin.inputs[~stays.bin.test], atol=1e-5)


def test_counts_between_2_15_and_2_16_keep_their_sign():
    counts = sparse.csr_matrix(np.array([[40_000, 1], [65_535, 2], [3, 9]], np.float32))
    obs = pd.DataFrame(index=list("abc"))
    how = {"normalisation": "log1p", "target": 1.0}
    made = prepare_sparse("a", "0", counts, np.full(3, 70_000.0), obs, ValueSettings(held_out=0), 0, **how)
    assert made.bin.inputs.values.dtype == np.uint16
    taken = stack_cells([made.bin], False, quick(), CPU).inputs[:, :]
    np.testing.assert_allclose(taken[0].numpy(), made.bin.inputs[:], atol=1e-6)


def test_components_and_features_are_those_of_the_dense_cells():
    dense, stays = both()
    first, second = pca(dense.bin, 3), pca(stays.bin, 3)
    np.testing.assert_allclose(second.loadings, first.loadings, atol=1e-4)
    np.testing.assert_allclose(second.scores, first.scores, atol=1e-4)
    start, other = probabilistic_pca(dense.bin, 3), probabilistic_pca(stays.bin, 3)
    assert other.noise == pytest.approx(start.noise, rel=1e-4)
    settings = quick(feature_dim=30)
    genes, same = gene_features(dense.bin, settings, 0), gene_features(stays.bin, settings, 0)
    np.testing.assert_allclose(same @ same.T, genes @ genes.T, atol=2e-3 * np.abs(genes @ genes.T).max())
    drawn_genes = quick(feature_dim=12, feature_input="sample")
    np.testing.assert_allclose(
        gene_features(stays.bin, drawn_genes, 0), gene_features(dense.bin, drawn_genes, 0), atol=1e-5
    )


def test_either_form_answers_what_models_ask():
    dense, stays = (item.bin.scaled for item in both())
    assert dense.shape == stays.shape and len(dense) == len(stays)
    np.testing.assert_array_equal(stays.varying, dense.varying)
    assert stays.variance()[0] == dense.variance()[0]
    assert stays.variance()[1] == pytest.approx(dense.variance()[1], rel=1e-5)
    weights = np.random.default_rng(1).normal(size=(40, 2))
    np.testing.assert_allclose(stays.times(weights), dense.times(weights), atol=1e-4)
    products = [inputs.gene_scores(40) @ inputs.gene_scores(40).T for inputs in (dense, stays)]
    # the sparse form leaves out the root of the number of training cells
    count = int((~both()[0].bin.test).sum())
    np.testing.assert_allclose(products[1] * count, products[0], atol=2e-3 * np.abs(products[0]).max())


def test_a_digest_of_the_content_tells_other_cells():
    for item in both():
        seen = digest(*item.bin.scaled.content())
        assert seen == digest(*item.bin.scaled.content())
    assert digest(*both()[1].bin.scaled.content()) != digest(*both(held_out=0.5)[1].bin.scaled.content())


def test_a_model_of_sparse_inputs_is_that_of_the_dense_ones():
    # random cells as features: the leading axes of either kind differ by rotations within noise
    settings = quick(feature_input="sample", feature_dim=24)
    reads = []
    for item in both():
        reads.append(read_models(trained([item.bin], settings)[0])[0])
    np.testing.assert_allclose(reads[1].scores, reads[0].scores, atol=2e-3)
    np.testing.assert_allclose(reads[1].loadings, reads[0].loadings, atol=2e-3)
    np.testing.assert_allclose(reads[1].error["heldout"], reads[0].error["heldout"], atol=2e-3)


def test_models_of_unequal_numbers_of_cells_are_padded():
    stays = both()[1].bin
    fewer = Bin("a", "1", stays.inputs, stays.test | (np.arange(90) < 30))
    cells = stack_cells([stays, fewer], False, quick(), CPU)
    n = cells.count[1]
    assert cells.inputs.shape[:2] == (2, cells.count[0]) and n < cells.count[0]
    np.testing.assert_allclose(cells.inputs[:, :][1, :n].numpy(), stays.inputs[~fewer.test], atol=1e-6)
    assert torch.isfinite(cells.inputs[:, :]).all() and cells.mask.sum() == sum(cells.count)


@pytest.mark.parametrize("changes", [{"regress": ("age",)}, {"likelihood": "nb"}])
def test_many_cells_stay_sparse_unless_values_must_be_dense(monkeypatch, changes):
    monkeypatch.setattr("panscape.sivae.prepare.DENSE_VALUES", 10)
    counts, totals = drawn()
    obs = pd.DataFrame({"age": np.arange(90.0)}, index=[f"c{at}" for at in range(90)])
    names = {"line": "a", "name": "0", "normalisation": "log1p"}
    stays = prepare_cells(counts, totals, obs, ValueSettings(), 0, **names)
    assert not isinstance(stays.bin.inputs, np.ndarray)
    dense = prepare_cells(counts, totals, obs, ValueSettings(**changes), 0, **names)
    assert isinstance(dense.bin.inputs, np.ndarray)


@pytest.mark.parametrize("metric", ["dot", "cosine", "euclidean"])
@pytest.mark.parametrize("density", [0.001, 0.05, 1.0])
def test_network_in_blocks_is_the_network(monkeypatch, metric, density):
    # whole numbers: products are exact, and many pairs tie
    embedding = np.random.default_rng(1).integers(-3, 4, (70, 3)).astype(float)
    usable = np.arange(70) % 9 > 0
    whole = networks.network(embedding, density, metric, usable, 0.2)
    monkeypatch.setattr(networks, "WHOLE_GENES", 10)
    monkeypatch.setattr(networks, "BLOCK_PAIRS", 300)
    assert (networks.network(embedding, density, metric, usable, 0.2) != whole).nnz == 0
    assert (whole != whole.T).nnz == 0 and whole.nnz > 0


def test_a_model_of_a_table_of_many_cells_embeds_them_in_blocks(monkeypatch):
    counts, _ = drawn()
    table = AnnData(counts, pd.DataFrame({"age": np.arange(90.0)}, index=[f"c{at}" for at in range(90)]))
    settings = quick(feature_input="sample", feature_dim=24)
    whole = SIVAE(settings, seed=1, covariates=["age"]).fit(table)
    known = whole._expression.bin.known
    for name, value in (("prepare.DENSE_VALUES", 10), ("model.ROWS", 40), ("sparse_inputs.ROWS", 40)):
        monkeypatch.setattr(f"panscape.sivae.{name}", value)
    parts = SIVAE(settings, seed=1, covariates=["age"]).fit(table)
    assert not isinstance(parts._expression.bin.inputs, np.ndarray)
    np.testing.assert_allclose(parts.embed(), whole.embed(), atol=2e-3)
    np.testing.assert_allclose(parts.embed(table, covariates=known), parts.embed(), atol=1e-4)
    np.testing.assert_allclose(
        parts.predict(table, covariates=known), whole.predict(table, covariates=known), atol=5e-3
    )
    for wrong in (known[:-1], np.vstack([known, known])):
        with pytest.raises(ValueError, match="covariates"):
            parts.embed(table, covariates=wrong)


def test_training_of_sparse_inputs_resumes_from_its_checkpoint(tmp_path):
    stays, settings = both()[1].bin, quick()
    first = trained([stays], settings, checkpoint=tmp_path)[0]
    again = trained([stays], settings, checkpoint=tmp_path)[0]
    np.testing.assert_array_equal(read_models(again)[0].scores, read_models(first)[0].scores)


@pytest.mark.parametrize("cells", [0, 1])
def test_too_few_cells_are_named(cells):
    table = AnnData(sparse.csr_matrix((cells, 30), dtype=np.float32))
    with pytest.raises(UserError, match=f"{cells} cells"):
        SIVAE(n_steps=(0, 0, 1)).fit(table)
