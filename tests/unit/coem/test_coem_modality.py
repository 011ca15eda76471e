import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from panscape.coem.entries import SparseInput, split
from panscape.coem.features import choose_features, choose_likelihood
from panscape.coem.modality import components, prepare_modality
from panscape.coem.settings import CoemSettings
from panscape.errors import UserError


def test_peaks_within_the_range_of_accessibility_are_modelled():
    cells = np.array([0, 4, 30, 60, 99, *[50] * 10])
    counts = sparse.csr_matrix((np.arange(100)[:, None] < cells).astype(np.float32))
    settings = CoemSettings(min_peak_cells=5, peak_fraction=(0.1, 0.6))
    # of the 99 cells that have an open peak at all
    assert choose_features(counts, "atac", settings).tolist() == [2, *range(5, 15)]


def test_at_most_the_most_open_peaks_and_the_most_varying_genes_are_modelled(cells):
    settings = CoemSettings(max_peaks=20, max_genes=30, peak_fraction=(0.0, 1.0))
    chosen = choose_features(cells.atac, "atac", settings)
    number = np.bincount(cells.atac.indices, minlength=cells.atac.shape[1])
    assert len(chosen) == 20 and number[chosen].min() >= np.sort(number)[-20]
    genes = choose_features(cells.rna, "rna", settings)
    varies = np.array([cells.rna[cells.kind == c].toarray().mean(0) for c in range(3)]).std(0)
    assert len(genes) == 30 and varies[genes].mean() > 2 * np.delete(varies, genes).mean()


def test_too_few_features_name_the_keys(cells):
    with pytest.raises(UserError, match=r"coem\.peak_fraction"):
        choose_features(cells.atac, "atac", CoemSettings(peak_fraction=(0.999, 1.0)))


def test_the_likelihood_follows_the_values(cells, caplog):
    binary = (cells.atac > 0).astype(np.float32)
    assert choose_likelihood(binary, "atac", CoemSettings()) == "bernoulli"
    assert choose_likelihood(cells.atac, "atac", CoemSettings()) == "poisson"
    assert choose_likelihood(cells.rna, "rna", CoemSettings()) == "nb"
    assert choose_likelihood(cells.atac, "atac", CoemSettings(atac_likelihood="zip")) == "zip"
    with pytest.raises(UserError, match="largest count"):
        choose_likelihood(cells.atac, "atac", CoemSettings(atac_likelihood="bernoulli"))


@pytest.mark.parametrize("bad", [-1.0, 0.5, np.nan, np.inf])
def test_values_that_are_no_counts_are_refused(bad, cells):
    counts = cells.rna.copy()
    counts.data[3] = bad
    with pytest.raises(UserError, match="raw counts"):
        choose_likelihood(counts, "rna", CoemSettings())


def test_components_are_those_of_the_centred_matrix():
    random = np.random.default_rng(0)
    values = random.poisson(random.gamma(0.5, 1, (80, 3)) @ random.gamma(0.5, 1, (3, 40))).astype(float)
    centred = values - values.mean(0)
    scores, loadings = components(
        sparse.csr_matrix(values), values.mean(0)[None], np.zeros(80, int), 3, 1, rounds=30
    )
    size = np.linalg.svd(centred, compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(scores, axis=0), size[:3], rtol=1e-6)
    np.testing.assert_allclose(loadings.T @ loadings, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(scores, centred @ loadings, atol=1e-8)


def test_a_latent_dimension_does_not_start_at_depth():
    random = np.random.default_rng(0)
    depth = np.exp(random.normal(5, 1, 300))
    kind = random.integers(2, size=300)
    # saturation: what is abundant grows less than depth, so that composition follows depth
    share = random.dirichlet(np.ones(60), 2)[kind]
    counts = sparse.csr_matrix(random.poisson(np.sqrt(depth[:, None] * 60 * share)).astype(np.float32))
    modality = prepare_modality(counts, "rna", CoemSettings(min_gene_cells=1), 0)
    scores = (modality.seen(modality.counts).toarray() - modality.centre[0]) @ modality.loadings
    assert all(abs(stats.pearsonr(column, np.log(modality.depth))[0]) <= 0.7 for column in scores.T)
    assert abs(stats.pearsonr(scores[:, 0], kind)[0]) > 0.8


def test_some_of_the_cells_are_enough_to_start_from(cells, monkeypatch):
    whole = prepare_modality(cells.rna, "rna", CoemSettings(), 0)
    monkeypatch.setattr("panscape.coem.modality.START_CELLS", 200)
    part = prepare_modality(cells.rna, "rna", CoemSettings(), 0)
    assert part.counts.shape == whole.counts.shape
    # cosine between the leading components
    assert abs(part.loadings[:, 0] @ whole.loadings[:, 0]) > 0.9


def test_so_many_peaks_are_expected_open_as_are_open(cells):
    binary = (cells.atac > 0).astype(np.float32)
    modality = prepare_modality(binary, "atac", CoemSettings(peak_fraction=(0.0, 1.0)), 0)
    exposure = modality.exposure(modality.depth)
    expected = -np.expm1(-exposure[:, None] * modality.profile).sum(1)
    np.testing.assert_allclose(expected, modality.depth, rtol=0.01)


def dense(entries, features):
    out = np.zeros((len(entries.total), features), np.float32)
    np.add.at(out, (entries.row, entries.column), entries.value)
    return out


@settings(deadline=None)  # the first one compiles
@given(st.lists(st.integers(0, 40), min_size=2, max_size=30), st.floats(0, 1), st.integers(0, 99))
def test_thinned_counts_add_up(values, share, seed):
    counts = sparse.csr_matrix(np.array([values, values[::-1]], dtype=np.float32))
    rows = np.array([1, 0, 1])
    parts = split(counts, rows, np.full(3, share), np.random.default_rng(seed))
    kept, held = (dense(part, len(values)) for part in parts)
    np.testing.assert_array_equal(kept + held, counts[rows].toarray())
    for part, whole in zip(parts, (kept, held), strict=True):
        assert (part.value > 0).all() and (np.diff(part.start) == (whole > 0).sum(1)).all()
        np.testing.assert_array_equal(part.total, whole.sum(1))
        assert part.start[0] == 0 and part.start[-1] == len(part.row) == len(part.column)


def test_the_parts_of_thinned_poisson_counts_tell_nothing_of_each_other():
    random = np.random.default_rng(0)
    counts = sparse.csr_matrix(random.poisson(4.0, (200, 200)).astype(np.float32))
    fraction = np.where(np.arange(200) % 2, 0.3, 0.6)
    kept, held = (dense(part, 200) for part in split(counts, np.arange(200), fraction, random))
    for odd, share in ((0, 0.6), (1, 0.3)):
        assert held[odd::2].sum() / counts[odd::2].sum() == pytest.approx(share, abs=0.01)
        assert abs(np.corrcoef(kept[odd::2].ravel(), held[odd::2].ravel())[0, 1]) < 0.03
    # binomial: variance as well as mean
    assert np.mean((held - fraction[:, None] * counts.toarray()) ** 2) == pytest.approx(
        4.0 * (0.3 * 0.7 + 0.6 * 0.4) / 2, rel=0.03
    )


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_the_centred_sparse_input_of_a_channel_is_the_dense_one(kind):
    random = np.random.default_rng(1)
    values = sparse.random(7, 12, 0.3, "csr", np.float32, random)
    values.data = np.ceil(values.data * 9)
    entries, _ = split(sparse.csr_matrix(values), np.arange(7), np.zeros(7), random)
    start, row, column, value = map(
        torch.from_numpy, (entries.start[:-1], entries.row, entries.column, entries.value)
    )
    x = SparseInput(start, row, column, value.to(kind), 12)
    torch.manual_seed(0)
    by_feature, centre = torch.randn(12, 3, dtype=kind), torch.randn(2, 12, dtype=kind)
    batch = torch.from_numpy(random.integers(0, 2, 7))
    dense = x.dense() - centre[batch]
    for weight in (by_feature.T, by_feature.T.contiguous()):
        results = []
        for product in (lambda w: x.times(w, centre, batch), lambda w: torch.nn.functional.linear(dense, w)):
            leaf = weight.detach().clone().requires_grad_()
            out = product(leaf)
            out.square().sum().backward()
            results.append((out.detach(), leaf.grad))
        torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoder": "cnn"},
        {"thinning": 1.0},
        {"prior": "flat"},
        {"n_latent": 0},
        {"warmup_fraction": 2},
        {"metric": "cosine"},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError):
        CoemSettings(**wrong)


def test_settings_take_what_belongs_to_them():
    settings = CoemSettings.of({"n_epochs": 3, "peak_fraction": [0.1, 0.9], "batch_key": "lane"})
    assert (settings.n_epochs, settings.peak_fraction) == (3, (0.1, 0.9))
