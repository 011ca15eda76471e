"""The graph of cells against brute force."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from panscape.errors import UserError
from panscape.graph.components import components
from panscape.graph.kernels import affinities
from panscape.graph.neighbors import neighbors


def points(n=300, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_neighbours_are_those_of_all_distances():
    z = points()
    indices, distances = neighbors(z, 7)
    full = np.linalg.norm(z[:, None] - z[None], axis=2)
    np.fill_diagonal(full, np.inf)
    np.testing.assert_array_equal(indices, np.argsort(full, axis=1)[:, :7])
    np.testing.assert_allclose(distances, np.sort(full, axis=1)[:, :7])


@pytest.mark.parametrize("kind", ["far groups", "grid", "single precision"])
def test_neighbours_are_exact_where_rounding_and_ties_make_it_hard(kind):
    random = np.random.default_rng(0)
    z = {
        "far groups": np.vstack([random.normal(size=(100, 4)), 1e5 + 1e-3 * random.normal(size=(100, 4))]),
        "grid": random.integers(0, 4, (300, 3)).astype(float),
        "single precision": (1e3 + random.normal(size=(300, 4))).astype(np.float32),
    }[kind]
    indices, distances = neighbors(z, 14)
    full = cdist(z, z)
    np.fill_diagonal(full, np.inf)
    precision = {"rtol": 1e-7, "atol": 0} if kind == "single precision" else {"atol": 1e-9}
    np.testing.assert_allclose(distances, np.sort(full, axis=1)[:, :14], **precision)
    np.testing.assert_allclose(np.take_along_axis(full, indices, axis=1), distances, **precision)
    assert all(len(set(row)) == 14 for row in indices)


def test_approximate_neighbours_are_mostly_the_same_and_repeatable():
    z = points(1500)
    exact, _ = neighbors(z, 14)
    result, distances = neighbors(z, 14, exact_below=100, seed=3)
    again, _ = neighbors(z, 14, exact_below=100, seed=3)
    np.testing.assert_array_equal(result, again)
    hits = np.mean([len(np.intersect1d(a, b)) for a, b in zip(exact, result, strict=True)]) / 14
    assert hits > 0.95
    assert result.shape == (1500, 14) and (result != np.arange(1500)[:, None]).all()
    assert (np.diff(distances, axis=1) >= 0).all()


def test_kernel_is_the_adaptive_gaussian_on_the_union():
    z = points(60, 3)
    indices, distances = neighbors(z, 14)
    kernel = affinities(indices, distances).toarray()
    width = distances[:, 6]  # the 7th of 14
    expected = np.zeros((60, 60))
    for i in range(60):
        for j in range(60):
            if i != j and (j in indices[i] or i in indices[j]):
                expected[i, j] = np.exp(-np.sum((z[i] - z[j]) ** 2) / (width[i] * width[j]))
    np.testing.assert_allclose(kernel, expected, atol=1e-9)
    assert (kernel == kernel.T).all()


def test_coincident_cells_have_weight_one_and_nothing_is_nan():
    z = np.repeat(points(10, 2), 6, axis=0)
    kernel = affinities(*neighbors(z, 4))
    assert np.isfinite(kernel.data).all() and kernel.max() == 1.0


def test_few_cells_lower_the_number_of_neighbours():
    indices, _ = neighbors(points(4), 14)
    assert indices.shape == (4, 3)


def test_parts_are_numbered_by_their_first_cell():
    z = np.concatenate([points(30, 2, 1) + 100, points(30, 2, 2), points(30, 2, 3) + 100])
    part = components(affinities(*neighbors(z, 5)), by="position")
    assert part.max() >= 1 and part[0] == 0
    assert (part[:30] == part[0]).all() or part.max() > 1
    assert part[30] != part[0]


def test_coordinates_that_are_not_finite_are_an_error():
    z = points(20)
    z[3, 1], z[5, 0] = np.nan, np.inf
    with pytest.raises(UserError, match="2 of 20 cells have coordinates that are NaN or infinite"):
        neighbors(z, 4)
