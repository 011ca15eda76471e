"""Leading eigenvectors of a covariance against a dense decomposition."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse

from panscape.stats import krylov as module
from panscape.stats.krylov import leading_covariance
from panscape.stats.row_kernel import times_transposed


@dataclass
class InMemory:
    """A matrix in blocks of rows."""

    matrix: sparse.csr_matrix
    step: int = 150

    @property
    def shape(self):
        return self.matrix.shape

    def __iter__(self):
        for start in range(0, self.shape[0], self.step):
            part = self.matrix[start : start + self.step]
            yield slice(start, start + part.shape[0]), part


def made(n=900, p=300, seed=0, rank=20):
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.normal(size=(n, rank)) @ rng.normal(0, 0.15, (rank, p)) - 1)
    return sparse.csr_matrix(np.log1p(rng.poisson(rate)).astype(np.float32))


def dense(matrix, scale, k):
    values, vectors = np.linalg.eigh(np.cov(matrix.toarray().astype(float) / scale, rowvar=False))
    return values[::-1][:k], vectors[:, ::-1][:, :k]


@pytest.mark.parametrize("k", [5, 40])
@pytest.mark.parametrize("scaled", [False, True])
def test_vectors_span_what_a_dense_decomposition_finds(k, scaled):
    matrix = made()
    scale = np.random.default_rng(1).uniform(0.5, 2, 300) if scaled else np.ones(300)
    vectors, mean = leading_covariance(InMemory(matrix), k, np.random.default_rng(0), scale)
    values, truth = dense(matrix, scale, k)
    covariance = np.cov(matrix.toarray().astype(float) / scale, rowvar=False)
    assert np.allclose(vectors.T @ vectors, np.eye(k), atol=1e-6)
    assert np.trace(vectors.T @ covariance @ vectors) >= values.sum() * (1 - 1e-4)
    assert np.linalg.svd(truth[:, :5].T @ vectors[:, :5], compute_uv=False)[-1] > 0.9999
    assert np.allclose(mean, np.asarray(matrix.mean(axis=0)).ravel(), rtol=1e-5)


def test_a_basis_of_the_whole_space_is_exact():
    matrix = made(200, 50)
    vectors, _ = leading_covariance(InMemory(matrix), 50, np.random.default_rng(0), np.ones(50))
    values, _ = dense(matrix, np.ones(50), 50)
    covariance = np.cov(matrix.toarray().astype(float), rowvar=False)
    assert np.allclose(np.diagonal(vectors.T @ covariance @ vectors), values, atol=1e-4 * values[0])


def test_few_different_rows_leave_few_directions():
    rows = made(6, 300)
    matrix = sparse.csr_matrix(rows[np.arange(400) % 6])
    vectors, _ = leading_covariance(InMemory(matrix), 50, np.random.default_rng(0), np.ones(300))
    assert vectors.shape == (300, 50)
    _, truth = dense(matrix, np.ones(300), 5)
    assert np.isfinite(vectors).all()
    assert np.linalg.svd(truth.T @ vectors[:, :5], compute_uv=False)[-1] > 0.9999


def test_same_bytes_for_any_threads_and_with_rounding_errors_of_other_processors(monkeypatch):
    matrix, scale = InMemory(made()), np.ones(300)
    one, _ = leading_covariance(matrix, 10, np.random.default_rng(0), scale)
    three, _ = leading_covariance(matrix, 10, np.random.default_rng(0), scale, threads=3)
    assert np.array_equal(one, three)
    exact, noise = module._rounded, np.random.default_rng(5)
    monkeypatch.setattr(module, "_rounded", lambda x: exact(x * (1 + 1e-15 * noise.normal(size=x.shape))))
    other, _ = leading_covariance(matrix, 10, np.random.default_rng(0), scale)
    assert np.abs(other - one).max() < 1e-12


def test_passes_end_where_components_do_not_separate(monkeypatch):
    monkeypatch.setattr(module, "MAX_PASSES", 3)
    vectors, _ = leading_covariance(InMemory(made()), 10, np.random.default_rng(0), np.ones(300))
    assert np.allclose(vectors.T @ vectors, np.eye(10), atol=1e-6)


def test_product_with_the_transpose():
    matrix, vectors = made(60, 40), np.random.default_rng(0).normal(size=(40, 7)).astype(np.float32)
    image = np.ones((40, 7), np.float32)
    times_transposed(matrix.indptr, matrix.indices, matrix.data, vectors, image)
    truth = 1 + matrix.T.astype(float) @ (matrix.astype(float) @ vectors.astype(float))
    assert np.allclose(image, truth, rtol=1e-4, atol=1e-4)
