"""Clusters from levels, from Ward's tree and from a sketch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_types import check_tree
from scipy.cluster import hierarchy

from panscape.coscape.panclust import sketch as sketch_module
from panscape.coscape.panclust import ward as ward_module
from panscape.coscape.panclust.hierarchy import Candidates
from panscape.coscape.panclust.sketch import follow, sketch
from panscape.coscape.panclust.ward import ward_levels
from panscape.errors import UserError


def nested_labels(rng, n):
    """Random levels, each a coarsening of the one before."""
    levels = [rng.integers(0, rng.integers(1, 12), n)]
    for _ in range(rng.integers(0, 4)):
        merge = rng.integers(0, rng.integers(1, 6), levels[-1].max() + 1)
        levels.append(merge[levels[-1]])
    return [np.unique(level, return_inverse=True)[1] for level in levels]


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 12), st.booleans())
def test_every_large_community_is_there_once(seed, min_cells, repeat_last):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(12, 60))
    output = Candidates("lab", n, min_cells)
    expected = {frozenset(range(n)): 1}
    for resolution in (0.1, 1.0, 10.0):
        levels = nested_labels(rng, n)
        output.add_levels(levels, resolution, repeat_last=repeat_last)
        for level, labels in enumerate(levels):
            times = 2 if repeat_last and level == len(levels) - 1 else 1
            for label in set(labels):
                cells = frozenset(np.flatnonzero(labels == label))
                if len(cells) >= min_cells:
                    expected[cells] = expected.get(cells, 0) + times
    table, members = output.result()
    check_tree(table, members, min_cells)
    counted = {frozenset(members[row].indices): m for row, m in enumerate(table["multiplicity"])}
    assert counted == expected


def test_names_levels_and_duplicates():
    output = Candidates("lab", 6, 2)
    output.add_levels([np.array([0, 0, 1, 1, 2, 3]), np.array([0, 0, 0, 0, 1, 1])], 0.1)
    output.add_levels([np.array([1, 1, 1, 1, 0, 0])], 10.0)
    table, _ = output.result()
    rows = table[["cluster", "level", "parent", "n_cells", "multiplicity", "duplicates"]]
    assert rows.fillna(-1).to_numpy().tolist() == [
        ["lab-all", -1, "", 6, 1, ""],
        ["lab-r0.1-l1-c0", 1, "lab-all", 4, 2, "r10-l0-c0"],
        ["lab-r0.1-l1-c1", 1, "lab-all", 2, 2, "r10-l0-c1"],
        ["lab-r0.1-l0-c0", 0, "lab-r0.1-l1-c0", 2, 1, ""],
        ["lab-r0.1-l0-c1", 0, "lab-r0.1-l1-c0", 2, 1, ""],
    ]
    assert np.isnan(table["resolution"].iloc[0]) and (table["resolution"].iloc[1:] == 0.1).all()


def tree_sets(scores, min_cells):
    """Return the cell sets of Ward's tree through scipy's node objects."""
    root, nodes = hierarchy.to_tree(hierarchy.ward(scores), rd=True)
    sets = [frozenset(node.pre_order()) for node in nodes if node.get_count() >= min_cells]
    return {cells for cells in sets if len(cells) > 1} | {frozenset(root.pre_order())}


@pytest.mark.parametrize("min_cells", [1, 5, 20])
def test_ward_takes_every_node_of_the_tree(min_cells):
    scores = np.random.default_rng(0).normal(size=(80, 4))
    output = Candidates("lab", 80, min_cells)
    ward_levels(scores, output)
    table, members = output.result()
    check_tree(table, members, min_cells)
    assert {frozenset(members[row].indices) for row in range(len(table))} == tree_sets(scores, min_cells)
    levels = dict(zip(table["cluster"], table["level"], strict=True))
    for level, parent in zip(table["level"].iloc[1:], table["parent"].iloc[1:], strict=True):
        assert parent == "lab-all" or level < levels[parent]


def test_ward_of_a_sketch_counts_the_cells_that_follow():
    scores = np.array([[0.0], [0.1], [5.0], [5.1]])
    place = np.array([0, 0, 0, 1, 2, 3, 3])
    output = Candidates("lab", 7, 3)
    ward_levels(scores, output, place)
    table, members = output.result()
    check_tree(table, members, 3)
    assert {tuple(members[row].indices) for row in range(3)} == {tuple(range(7)), (0, 1, 2, 3), (4, 5, 6)}


def test_ward_refuses_what_does_not_fit(monkeypatch):
    monkeypatch.setattr(ward_module, "MAX_CELLS", 10)
    with pytest.raises(UserError, match=r"panclust.algorithm: ward with 11 cells"):
        ward_levels(np.zeros((11, 2)), Candidates("lab", 11, 1))


@pytest.mark.parametrize("how", ["uniform", "even"])
@pytest.mark.parametrize("size", [1, 57, 500])
def test_sketch_has_its_size_and_repeats_itself(how, size):
    scores = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    one, two = (sketch(scores, size, how, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(one, two)
    assert len(one) == size and (np.diff(one) > 0).all() and one[-1] < 500


def test_even_sketch_keeps_rare_cells():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(20_000, 2)).astype(np.float32)
    rare = rng.normal(size=(20, 2)).astype(np.float32) + 30
    scores = np.concatenate([common, rare])
    kept = {
        how: (sketch(scores, 500, how, np.random.default_rng(2)) >= 20_000).sum()
        for how in ("uniform", "even")
    }
    assert kept["even"] >= 8 > 4 >= kept["uniform"]


def test_even_sketch_of_identical_cells():
    assert len(sketch(np.ones((50, 4), dtype=np.float32), 10, "even", np.random.default_rng(0))) == 10


def test_cells_follow_their_nearest_sketched_cell():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(300, 4)).astype(np.float32)
    chosen = np.sort(rng.choice(300, 60, replace=False))
    place = follow(scores, chosen, seed=0)
    distance = np.linalg.norm(scores[:, None] - scores[chosen][None], axis=2)
    assert np.array_equal(place, distance.argmin(axis=1))
    assert np.array_equal(follow(scores, np.arange(300), seed=0), np.arange(300))


@pytest.mark.slow
def test_very_many_cells_follow_by_search(monkeypatch):
    monkeypatch.setattr(sketch_module, "EXACT_PAIRS", 0)
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2000, 4)).astype(np.float32)
    chosen = np.sort(rng.choice(2000, 500, replace=False))
    distance = np.linalg.norm(scores[:, None] - scores[chosen][None], axis=2)
    assert (follow(scores, chosen, seed=0) == distance.argmin(axis=1)).mean() > 0.95
