"""Weighted nearest neighbours and linear embeddings."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from panscape.coem.metacells.embed import balanced, linear_views, lsi, pca
from panscape.graph.neighbors import neighbors
from panscape.graph.wnn import modality_weights, weighted_neighbors


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
    indices, distances, weights = weighted_neighbors([informative, noise], 9)
    assert weights[:, 0].mean() > 0.6
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    kind = np.repeat(np.arange(4), 40)
    assert (kind[indices] == kind[:, None]).mean() > 0.95
    assert (distances >= 0).all() and (distances <= 1).all() and (indices != np.arange(160)[:, None]).all()
    assert all(len(set(row)) == 9 for row in indices)


def test_a_search_by_partition_finds_nearly_the_same_neighbours():
    first, second, _ = views(1500)
    exact, _, exact_weights = weighted_neighbors([first, second], 14)
    found, distances, weights = weighted_neighbors([first, second], 14, exact_below=0, seed=1)
    assert np.mean([len(np.intersect1d(a, b)) for a, b in zip(exact, found, strict=True)]) / 14 > 0.98
    assert np.abs(weights - exact_weights).mean() < 0.01
    assert (np.diff(distances, axis=1) >= 0).all()


def test_weights_by_hand_for_two_modalities():
    first, second, _ = views(60)
    near = [tuple(part[:, :5] for part in neighbors(view, 5)) for view in (first, second)]
    sigma = [np.full(60, 20.0), np.full(60, 30.0)]
    result = modality_weights([first, second], near, sigma)
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
    np.testing.assert_allclose(result[i], expected)


def by_brute_force(pair, k, view_neighbors, bandwidth_neighbors, candidates):
    """Weighted nearest neighbours from full distance matrices, cell by cell, as Hao et al. define them."""
    n = len(pair[0])
    apart = [cdist(view, view) for view in pair]
    near = [np.argsort(d + np.diag([np.inf] * n), axis=1) for d in apart]
    sets = [[set(row[:view_neighbors]) for row in order] for order in near]
    sigma = np.empty((2, n))
    for m in (0, 1):
        for i in range(n):
            overlap = {
                j: len(sets[m][i] & sets[m][j]) / len(sets[m][i] | sets[m][j]) for j in range(n) if j != i
            }
            sharing = sorted((o, -apart[m][i, j]) for j, o in overlap.items() if o > 0)
            sigma[m, i] = np.mean([-gap for _, gap in sharing[:bandwidth_neighbors]])
    weights, joint, gaps = np.empty((n, 2)), [], []
    for i in range(n):
        theta = np.empty((2, 2))  # modality, whose neighbours predict it
        for m in (0, 1):
            first = apart[m][i, near[m][i, 0]]
            for by in (0, 1):
                off = np.linalg.norm(pair[m][i] - pair[m][list(sets[by][i])].mean(axis=0))
                theta[m, by] = np.exp(-max(off - first, 0) / (sigma[m, i] - first))
        score = np.array([theta[0, 0] / (theta[0, 1] + 1e-4), theta[1, 1] / (theta[1, 0] + 1e-4)])
        weights[i] = np.exp(score) / np.exp(score).sum()
        pool = sorted(set(near[0][i, :candidates]) | set(near[1][i, :candidates]))
        alike = sum(weights[i, m] * np.exp(-apart[m][i, pool] / sigma[m, i]) for m in (0, 1))
        gap = np.sqrt((1 - alike) / 2)
        order = np.argsort(gap)[:k]
        joint.append(np.array(pool)[order])
        gaps.append(gap[order])
    return np.array(joint), np.array(gaps), weights


def test_all_steps_are_those_of_brute_force():
    first, second, _ = views(90)
    indices, distances, weights = weighted_neighbors(
        [first, second], 7, view_neighbors=9, bandwidth_neighbors=6, candidates=20
    )
    expected = by_brute_force([first, second], 7, 9, 6, 20)
    np.testing.assert_array_equal(indices, expected[0])
    np.testing.assert_allclose(distances, expected[1], rtol=1e-9)
    np.testing.assert_allclose(weights, expected[2], rtol=1e-9)
    assert weights.std() > 0.05  # else the weights would not be put to the test


def test_neighbours_and_weights_are_those_of_muon():
    muon = pytest.importorskip("muon")
    anndata, scanpy = pytest.importorskip("anndata"), pytest.importorskip("scanpy")
    tables = {}
    for name, view in zip(("rna", "atac"), views(300)[:2], strict=True):
        table = anndata.AnnData(obsm={"X_view": view}, obs={"cell": range(300)})
        scanpy.pp.neighbors(table, n_neighbors=20, use_rep="X_view")
        # muon counts overlaps by merging sorted rows, and scanpy's are in the order of distance
        table.obsp["distances"].sort_indices()
        tables[name] = table
    both = muon.MuData(tables)
    muon.pp.neighbors(both, n_neighbors=14, key_added="wnn")  # it returns one more
    indices, _, weights = weighted_neighbors(list(views(300)[:2]), 15)
    theirs = both.obsp["wnn_distances"]
    shared = [len(np.intersect1d(indices[i], theirs[[i]].indices)) / 15 for i in range(300)]
    assert np.mean(shared) >= 0.95
    assert np.corrcoef(weights[:, 0], both.obs["rna:mod_weight"])[0, 1] >= 0.98


def counts(n=200, p=120, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.repeat([0, 1], n // 2)
    rate = np.exp(rng.normal(0, 1, p) + np.outer(kind, rng.normal(0, 1.5, p)))
    return sparse.csr_matrix(
        rng.poisson(rate * rng.lognormal(0, 0.6, n)[:, None] * 0.3).astype(np.float32)
    ), kind


def test_components_are_those_of_the_dense_matrix():
    values, _ = counts()
    result = pca(values, 5)
    depth = values.toarray().sum(axis=1)
    dense = np.log1p(values.toarray() / depth[:, None] * np.median(depth))
    dense = dense[:, (values.toarray() > 0).sum(axis=0) >= 5]
    left, size, _ = np.linalg.svd(dense - dense.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(result), np.abs(left[:, :5] * size[:5]), atol=1e-3)


def test_components_that_follow_depth_are_left_out():
    values, kind = counts(seed=3)
    result = lsi(values, 8)
    depth = np.log(np.diff(values.indptr))
    r = [abs(np.corrcoef(column, depth)[0, 1]) for column in result.T]
    assert max(r) <= 0.7
    assert max(abs(np.corrcoef(column, kind)[0, 1]) for column in result.T) > 0.8


def test_joint_view_gives_both_modalities_the_same_variance():
    values, _ = counts()
    both = linear_views(values, values[:, :60], components=6)
    joint = both.joint
    assert joint.shape == (200, 12)
    np.testing.assert_allclose((joint[:, :6] ** 2).sum() / 200, 1)
    np.testing.assert_allclose((balanced(both.atac) ** 2).sum() / 200, 1)
    assert linear_views(values, None).joint.shape[0] == 200
