import numpy as np
import pytest
from scipy import sparse

from panscape.coscape.dictionary.confidence import (
    edge_reliability,
    entry_reliability,
    pair_correlations,
    split_cells,
    split_half,
)


def cells(rng, n=1200, genes=40, modules=3, size=6):
    """Draw log counts with modules that are coupled in the first half of the cells only."""
    factor = rng.standard_normal((n, modules)) * (np.arange(n) < n // 2)[:, None]
    rate = np.full((n, genes), -0.3)
    for m in range(modules):
        rate[:, m * size : (m + 1) * size] += 0.9 * factor[:, [m]]
    return sparse.csr_matrix(np.log1p(rng.poisson(np.exp(rate)))).astype(float)


def clusters(n, rng, count=30, size=80):
    rows = [np.arange(n)]
    for i in range(count):
        part = np.arange(n // 2) if i < count // 2 else np.arange(n // 2, n)
        rows.append(np.sort(rng.choice(part, size, replace=False)))
    indptr = np.cumsum([0, *map(len, rows)])
    return sparse.csr_matrix(
        (np.ones(indptr[-1], np.int8), np.concatenate(rows), indptr), shape=(len(rows), n)
    )


def together(values, members, first, second):
    result = np.full((members.shape[0], len(first)), np.nan)
    for part, r in pair_correlations(values, members, first, second):
        result[:, part] = r
    return result


def test_pair_correlations_equal_numpy(monkeypatch):
    monkeypatch.setattr("panscape.coscape.dictionary.confidence._CHUNK_PAIRS", 37)
    monkeypatch.setattr("panscape.coscape.dictionary.confidence._CHUNK_CELLS", 101)
    rng = np.random.default_rng(0)
    values = cells(rng, n=400, genes=20)
    values[:, 19] = 0
    values[:, 18] = 1.7  # detected everywhere, but does not vary
    values = sparse.csr_matrix(values)
    members = clusters(400, rng, count=6, size=40)
    first, second = np.triu_indices(20, 1)
    order = rng.permutation(len(first))
    first, second = first[order], second[order]
    result = together(values, members, first, second)
    for row in range(members.shape[0]):
        dense = values[members.indices[members.indptr[row] : members.indptr[row + 1]]].toarray()
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = np.nan_to_num(np.corrcoef(dense.T)[first, second])
        expected[(first >= 18) | (second >= 18)] = 0
        np.testing.assert_allclose(result[row], expected, atol=1e-9)


def test_tiny_clusters_have_no_correlation():
    values = sparse.csr_matrix(np.array([[1.0, 2], [2, 3], [0, 0]]))
    members = sparse.csr_matrix(np.array([[1, 1, 0], [0, 0, 0]]))
    assert not together(values, members, np.array([0]), np.array([1])).any()


def test_halves_are_even_in_every_stratum():
    strata = np.repeat([0, 1, 2], [10, 31, 100])
    half = split_cells(strata, np.random.default_rng(0))
    shares = [half[strata == s].sum() - (strata == s).sum() / 2 for s in range(3)]
    assert np.abs(shares).max() <= 1
    assert not np.array_equal(half, split_cells(strata, np.random.default_rng(1)))


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_reliability_separates_planted_from_null_edges(method):
    rng = np.random.default_rng(3)
    values = cells(rng)
    members = clusters(values.shape[0], rng)
    first, second = np.triu_indices(40, 1)
    planted = (first // 6 == second // 6) & (second < 18)
    usage = (np.arange(members.shape[0]) <= 15).astype(float)[:, None]
    half = split_cells(np.zeros(values.shape[0]), rng)
    sums = split_half(values, members, first, second, usage, half, method=method)
    score = edge_reliability(*sums)[0]
    assert (score[planted][:, None] > score[~planted]).mean() >= 0.9  # the area under the curve
    assert score[planted].mean() > 0.6 and abs(score[~planted].mean()) < 0.2
    entries = np.stack([planted, ~planted]).astype(float)
    both = [np.repeat(part, 2, axis=0) for part in sums]
    whole = entry_reliability(entries, *both)
    assert whole[0] > 0.6 and abs(whole[1]) < 0.2


def test_split_half_by_hand():
    rng = np.random.default_rng(1)
    values = cells(rng, n=200, genes=8, modules=1)
    members = clusters(200, rng, count=3, size=50)
    first, second = np.array([0, 3]), np.array([1, 7])
    usage = rng.random((4, 2))
    half = rng.random(200) < 0.5
    agreement, size = split_half(values, members, first, second, usage, half)
    expected, scale = np.zeros((2, 2)), np.zeros((2, 2))
    for row in range(4):
        inside = members[[row]].toarray().ravel() > 0
        r = [
            [np.corrcoef(values[inside & mask].toarray().T)[a, b] for a, b in zip(first, second, strict=True)]
            for mask in (half, ~half)
        ]
        expected += np.outer(usage[row], np.prod(r, axis=0))
        scale += np.outer(usage[row], np.square(r).mean(axis=0))
    np.testing.assert_allclose(agreement, expected, atol=1e-9)
    np.testing.assert_allclose(size, scale, atol=1e-9)


def test_reliability_formula():
    np.testing.assert_allclose(edge_reliability(np.array([1.0, 0.5, 0, -9]), np.ones(4)), [1, 2 / 3, 0, -1])
    assert np.isnan(edge_reliability(np.array([0.0]), np.array([0.0]))).all()
