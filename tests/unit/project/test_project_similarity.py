"""New panclusters are compared by the distance of the reference's landscape."""

import numpy as np
import pytest
from scipy import sparse

from panscape.coscape.landscape.debiased import debiased_distances
from panscape.coscape.landscape.scores import Scores
from panscape.coscape.project.similarity import Similarity

GENES = 20
PAIRS = np.stack(np.triu_indices(GENES, 1), axis=1)


def scores_of(age, seed, size=400.0, part=1.0):
    """Return scores of disjoint clusters whose pairs rise and fall along age."""
    rng = np.random.default_rng(seed)
    peak = np.random.default_rng(7).uniform(0, 10, len(PAIRS))
    t = 0.5 * np.exp(-((age[:, None] - peak) ** 2) / 8) + rng.normal(0, size**-0.5, (len(age), len(PAIRS)))
    t[rng.random(t.shape) > part] = 0
    sizes = np.full(len(age), size)
    shared = sparse.csr_matrix(sparse.diags(sizes))
    return Scores(sparse.csr_matrix(t.astype(np.float32)), PAIRS, np.ones(len(PAIRS)), shared, sizes)


def test_kernel_is_near_the_debiased_cosine_and_has_no_negative_eigenvalue():
    age = np.linspace(0, 10, 15)
    old, new = scores_of(age, 1), scores_of(age + 0.1, 2, size=60.0)
    found = Similarity.debiased(old, new)
    distances, _ = debiased_distances(old, errors=0)
    np.testing.assert_allclose(found.known, 1 - distances, atol=0.06)
    assert found.new.shape == (15, 15)
    # the same ages are as similar as can be, although the new clusters are small
    for values in (found.near, found.new):
        assert (values.diagonal() > 0.9).all()
        assert np.abs(values.argmax(axis=1) - np.arange(15)).max() <= 1
    assert np.linalg.eigvalsh(found.known).min() > -1e-9
    plain = Similarity.cosine(old.matrix, new.matrix)
    assert (plain.new.diagonal() < found.new.diagonal()).all()  # noise lowers a plain cosine


def test_a_pancluster_of_the_reference_is_nearest_to_itself():
    old = scores_of(np.linspace(0, 10, 30), 3)
    near = Similarity.debiased(old, old).near
    assert (near.argmax(axis=1) == np.arange(30)).all() and (near.diagonal() > 0.999).all()


def test_pairs_that_one_side_does_not_measure_do_not_count():
    age = np.linspace(0, 10, 12)
    old, new = scores_of(age, 1), scores_of(age, 2)
    measured = np.ones((24, GENES), dtype=bool)
    measured[12:, 10:] = False
    known = (PAIRS < 10).all(axis=1)
    part = sparse.csr_matrix(new.matrix.toarray() * known)
    lacking = Scores(part, PAIRS, new.weight, new.shared, new.size)
    found = Similarity.debiased(old, lacking, measured)
    few = [
        Scores(scores.matrix[:, known], PAIRS[known], scores.weight[known], scores.shared, scores.size)
        for scores in (old, new)
    ]
    np.testing.assert_allclose(found.near, Similarity.debiased(*few).near, atol=1e-6)
    assert np.abs(found.near.argmax(axis=1) - np.arange(12)).max() <= 2


def test_panclusters_without_enough_pairs_are_similar_to_none():
    age = np.linspace(0, 10, 10)
    old, new = scores_of(age, 1), scores_of(age, 2)
    t = new.matrix.toarray()
    t[3, 5:] = 0
    new = Scores(sparse.csr_matrix(t), PAIRS, new.weight, new.shared, new.size)
    found = Similarity.debiased(old, new, min_pairs=10)
    assert (found.near[3] == 0).all() and (found.near[4] != 0).any()
    assert (Similarity.debiased(old, new, min_pairs=2).near[3] != 0).any()


def test_scores_of_other_pairs_are_refused():
    one = scores_of(np.arange(4.0), 1)
    other = Scores(one.matrix, PAIRS[::-1], one.weight, one.shared, one.size)
    with pytest.raises(ValueError, match="scored for different pairs"):
        Similarity.debiased(one, other)
