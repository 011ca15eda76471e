"""Correlations corrected for the noise of counting, of one group of cells."""

import numpy as np
import pytest
from scipy import sparse

from panscape.stats.count_correlation import corrected_correlations


def drawn(depth, seed=0, cells=1500, rho=0.6):
    """Return counts of 40 genes and totals; genes 0 to 9 have log expression of correlation `rho`."""
    random = np.random.default_rng(seed)
    shared = random.normal(size=(cells, 1))
    own = random.normal(size=(cells, 40))
    inside = np.arange(40) < 10
    log = 0.7 * np.where(inside, np.sqrt(rho) * shared + np.sqrt(1 - rho) * own, own)
    rate = np.exp(log + random.normal(0, 0.5, 40))
    size = depth * np.exp(random.normal(0, 0.3, (cells, 1)))
    counts = random.poisson(size * rate / rate.mean(axis=0).sum())
    return sparse.csr_matrix(counts.astype(float)), size.ravel()


def test_independent_genes_have_standard_normal_scores():
    counts, totals = drawn(80.0, rho=0.0)
    upper = np.triu_indices(40, 1)
    result = corrected_correlations(counts, totals, min_expected=5)
    z = result.z[upper][np.isfinite(result.error[upper])]
    assert abs(z.mean()) < 0.15 and abs(z.std() - 1) < 0.1
    assert abs(result.connectivity().mean()) < 1e-3


def test_correlations_and_connectivity_do_not_fall_with_depth():
    levels, raw = {}, {}
    for depth in (60.0, 600.0):
        parts = [drawn(depth, seed) for seed in range(4)]
        fitted = [corrected_correlations(counts, totals) for counts, totals in parts]
        levels[depth] = np.mean([one.connectivity()[:10].mean() for one in fitted])
        logs = [np.log1p(counts.toarray() / totals[:, None] * depth) for counts, totals in parts]
        raw[depth] = np.mean([np.square(np.corrcoef(log.T)[:10]).mean() for log in logs])
    assert levels[60.0] == pytest.approx(levels[600.0], rel=0.25)
    assert raw[60.0] < 0.6 * raw[600.0]


def test_the_means_of_strata_are_no_correlation():
    counts, totals = drawn(200.0, rho=0.0)
    second = np.arange(counts.shape[0]) % 2
    dense = counts.toarray()
    dense[second == 1, 20:30] *= 4  # one batch has more of ten genes
    counts = sparse.csr_matrix(dense)
    inside = np.ix_(range(20, 30), range(20, 30))
    off = ~np.eye(10, dtype=bool)
    assert corrected_correlations(counts, totals).z[inside][off].min() > 5
    apart = corrected_correlations(counts, totals, second)
    assert np.abs(apart.z[inside][off]).max() < 4.5


def test_pairs_without_enough_cells_are_not_known():
    counts, totals = drawn(100.0)
    dense = counts.toarray()
    dense[:, 3] = 0
    dense[:5, 3] = 1
    dense[:, 4] = 0
    result = corrected_correlations(sparse.csr_matrix(dense), totals)
    for gene in (3, 4):
        off = np.arange(40) != gene
        assert np.isinf(result.error[gene, off]).all() and not result.z[gene].any()
        assert not result.r[gene, off].any() and result.connectivity()[gene] == 0
    np.testing.assert_array_equal(result.z, result.z.T)
    with pytest.raises(ValueError, match="no cell has counts"):
        corrected_correlations(sparse.csr_matrix((5, 3)), np.zeros(5))
