"""Principal components in memory against scikit-learn; every route gives the same."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

from panscape.stats.pca import leading_axes, principal_components


def made(n, p, rank=8, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, rank)) * np.linspace(6, 1, rank) @ rng.normal(size=(rank, p)) + 3
    return values * (rng.random((n, p)) < 0.6)


def expected(values, k):
    full = PCA(k, svd_solver="full").fit(values)
    scores = full.transform(values)
    turn = np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(k)])
    return scores * turn, full.components_.T * turn, full.singular_values_


@pytest.mark.parametrize("shape", [(80, 30), (30, 80)])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_components_are_scikit_learns(shape, kind):
    values = made(*shape)
    result = principal_components(kind(values), 5, tolerance=0.0)
    for one, other in zip((result.scores, result.axes, result.values), expected(values, 5), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8 * np.abs(other).max())


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_without_centring_they_are_singular_vectors(kind):
    values = made(40, 25)
    result = principal_components(kind(values), 4, centre=False, tolerance=0.0)
    np.testing.assert_allclose(result.values, np.linalg.svd(values, compute_uv=False)[:4], rtol=1e-9)
    np.testing.assert_allclose(values @ result.axes, result.scores, atol=1e-9 * result.values[0])


@pytest.mark.parametrize("shape", [(80, 30), (30, 80)])
def test_axes_from_products_are_the_same(shape):
    values = made(*shape)
    values -= values.mean(axis=0)
    axes, variances = leading_axes(values, 5)
    _, truth, size = expected(values, 5)
    np.testing.assert_allclose(variances, size**2 / len(values), rtol=1e-9)
    np.testing.assert_allclose(axes, truth * np.sign((axes * truth).sum(axis=0)), atol=1e-8)
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(5)] > 0).all()


def test_rank_limits_the_components():
    values = made(30, 12, rank=3, seed=1) * 0 + np.outer(np.arange(30), np.arange(12))
    assert principal_components(values, 5).scores.shape == (30, 1)
    assert leading_axes(values - values.mean(axis=0), 5)[0].shape == (12, 1)
