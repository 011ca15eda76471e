"""The size sweep and the merging of metacells."""

import itertools

import numpy as np
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import adjusted_rand_score

from panscape.coem.metacells.group import group_cells
from panscape.coem.metacells.size_sweep import merge_metacells, size_sweep, zero_fraction


def test_merging_single_cells_is_ward_clustering():
    z = np.random.default_rng(0).normal(size=(60, 4))
    result = merge_metacells(np.arange(60), z, [12, 5, 2])
    tree = linkage(z, "ward")
    for k, label in zip((12, 5, 2), result, strict=True):
        assert len(set(label)) == k
        assert adjusted_rand_score(label, fcluster(tree, k, "maxclust")) == 1.0


def test_metacells_weigh_as_many_cells_as_they_have():
    # two heavy groups and a light one between them, nearer to the left one: the light one joins a neighbour
    z = np.concatenate([np.full((50, 1), 0.0), np.full((2, 1), 1.0), np.full((50, 1), 1.5)])
    label = np.repeat([0, 1, 2], [50, 2, 50])
    (merged,) = merge_metacells(label, z, [2])
    assert merged[50] == merged[52] and merged[0] != merged[52]


def test_the_ladder_is_nested_and_scored_without_labels():
    rng = np.random.default_rng(1)
    t = rng.random(600)
    z = np.column_stack([4 * t, rng.normal(0, 0.3, 600), rng.normal(0, 0.3, 600)])
    counts = sparse.csr_matrix(rng.poisson(np.exp(1.5 * np.outer(t, rng.normal(size=80)))).astype(np.float32))
    table, labels = size_sweep(z, [12, 25, 60, 120], counts={"rna": counts}, seed=5)
    assert list(table["k"]) == sorted(labels) == [5, 10, 24, 50]
    fine = list(labels.values())
    for coarse, finer in itertools.pairwise(fine):
        for m in set(finer):
            assert len(set(coarse[finer == m])) == 1
    assert (np.diff(table["explained"]) > 0).all()
    assert table["recommended"].sum() == 1
    assert table[["stability", "dubious", "zeros", "score"]].apply(np.isfinite).all(axis=None)
    assert table["dubious"].iloc[0] >= table["dubious"].iloc[-1]


def test_the_ladder_without_repeats_and_counts():
    z = np.random.default_rng(2).normal(size=(200, 3))
    table, _ = size_sweep(z, [20, 50], repeats=0)
    assert table["stability"].isna().all() and table["recommended"].sum() == 1


def test_a_modality_without_signal_does_not_count_as_homogeneous():
    rng = np.random.default_rng(4)
    t = np.repeat([0.0, 1.0, 2.0], 100)
    z = np.column_stack([t, rng.normal(0, 0.05, 300)])
    rates = {"rna": np.exp(2 * np.outer(t, rng.normal(size=60))), "atac": np.full((300, 60), 0.3)}
    counts = {name: sparse.csr_matrix(rng.poisson(rate).astype(float)) for name, rate in rates.items()}
    alone, _ = size_sweep(z, [30, 150], counts={"rna": counts["rna"]}, repeats=0)
    both, _ = size_sweep(z, [30, 150], counts=counts, repeats=0)
    assert alone["dubious"].tolist() == both["dubious"].tolist() and alone["dubious"].iloc[0] > 0
    nothing, _ = size_sweep(z, [30, 150], counts={"atac": counts["atac"]}, repeats=1)
    assert nothing["score"].isna().all()
    assert nothing["recommended"].idxmax() == nothing["stability"].idxmax()


def test_share_of_zeros_by_hand():
    counts = sparse.csr_matrix(np.array([[1, 0, 0], [0, 0, 0], [0, 2, 0], [1, 0, 0]], dtype=np.float32))
    # metacells {0, 1}, {2, 3}; the last column is never counted
    assert zero_fraction(counts, np.array([0, 0, 1, 1])) == 0.25


def test_coarser_rungs_are_worse_in_variance_than_grouping_anew():
    z = np.random.default_rng(3).normal(size=(500, 2))
    fine = group_cells(z, 40)
    (merged,) = merge_metacells(fine.label, z, [8])
    assert len(set(merged)) == 8 and np.bincount(merged).sum() == 500


def test_a_size_without_a_score_is_not_recommended(monkeypatch):
    z = np.random.default_rng(5).normal(size=(120, 2))
    monkeypatch.setattr(
        "panscape.coem.metacells.size_sweep._measures",
        lambda counts, axes, label, seed: {"dubious": 0.9 if label.max() < 9 else np.nan, "zeros": 0.9},
    )
    table, _ = size_sweep(z, [6, 20], repeats=0)
    assert table["score"].isna().tolist() == [False, True]
    assert table["recommended"].tolist() == [True, False]
