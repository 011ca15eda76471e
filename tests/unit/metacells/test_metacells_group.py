"""Grouping: sizes, components, limits, and agreement with other implementations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from panscape.coem.metacells.enforce_sizes import enforce_sizes, halves
from panscape.coem.metacells.group import (
    GroupSettings,
    group_cells,
    group_kmeans,
    group_random,
    number_of_metacells,
)
from panscape.errors import UserError
from panscape.graph import spectral
from panscape.graph.kernels import affinities
from panscape.graph.neighbors import RECALL, neighbors
from panscape.graph.partitioned import partitioned_neighbors
from panscape.graph.points import nearest_points
from panscape.graph.spectral import allocate, cut, spectral_embedding


def blobs(sizes=(150, 100, 50), apart=20.0, d=4, seed=0):
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(len(sizes), d))
    gap = np.linalg.norm(centre[:, None] - centre[None], axis=2)[np.triu_indices(len(sizes), 1)]
    centre *= apart / gap.min(initial=1e9)
    label = np.repeat(np.arange(len(sizes)), sizes)
    return centre[label] + rng.normal(size=(len(label), d)), label


def test_separate_blobs_are_found_as_sklearn_finds_them():
    from sklearn.cluster import SpectralClustering

    z, truth = blobs((150, 150, 150), apart=9.0)
    grouping = group_cells(z, 3)
    graph = affinities(*neighbors(z, 14))
    other = SpectralClustering(3, affinity="precomputed", random_state=0).fit_predict(graph.toarray() + 1e-6)
    assert adjusted_rand_score(grouping.label, truth) == 1.0
    assert adjusted_rand_score(other, truth) == 1.0


def test_eigenvectors_are_those_of_the_dense_matrix():
    z, _ = blobs((400,), seed=2)
    graph = affinities(*neighbors(z, 14))
    m = 6
    grouping = spectral_embedding(graph, m)
    dense = graph.toarray()
    scale = 1 / np.sqrt(dense.sum(axis=1))
    vectors = np.linalg.eigh(0.5 * (np.eye(400) + scale[:, None] * dense * scale))[1][:, ::-1][:, :m]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # the same subspace: angles between the two bases vanish
    ours, theirs = np.linalg.qr(grouping)[0], np.linalg.qr(vectors)[0]
    assert np.linalg.svd(ours.T @ theirs)[1].min() > 0.98


def test_every_cell_has_one_metacell_and_sizes_are_within_bounds():
    z, _ = blobs((900, 600, 300), apart=4.0)
    grouping = group_cells(z, 24)
    assert grouping.k == 24 and grouping.sizes.sum() == 1800
    assert grouping.sizes.min() >= 5 and grouping.sizes.max() <= 3 * 1800 / 24
    assert grouping.label.min() == 0 and set(grouping.label) == set(range(24))


def test_unconnected_groups_share_metacells_by_size_and_are_not_mixed():
    z, truth = blobs((600, 300, 100, 20), apart=40.0)
    grouping = group_cells(z, 17)
    assert grouping.components >= 4 and grouping.k == 17
    for m in range(17):
        assert len(set(truth[grouping.label == m])) == 1
    parts = [len(set(grouping.label[truth == t])) for t in range(4)]
    assert parts[0] > parts[1] > parts[2] >= parts[3] >= 1


def test_outliers_join_a_metacell_and_are_counted():
    z, _ = blobs((200, 200), apart=6.0)
    far = np.array([[500.0, 0, 0, 0], [500.1, 0, 0, 0], [500.2, 0, 0, 0], [500.3, 0, 0, 0]])
    grouping = group_cells(np.concatenate([z, far]), 8, {"n_neighbors": 3})
    assert grouping.k == 8 and grouping.sizes.min() >= 5 and grouping.sizes.sum() == 404
    assert grouping.adopted >= 4


def test_more_parts_than_metacells():
    z, _ = blobs((60, 50, 40, 30, 20), apart=60.0)
    grouping = group_cells(z, 3, {"n_neighbors": 7})
    assert grouping.k == 3 and grouping.sizes.sum() == 200


def test_two_levels_are_as_pure_as_one():
    z, truth = blobs((700, 500, 300), apart=8.0)
    options = {"two_level_above": 500, "coarse_cells": 200}
    grouping = group_cells(z, 30, options)
    assert grouping.k == 30 and grouping.sizes.min() >= 5
    pure = sum(np.bincount(truth[grouping.label == m]).max() for m in range(30))
    assert pure == 1500


def test_equal_seeds_give_equal_labels():
    z, _ = blobs((500, 300), apart=3.0)
    np.testing.assert_array_equal(
        group_cells(z, 12, seed=4).label, group_cells(z, 12, seed=4, threads=2).label
    )


def test_plain_spectral_clustering_takes_all_vectors_and_leaves_the_sizes_as_they_come(monkeypatch):
    random = np.random.default_rng(0)
    z = np.concatenate([random.normal(c * 4, 1 + c, (n, 3)) for c, n in enumerate((300, 60, 12))])
    asked, embedding = [], spectral.spectral_embedding
    monkeypatch.setattr(
        spectral, "spectral_embedding", lambda graph, m: asked.append(m) or embedding(graph, m)
    )
    plain = {
        "eigenvectors": "metacells",
        "two_level_above": None,
        "min_cells": 1,
        "max_ratio": None,
        "exchange": None,
    }
    grouping = group_cells(z, 60, plain)
    assert sum(asked) == 60 == grouping.k and (grouping.merged, grouping.split, grouping.adopted) == (0, 0, 0)
    asked.clear()
    repaired = group_cells(z, 60, {"eigenvectors": 20})
    assert max(asked) <= 20 and repaired.sizes.min() >= 5 > grouping.sizes.min()
    for wrong in ({"eigenvectors": "all"}, {"eigenvectors": 1}, {"max_ratio": 1.5}, {"exchange": 0.5}):
        with pytest.raises(ValueError, match=r"eigenvectors|max_ratio|exchange"):
            GroupSettings(**wrong)


def test_one_type_of_equal_cells_is_still_grouped():
    z = np.zeros((200, 3))
    grouping = group_cells(z, 5)
    assert grouping.sizes.sum() == 200 and grouping.k == 5


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=12),
    k=st.integers(1, 40),
    least=st.integers(1, 8),
)
def test_metacells_are_divided_fairly(sizes, k, least):
    sizes = np.array(sizes)
    given_ = allocate(sizes, k, min_cells=least)
    able = sizes >= least
    if not able.any():
        assert given_.sum() == 1
        return
    assert (given_[~able] == 0).all()
    capacity = int(np.maximum(sizes[able] // least, 1).sum())
    assert given_.sum() == min(k, capacity)
    if able.sum() <= k:
        assert (given_[able] >= 1).all()
        assert (given_[able] <= np.maximum(sizes[able] // least, 1)).all()


def test_small_metacells_are_merged_and_giants_split():
    z, _ = blobs((300,), seed=3)
    label = np.zeros(300, dtype=int)
    label[:2] = 1
    label[2:4] = 2
    grouping, done = enforce_sizes(label, z, k=4, min_size=5, max_size=120)
    sizes = np.bincount(grouping)
    assert len(sizes) == 4 and sizes.min() >= 5 and sizes.max() <= 150
    assert done["merged"] == 2 and done["split"] >= 2
    assert grouping[0] == 0


def test_cells_without_a_label_go_to_the_nearest_metacell():
    z = np.array([[0.0], [0.1], [0.2], [10.0], [10.1], [10.2], [9.0]])
    grouping, done = enforce_sizes(np.array([0, 0, 0, 1, 1, 1, -1]), z, k=2, min_size=1)
    assert grouping[6] == grouping[3] and done["adopted"] == 1


def test_what_is_too_small_for_two_halves_stays_whole():
    z = np.linspace(0, 1, 9)[:, None]
    grouping, done = enforce_sizes(np.zeros(9, dtype=int), z, k=3, min_size=5)
    assert (grouping == 0).all() and done["split"] == 0
    grouping, done = enforce_sizes(np.zeros(10, dtype=int), np.linspace(0, 1, 10)[:, None], k=3, min_size=5)
    assert np.bincount(grouping).tolist() == [5, 5] and done["split"] == 1


def test_a_few_far_cells_are_no_half():
    z = np.concatenate([np.linspace(0, 1, 47), [50.0, 50.1, 50.2]])[:, None]
    assert halves(z, 2, 0).sum() == 25
    z[40:] += 50
    assert min(halves(z, 2, 0).sum(), (~halves(z, 2, 0)).sum()) == 10


def test_a_graph_without_edges_gives_one_group_per_cell_at_most():
    from scipy import sparse

    label = cut(sparse.csr_matrix((6, 6)), 3, min_cells=1)
    assert set(label) <= {-1, 0, 1, 2} and (label >= 0).sum() == 3


@pytest.mark.parametrize(
    ("cells", "k", "message"),
    [
        (1000, 1, "metacells.k: 1 metacells -> write at least 2"),
        (1000, 300, "300 metacells of 1000 cells leave fewer than 5 cells for each -> ask for at most 200"),
        (8, None, "leave the sample out"),
    ],
)
def test_impossible_numbers_of_metacells(cells, k, message):
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        number_of_metacells(cells, k)


def test_the_number_follows_the_cells_per_metacell():
    assert number_of_metacells(4000, None) == 53
    assert number_of_metacells(100_000, None) == 1333


def test_baselines():
    z, truth = blobs((100, 80), apart=12.0)
    assert adjusted_rand_score(group_kmeans(z, 2).label, truth) == 1.0
    drawn = group_random(180, 7, np.random.default_rng(0))
    assert drawn.sizes.max() - drawn.sizes.min() <= 1


def test_partitioned_neighbours_find_nearly_all_and_are_repeatable():
    z = np.random.default_rng(0).normal(size=(3000, 6)) + 5 * np.eye(6)[np.arange(3000) % 6]
    indices, distances = partitioned_neighbors(z, 10, seed=1, recall=RECALL)
    truth, exact = nearest_points(z, 10)
    hits = [len(np.intersect1d(a, b)) for a, b in zip(indices, truth, strict=True)]
    assert np.mean(hits) / 10 > 0.985
    assert (np.diff(distances, axis=1) >= 0).all() and (indices != np.arange(3000)[:, None]).all()
    same = (indices == truth).all(axis=1)
    np.testing.assert_allclose(distances[same], exact[same], rtol=1e-12)
    np.testing.assert_array_equal(partitioned_neighbors(z, 10, seed=1, recall=RECALL)[0], indices)


def test_partitioned_neighbours_of_few_or_identical_points():
    z = np.repeat(np.arange(4.0), 10)[:, None]
    indices, distances = partitioned_neighbors(z, 15, recall=RECALL)
    assert [len(set(row)) for row in indices] == [15] * 40
    np.testing.assert_array_equal((distances == 0).sum(axis=1), 9)


def test_points_of_a_small_part_have_neighbours_of_other_parts():
    middle = 20.0 * np.arange(28)[:, None, None] * [1.0, 0]
    points = (middle + np.random.default_rng(0).normal(size=(28, 50, 2))).reshape(-1, 2)
    z = np.concatenate([points, [[900.0, 900], [901, 900], [900, 901]]])
    np.testing.assert_array_equal(
        partitioned_neighbors(z, 10, recall=RECALL)[0][-3:], nearest_points(z, 10)[0][-3:]
    )


def test_outliers_whose_parts_have_too_few_points_are_compared_with_all():
    z = np.vstack([np.random.default_rng(0).normal(size=(3000, 5)), np.full((3, 5), 1000.0)])
    z[-3:] += np.arange(3)[:, None]
    indices, distances = partitioned_neighbors(z, 10, recall=0.5)
    truth, exact = nearest_points(z, 10, queries=z[-3:], itself=np.arange(3000, 3003))
    assert np.array_equal(indices[-3:], truth) and np.allclose(distances[-3:], exact)


def test_many_groups_are_found_in_two_steps():
    z = np.random.default_rng(0).random((2000, 2))
    result = group_cells(z, 100, {"min_cells": 3})
    assert result.k == 100 and result.sizes.max() <= 60
    spread = np.mean([z[result.label == m].var(axis=0).sum() for m in range(100)])
    assert spread < 1.6 * (1 / 100) / 6  # of 100 squares of the plane
