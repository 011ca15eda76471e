"""Distances and neighbours against brute force; graph kernels against umap-learn and scanpy."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from panscape.graph.components import components
from panscape.graph.distances import gram, squared_distances
from panscape.graph.knn import nearest
from panscape.graph.umap_weights import connectivities

METRICS = ("euclidean", "cosine", "correlation")


def vectors(rows=60, columns=400, density=0.07, seed=0):
    rng = np.random.default_rng(seed)
    result = sparse.random(rows, columns, density, format="csr", random_state=rng, dtype=np.float32)
    result.data = rng.choice([-1, 1], size=result.nnz).astype(np.float32) * (0.3 + 0.7 * result.data)
    return result


def brute(matrix, metric, k):
    """Return sorted distances and positions without using products."""
    dense = matrix.toarray().astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = cdist(dense, dense, metric)
    np.fill_diagonal(distance, np.inf)
    order = np.argsort(np.round(distance, 13), axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distance, order, axis=1), order


def test_gram_in_blocks_equals_product():
    matrix = vectors()
    dense = matrix.toarray().astype(np.float64)
    np.testing.assert_allclose(gram(matrix), dense @ dense.T, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(gram(matrix, block_bytes=60 * 8 * 7), dense @ dense.T, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(gram(dense), dense @ dense.T, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(5))
def test_neighbours_equal_brute_force(metric, seed):
    matrix = vectors(seed=seed)
    result = nearest(matrix, 15, metric=metric)
    distance, order = brute(matrix, metric, 15)
    np.testing.assert_allclose(result.distance, distance, atol=1e-7)
    assert np.array_equal(np.sort(result.index), np.sort(order))


@pytest.mark.parametrize("metric", METRICS)
def test_exact_duplicates_have_distance_zero_and_near_ties_are_ordered(metric):
    matrix = vectors(30).toarray()
    near = matrix[0].copy()
    near[np.flatnonzero(near)[0]] *= 1 + 2e-7  # far below the rounding of a Gram product
    nearer = matrix[0].copy()
    nearer[np.flatnonzero(nearer)[0]] *= 1 + 1.2e-7
    stacked = sparse.csr_matrix(np.vstack([matrix, near, nearer, matrix[0]]))
    result = nearest(stacked, 3, metric=metric)
    assert result.index[0].tolist() == [32, 31, 30]
    assert result.distance[0, 0] == 0
    assert 0 < result.distance[0, 1] < result.distance[0, 2]
    alone = nearest(stacked, 1, metric=metric)
    assert alone.index[30, 0] in (31, 0)


def test_metrics_agree_with_scipy():
    matrix = vectors(20)
    dense = matrix.toarray().astype(np.float64)
    for metric in METRICS:
        result, defined = squared_distances(matrix, metric)
        expected = cdist(dense, dense, "sqeuclidean" if metric == "euclidean" else metric)
        np.testing.assert_allclose(result, expected, atol=1e-12)
        assert defined.all()


@pytest.mark.parametrize("metric", ["cosine", "correlation"])
def test_vectors_without_a_pair_have_no_angular_neighbours(metric):
    dense = vectors(12).toarray()
    dense[[3, 7]] = 0
    result = nearest(sparse.csr_matrix(dense), 5, metric=metric)
    assert result.defined.tolist() == [row not in (3, 7) for row in range(12)]
    assert (result.index[[3, 7]] == -1).all()
    assert not np.isin(result.index, (3, 7)).any()
    weights = connectivities(result)
    part = components(weights)
    assert np.isfinite(weights.data).all()
    assert len({part[3], part[7], part[0]}) == 3
    assert nearest(sparse.csr_matrix(dense), 5, metric="euclidean").defined.all()


def test_constant_vectors_have_no_correlation_distance():
    dense = np.ones((6, 40))
    dense[1:] = np.random.default_rng(0).normal(size=(5, 40))
    result = nearest(dense, 2, metric="correlation")
    assert result.defined.tolist() == [False] + [True] * 5


def test_few_rows_and_bad_arguments():
    assert nearest(vectors(1), 5).index.shape == (1, 0)
    assert nearest(vectors(3), 15).index.shape == (3, 2)
    assert connectivities(nearest(vectors(1), 5)).shape == (1, 1)
    with pytest.raises(ValueError, match="k must be"):
        nearest(vectors(3), 0)
    with pytest.raises(ValueError, match="metric"):
        nearest(vectors(3), 1, metric="manhattan")
    with pytest.raises(ValueError, match="kernel"):
        connectivities(nearest(vectors(3), 1), kernel="box")


def test_forbidden_neighbours_are_not_found():
    study = np.arange(30) % 3
    result = nearest(vectors(30), 4, allowed=study[:, None] != study[None, :])
    assert (study[result.index] != study[:, None]).all()


def scanpy_graph(matrix, k, method):
    import anndata
    import scanpy as sc

    data = anndata.AnnData(matrix.toarray().astype(np.float64))
    sc.pp.neighbors(data, n_neighbors=k, use_rep="X", method=method, transformer="sklearn")
    return data


@pytest.mark.slow
@pytest.mark.parametrize("k", [5, 15, 40])
def test_umap_weights_equal_umap_learn(k):
    from umap.umap_ import fuzzy_simplicial_set

    matrix = vectors(80)[np.r_[:5, 6, 6:80]]  # a duplicate: rho is the first positive distance
    result = nearest(matrix, k - 1, metric="euclidean")
    rows = np.arange(80)[:, None]
    expected, _, _ = fuzzy_simplicial_set(
        sparse.coo_matrix((80, 1)),
        k,
        None,
        None,
        knn_indices=np.hstack([rows, result.index]),
        knn_dists=np.hstack([np.zeros((80, 1)), result.distance]).astype(np.float32),
    )
    np.testing.assert_allclose(connectivities(result).toarray(), expected.toarray(), atol=2e-4)


def test_gauss_weights_equal_scanpy():
    matrix = vectors(50, seed=3)
    data = scanpy_graph(matrix, 10, "gauss")
    ours = connectivities(nearest(matrix, 9, metric="euclidean"), kernel="gauss")
    np.testing.assert_allclose(ours.toarray(), data.obsp["connectivities"].toarray(), atol=1e-5)


def test_weights_are_symmetric_bounded_and_without_loops():
    for kernel in ("umap", "gauss"):
        for mutual in (False, True):
            weights = connectivities(nearest(vectors(50), 8), kernel=kernel, mutual=mutual)
            assert abs(weights - weights.T).max() == 0
            assert weights.diagonal().max() == 0
            assert 0 < weights.data.min() <= weights.data.max() <= 1
    loose = connectivities(nearest(vectors(50), 8))
    mutual = connectivities(nearest(vectors(50), 8), mutual=True)
    assert mutual.nnz < loose.nnz
    assert ((mutual > 0) > (loose > 0)).nnz == 0


def test_components_are_numbered_by_size():
    block = sparse.block_diag([np.ones((2, 2)), np.ones((3, 3)), np.ones((1, 1)), np.ones((2, 2))])
    assert components(sparse.csr_matrix(block)).tolist() == [1, 1, 0, 0, 0, 3, 2, 2]
