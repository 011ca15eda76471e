"""Signs of the axes of lines: the largest entry of each is positive, whatever the solver returns."""

import numpy as np
import pytest

from panscape.sivae.networks import associate


@pytest.fixture
def similarity():
    x = np.random.default_rng(0).normal(size=(9, 4))
    x[0] = -5 * np.abs(x[0])  # an extreme line, so that each axis has a clear largest entry
    return x @ x.T


@pytest.mark.parametrize("flipped", [[1, 1, 1, 1], [-1, 1, -1, 1], [1, -1, 1, -1], [-1, -1, -1, -1]])
def test_axes_do_not_depend_on_the_signs_of_the_solver(similarity, monkeypatch, flipped):
    expected, _ = associate.coordinates(similarity)
    solver = associate.symmetric_eigen

    def turned(matrix):
        values, vectors = solver(matrix)
        vectors = vectors.copy()
        vectors[:, :4] *= flipped
        return values, vectors

    monkeypatch.setattr(associate, "symmetric_eigen", turned)
    axes, _ = associate.coordinates(similarity)
    np.testing.assert_array_equal(axes, expected)
    largest = np.abs(axes).argmax(axis=0)
    assert (axes[largest, np.arange(axes.shape[1])] > 0).all()
