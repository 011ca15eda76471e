"""Weighted nearest neighbours and linear embeddings."""

import numpy as np
from scipy import sparse

from panscape.metacells import (
    balanced,
    linear_views,
    lsi,
    modality_weights,
    nearest_cells,
    pca,
    weighted_neighbors,
)


def views(n=150, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.repeat([0, 1, 2], n // 3)
    first = np.eye(3)[np.where(kind == 2, 1, kind)] * 6 + rng.normal(size=(n, 3))
    second = np.eye(3)[np.where(kind == 1, 0, kind)] * 6 + rng.normal(size=(n, 3))
    return first, second, kind


def test_the_modality_that_predicts_weighs_more():
    rng = np.random.default_rng(1)
    informative = np.repeat(np.eye(4) * 8, 40, axis=0) + rng.normal(size=(160, 4))
    noise = rng.normal(size=(160, 4))
    indices, distances, weights = weighted_neighbors([informative, noise], 10)
    assert weights[:, 0].mean() > 0.6
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    kind = np.repeat(np.arange(4), 40)
    assert (kind[indices] == kind[:, None]).mean() > 0.95
    assert (distances >= 0).all() and (distances <= 1).all() and (indices != np.arange(160)[:, None]).all()
    assert all(len(set(row)) == 9 for row in indices)


def test_weights_by_hand_for_two_modalities():
    first, second, _ = views(60)
    near = [tuple(part[:, :5] for part in nearest_cells(view, 6)) for view in (first, second)]
    sigma = [np.full(60, 20.0), np.full(60, 30.0)]
    found = modality_weights([first, second], near, sigma)
    i = 7
    ratio = []
    for a, view in enumerate((first, second)):
        theta = [
            np.exp(
                -max(np.linalg.norm(view[i] - view[near[b][0][i]].mean(axis=0)) - near[a][1][i, 0], 0)
                / (sigma[a][i] - near[a][1][i, 0])
            )
            for b in (0, 1)
        ]
        ratio.append(theta[a] / (theta[1 - a] + 1e-4))
    expected = np.exp(ratio) / np.exp(ratio).sum()
    np.testing.assert_allclose(found[i], expected)


def counts(n=200, p=120, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.repeat([0, 1], n // 2)
    rate = np.exp(rng.normal(0, 1, p) + np.outer(kind, rng.normal(0, 1.5, p)))
    return sparse.csr_matrix(
        rng.poisson(rate * rng.lognormal(0, 0.6, n)[:, None] * 0.3).astype(np.float32)
    ), kind


def test_components_are_those_of_the_dense_matrix():
    values, _ = counts()
    found = pca(values, 5)
    depth = values.toarray().sum(axis=1)
    dense = np.log1p(values.toarray() / depth[:, None] * np.median(depth))
    dense = dense[:, (values.toarray() > 0).sum(axis=0) >= 5]
    left, size, _ = np.linalg.svd(dense - dense.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(found), np.abs(left[:, :5] * size[:5]), atol=1e-3)


def test_components_that_follow_depth_are_left_out():
    values, kind = counts(seed=3)
    found = lsi(values, 8)
    depth = np.log(np.diff(values.indptr))
    r = [abs(np.corrcoef(column, depth)[0, 1]) for column in found.T]
    assert max(r) <= 0.7
    assert max(abs(np.corrcoef(column, kind)[0, 1]) for column in found.T) > 0.8


def test_joint_view_gives_both_modalities_the_same_variance():
    values, _ = counts()
    both = linear_views(values, values[:, :60], components=6)
    joint = both.joint
    assert joint.shape == (200, 12)
    np.testing.assert_allclose((joint[:, :6] ** 2).sum() / 200, 1)
    np.testing.assert_allclose((balanced(both.atac) ** 2).sum() / 200, 1)
    assert linear_views(values, None).joint.shape[0] == 200
