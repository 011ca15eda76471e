import anndata
import numpy as np
import pytest
import scanpy as sc
from scipy import sparse

from panscape.data.normalise import normalise


@pytest.fixture
def counts():
    return sparse.random(50, 30, 0.3, "csr", random_state=0, data_rvs=lambda n: np.arange(n) % 9 + 1).astype(
        np.float32
    )


def test_against_scanpy(counts):
    totals = np.asarray(counts.sum(axis=1)).ravel()
    data = anndata.AnnData(counts.copy())
    sc.pp.normalize_total(data, target_sum=float(np.median(totals)))
    sc.pp.log1p(data)
    ours = normalise(counts, totals)
    np.testing.assert_allclose(ours.toarray(), data.X.toarray(), rtol=2e-6)
    assert ours.dtype == np.float32 and ours.nnz == counts.nnz


def test_totals_of_more_genes_and_a_given_target(counts):
    totals = np.asarray(counts.sum(axis=1)).ravel() + np.arange(50) + 1.0
    ours = normalise(counts.astype(np.float64), totals, "depth-log1p", 1000.0)
    np.testing.assert_allclose(
        ours.toarray(), np.log1p(counts.toarray() / totals[:, None] * 1000), rtol=1e-12
    )
    assert ours.dtype == np.float64
    part = normalise(counts[10:20].astype(np.float64), totals[10:20], "depth-log1p", 1000.0)
    np.testing.assert_array_equal(part.toarray(), ours[10:20].toarray())


def test_log_only(counts):
    np.testing.assert_allclose(
        normalise(counts, None, "log1p").toarray(), np.log1p(counts.toarray()), rtol=1e-6
    )


def test_the_counts_stay(counts):
    before = counts.copy()
    result = normalise(counts, np.ones(50))
    result.data[:] = -1
    result.indices[:] = 0
    assert (counts != before).nnz == 0


def test_empty_cells_and_no_cells(counts):
    assert normalise(sparse.csr_matrix((2, 3), dtype=np.float32), np.zeros(2)).nnz == 0
    assert normalise(counts[:0], np.zeros(0)).shape == (0, 30)


@pytest.mark.parametrize(
    ("totals", "how", "words"),
    [
        (np.ones(50), "sqrt", "not one of"),
        (np.ones(49), "depth-log1p", "totals"),
        (np.zeros(50), "depth-log1p", "no total"),
    ],
)
def test_wrong_arguments(counts, totals, how, words):
    with pytest.raises(ValueError, match=words):
        normalise(counts, totals, how)
