"""Principal components against scikit-learn on dense matrices."""

import numpy as np
import pytest
from planted_types import draw, write
from scipy import sparse
from sklearn.decomposition import PCA

from panscape.coscape.panclust import source as source_module
from panscape.coscape.panclust.source import CellValues, PackedCounts
from panscape.data.counts import Counts
from panscape.stats import blockwise as module
from panscape.stats.blockwise import blockwise_scores


def scaled(counts, scaling):
    values = counts.astype(np.float64)
    if scaling == "l2":
        return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-300)
    if scaling != "log1p":
        totals = np.maximum(values.sum(axis=1), 1)
        values = values * (np.median(totals) / totals)[:, None]
    values = np.log1p(values)
    if scaling == "standardised":
        spread = values.std(axis=0, ddof=1)
        values = values / np.where(spread > 1e-9, spread, 1)
    return values


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "BLOCK_CELLS", 97)
    counts, _ = draw(n_cells=500, n_genes=70, n_types=6)
    counts[13] = 0
    genes = np.array(write(tmp_path / "counts.h5ad", counts), dtype=object)
    return counts, genes, Counts(tmp_path / "counts.h5ad")


def scores(counts, genes, scaling, k, threads=1):
    standardise = scaling == "standardised"
    values = CellValues(counts, genes, "depth-log1p" if standardise else scaling)
    rng = np.random.default_rng(0)
    return blockwise_scores(values, k, rng, standardise=standardise, threads=threads)


ROUTES = ["covariance", "covariance, sparse genes", "subspace"]


@pytest.mark.parametrize("scaling", ["depth-log1p", "standardised", "log1p", "l2"])
@pytest.mark.parametrize("route", ROUTES)
def test_scores_are_scikit_learns_up_to_sign(study, monkeypatch, scaling, route):
    counts, genes, file = study
    if route == "subspace":
        monkeypatch.setattr(module, "COVARIANCE_GENES", 10)
    if "sparse" in route:
        monkeypatch.setattr("panscape.stats.gram.LOAD_SECONDS", 0)
    result = scores(file, genes, scaling, 5)
    truth = PCA(5, svd_solver="full").fit_transform(scaled(counts, scaling))
    assert result.dtype == np.float32
    for column in range(5):
        sign = np.sign(result[:, column] @ truth[:, column])
        assert np.allclose(result[:, column] * sign, truth[:, column], atol=2e-4 * np.abs(truth).max())


@pytest.mark.parametrize("route", ROUTES)
def test_genes_that_do_not_vary_are_not_blown_up(tmp_path, monkeypatch, route):
    if route == "subspace":
        monkeypatch.setattr(module, "COVARIANCE_GENES", 10)
    if "sparse" in route:
        monkeypatch.setattr("panscape.stats.gram.LOAD_SECONDS", 0)
    counts, _ = draw(n_cells=300, n_genes=40)
    counts[:, :20] = np.maximum(counts[:, :20], 1)
    counts = counts[:, np.argsort(counts.mean(axis=0))]
    with_constant = np.column_stack([counts, np.full(300, 7), np.zeros(300)]).astype(np.float32)
    found = []
    for name, values in (("plain", counts), ("constant", with_constant)):
        genes = np.array(write(tmp_path / name, values), dtype=object)
        file = Counts(tmp_path / name)
        file.obs["n_counts"] = 100.0  # equal depth, so that a gene can be constant
        found.append(scores(file, genes, "standardised", 4))
    assert np.isfinite(found[1]).all()
    assert np.allclose(np.abs(found[0]), np.abs(found[1]), atol=1e-3)


def test_variance_of_rounding_is_no_scale():
    found = module._scale(np.array([4.0, 1e-14, 0.0, -1e-17]), np.array([5.0, 1.0, 0.0, 1.0]))
    assert found.tolist() == [2, 1, 1, 1]


def test_cells_are_read_again_where_they_do_not_fit(study, monkeypatch):
    _, genes, file = study
    kept = scores(file, genes, "l2", 4)
    monkeypatch.setattr(source_module, "CACHED_BYTES", 1000)
    assert np.array_equal(scores(file, genes, "l2", 4), kept)


@pytest.mark.parametrize(("largest", "kind"), [(200, np.uint8), (300, np.uint16), (70_000, np.float32)])
def test_counts_are_kept_in_the_fewest_bytes(largest, kind):
    counts = sparse.csr_matrix(np.array([[0, 1, 3], [largest, 0, 2]], dtype=np.float32))
    packed = source_module.PackedCounts.of(counts, np.array([2.0, 0.5]))
    assert packed.counts.dtype == kind and packed.columns.dtype == np.uint16
    truth = counts.toarray() * [[2.0], [0.5]]
    np.testing.assert_allclose(packed.values(3, logarithm=False).toarray(), truth)
    np.testing.assert_allclose(packed.values(3, logarithm=True).toarray(), np.log1p(truth), rtol=1e-6)


def test_fractions_are_not_cut():
    counts = sparse.csr_matrix(np.array([[0, 1.5]], dtype=np.float32))
    assert source_module.PackedCounts.of(counts, np.ones(1)).values(2, logarithm=False).toarray()[0, 1] == 1.5


def test_same_for_any_threads_and_any_order_of_genes(study):
    _, genes, file = study
    one, two = (scores(file, genes, "log1p", 6, threads) for threads in (1, 2))
    assert np.abs(one - two).max() < 1e-5
    turned = scores(file, genes[::-1].copy(), "log1p", 6)
    assert np.allclose(one, turned, atol=1e-4)  # signs, too


def test_no_more_components_than_there_are(study):
    _, genes, file = study
    assert scores(file, genes[:3], "log1p", 50).shape == (500, 3)


def test_gene_that_is_not_there(study):
    _, genes, file = study
    with pytest.raises(KeyError, match="nothere"):
        CellValues(file, [*genes, "nothere"], "l2")


@pytest.mark.parametrize(("kind", "more"), [(np.uint8, 0), (np.uint16, 300), (np.float32, 0.25)])
@pytest.mark.parametrize("logarithm", [False, True])
def test_packed_counts(kind, more, logarithm):
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(0.5, (40, 30)).astype(np.float32))
    counts.data += np.float32(more)
    scale = rng.uniform(0.2, 3, 40)
    packed = PackedCounts.of(counts, scale)
    assert packed.counts.dtype == kind
    truth = sparse.diags(scale) @ counts.astype(float)
    truth = truth.log1p() if logarithm else truth
    values = packed.values(30, logarithm)
    assert values.dtype == np.float32
    assert np.allclose(values.toarray(), truth.toarray(), rtol=1e-6)
