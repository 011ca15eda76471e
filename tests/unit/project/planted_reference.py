"""Panclusters along an age axis, for the tests of the projection."""

import numpy as np
from scipy import sparse

from panscape.coscape.project.place import place_panclusters
from panscape.coscape.project.similarity import Similarity


def ageing(rng, n, studies, low=0.0, high=10.0):
    """Return (CSR n x 400, ages, studies): overlapping groups of pairs rise and fall along an age axis."""
    age = rng.uniform(low, high, n)
    centre = np.linspace(0, 10, 40)
    level = np.clip(1 - np.abs(age[:, None] - centre) / 2.5, 0, None)
    values = np.repeat(level, 10, axis=1) + 0.15 * rng.standard_normal((n, 400))
    values[values < 0.3] = 0
    return sparse.csr_matrix(values), age, rng.choice(studies, n)


def blocks(matrix):
    """Return codes of ten groups of pairs next to each other."""
    return np.asarray(matrix.todense()).reshape(matrix.shape[0], 10, -1).mean(axis=2)


def placed(matrix, new, study, values, **options):
    """Place panclusters whose codes are those of :func:`blocks`."""
    return place_panclusters(
        Similarity.cosine(matrix, new), study, values, (blocks(new), blocks(matrix)), **options
    )
