"""Compiled logarithms, sums and permutations of counts, against numpy."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.coscape.coexpression import values as values_module
from panscape.coscape.coexpression.expression import cluster_expression
from panscape.coscape.coexpression.shuffle import place_rows
from panscape.coscape.coexpression.values import Values
from panscape.data.normalise import cell_factors
from panscape.stats.value_kernel import SMALL, add_expression, log_counts, place_values


def made(how="depth-log1p", n_cells=200, n_genes=30, seed=0):
    """Return counts of which some are large and some not whole, and an empty cell."""
    rng = np.random.default_rng(seed)
    dense = rng.poisson(0.5, (n_cells, n_genes)).astype(np.float32)
    dense[rng.random(dense.shape) < 0.02] = 3 * SMALL
    dense[rng.random(dense.shape) < 0.02] = 2.5
    dense[7] = 0
    totals = dense.sum(axis=1, dtype=np.float64) + rng.integers(1, 5, n_cells)
    return Values(sparse.csr_matrix(dense), totals, how, float(np.median(totals)))


@pytest.mark.parametrize("how", ["log1p", "depth-log1p"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_logarithms_are_those_of_numpy(how, overwrite, monkeypatch):
    few = made(how)
    expected = few.all_normalised()
    monkeypatch.setattr(values_module, "LARGE", 0)
    found = few.all_normalised(overwrite=overwrite)
    assert found.dtype == np.float32 and np.shares_memory(found.data, few.counts.data) == overwrite
    np.testing.assert_array_max_ulp(found.data, expected.data, maxulp=1)


@pytest.mark.parametrize("how", ["geometric-mean", "mean"])
def test_expression_of_many_values_is_that_of_few(how, monkeypatch):
    few, rng = made(), np.random.default_rng(1)
    members = sparse.csr_matrix((rng.random((4, 200)) < 0.4).astype(np.int8))
    table = pd.DataFrame({"cluster": list("abcd")})
    genes = [f"g{gene}" for gene in range(30)]
    expected = cluster_expression(few, members, table, genes, how)
    monkeypatch.setattr(values_module, "LARGE", 0)
    found = cluster_expression(few, members, table, genes, how)
    pairs = zip((found.X, *found.layers.values()), (expected.X, *expected.layers.values()), strict=True)
    for left, right in pairs:
        np.testing.assert_allclose(left, right, rtol=1e-6)


def test_loops_as_python_are_those_compiled():
    few, rows = made(n_cells=20), np.array([3, 4, 9])
    counts, scale, sets = few.counts, few.factors(), np.array([0, 0, 1])
    compiled, plain = np.zeros((2, 4, 2, 30))
    given = counts.indptr, counts.indices, counts.data, scale, rows, sets
    add_expression(*given, *compiled)
    add_expression.py_func(*given, *plain)
    np.testing.assert_allclose(compiled, plain, rtol=1e-14)
    once, again = np.empty((2, counts.nnz), dtype=np.float32)
    log_counts(counts.indptr, counts.data, scale, once)
    log_counts.py_func(counts.indptr, counts.data, scale, again)
    assert once.tobytes() == again.tobytes()


def test_values_stay_in_their_stratum():
    few, rng = made(), np.random.default_rng(2)
    depth = rng.permutation(200).astype(float)
    placed = place_rows(few.counts, depth, 4, rng)
    dense = few.counts.toarray()[np.argsort(depth)]
    for start in range(0, 200, 50):
        before, after = dense[start : start + 50].T, placed[:, start : start + 50]
        np.testing.assert_array_equal(np.sort(before, axis=1), np.sort(after, axis=1))
    assert (placed != dense.T).any(axis=1).all()


def test_every_place_is_as_likely_and_rows_are_independent():
    rng = np.random.default_rng(3)
    indptr, indices = np.arange(0, 40_001, 2), np.tile([0, 3], 20_000)
    data = np.tile(np.array([1, 2], dtype=np.float32), 20_000)
    strata, edges = np.zeros(5, dtype=np.int64), np.array([0, 5])
    dense = np.zeros((20_000, 5), dtype=np.float32)
    place_values(indptr, indices, data, strata, edges, rng.random(40_000), dense)
    one, two = (dense == 1).argmax(axis=1), (dense == 2).argmax(axis=1)
    assert (one != two).all() and (np.count_nonzero(dense, axis=1) == 2).all()
    arrangements = np.bincount(one * 5 + two, minlength=25).reshape(5, 5)
    off = arrangements[~np.eye(5, dtype=bool)]
    assert abs(off - 1000).max() < 150  # 20 arrangements, of standard deviation 31
    following = np.bincount(one[:-1] * 5 + one[1:], minlength=25)
    assert abs(following - 800).max() < 140  # of standard deviation 28
    plain = np.zeros((5, 5), dtype=np.float32)
    few = indptr[:6], indices[:10], data[:10], strata, edges
    chance = rng.random(10)
    place_values.py_func(*few, chance, plain)
    compiled = np.zeros((5, 5), dtype=np.float32)
    place_values(*few, chance, compiled)
    np.testing.assert_array_equal(plain, compiled)


@pytest.mark.parametrize("total", [0.0, -1.0, np.nan])
def test_a_cell_with_counts_needs_a_total(total):
    assert cell_factors("depth-log1p", np.array([0, 2]), np.array([total, 4.0]), 4.0)[1] == 1
    with pytest.raises(ValueError, match="has no total"):
        cell_factors("depth-log1p", np.array([1, 2]), np.array([total, 4.0]), 4.0)
