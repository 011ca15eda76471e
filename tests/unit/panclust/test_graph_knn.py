"""The exact search against all distances written out, ties included."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from panscape.graph.knn import nearest
from panscape.graph.neighbors import approximate_nearest, neighbors
from panscape.graph.points import nearest_points


def brute(points, queries, k, itself=None):
    squared = cdist(queries.astype(np.float64), points.astype(np.float64), "sqeuclidean")
    if itself is not None:
        squared[np.arange(len(queries)), itself] = np.inf
    order = np.argsort(squared, axis=1, kind="stable")[:, :k]
    return order, np.sqrt(np.take_along_axis(squared, order, axis=1))


def made(kind):
    rng = np.random.default_rng(7)
    return {
        "plain": rng.normal(size=(600, 8)),
        "grid": rng.integers(0, 3, (500, 3)).astype(float),
        "copies": np.repeat(rng.integers(0, 50, (40, 5)), 15, axis=0).astype(float),
        "all the same": np.ones((60, 4)),
        "outlier": np.vstack([rng.integers(0, 9, (300, 4)), [[2.0**25] * 4]]).astype(float),
    }[kind]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["plain", "grid", "copies", "all the same", "outlier"])
def test_ties_go_to_the_smaller_position(kind, dtype):
    points = made(kind).astype(dtype)
    indices, distances = nearest_points(points, 7)
    expected, truth = brute(points, points, 7, np.arange(len(points)))
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(distances, truth, rtol=1e-6 if dtype == np.float32 else 1e-12)
    assert distances.dtype == dtype
    for threads in (1, 2):
        again = nearest_points(points, 7, threads=threads)
        assert np.array_equal(again[0], indices) and np.array_equal(again[1], distances)


@pytest.mark.parametrize("k", [1, 5])
def test_queries_are_compared_with_other_points(k):
    points, queries = made("grid")[:300], made("grid")[300:]
    expected, truth = brute(points, queries, k)
    indices, distances = nearest_points(points, k, queries=queries)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(distances, truth)
    itself = np.arange(200)
    indices, _ = nearest_points(points, k, queries=points[:200], itself=itself)
    np.testing.assert_array_equal(indices, brute(points, points[:200], k, itself)[0])


def test_both_exact_searches_agree():
    points = made("grid")
    rows = nearest(points, 6, metric="euclidean")
    indices, distances = neighbors(points, 6)
    np.testing.assert_array_equal(rows.index, indices)
    np.testing.assert_array_equal(rows.distance, distances)


@pytest.mark.slow
def test_the_approximate_nearest_is_mostly_the_nearest():
    points, queries = made("plain")[:400], made("plain")[400:]
    assert np.mean(approximate_nearest(points, queries, seed=1) == brute(points, queries, 1)[0][:, 0]) > 0.9
