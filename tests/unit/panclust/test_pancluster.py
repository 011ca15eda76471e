"""Panclusters of whole studies, and the studies that cannot be clustered."""

import logging

import numpy as np
import pandas as pd
import pytest
from planted_types import check_tree, draw, write

from panscape.coscape.panclust.cluster_size import smallest_cluster
from panscape.coscape.panclust.pancluster import pancluster
from panscape.coscape.panclust.settings import PanclustSettings
from panscape.errors import UserError


@pytest.fixture
def study(tmp_path):
    counts, kind = draw()
    return tmp_path / "counts.h5ad", write(tmp_path / "counts.h5ad", counts), kind


SETTINGS = [
    {},
    {"algorithm": "leiden"},
    {"algorithm": "ward"},
    {"scaling": "standardised"},
    {"scaling": "standardised", "algorithm": "leiden", "sketch_above": 300, "sketch_cells": 200},
    {"weights": "none", "genes": "all", "scaling": "l2", "n_components": 100},
    {"sketch_above": 300, "sketch_cells": 200},
    {"sketch_above": 300, "sketch_cells": 200, "sketch_method": "even", "algorithm": "ward"},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_planted_types_are_clusters(study, settings):
    path, genes, kind = study
    table, members = pancluster(path, genes, {"min_cells": 20, **settings}, 1)
    check_tree(table, members, 20)
    assert (table["study"] == "lab").all()
    for label in range(4):
        planted = set(np.flatnonzero(kind == label))
        best = max(
            len(planted & set(members[row].indices)) / len(planted | set(members[row].indices))
            for row in range(len(table))
        )
        assert best > 0.95


@pytest.mark.parametrize("settings", [{}, {"algorithm": "leiden"}, {"scaling": "standardised"}])
def test_same_seed_same_clusters_whatever_the_threads(study, settings):
    path, genes, _ = study
    settings = {"min_cells": 20, **settings}
    runs = [pancluster(path, genes, settings, 3, threads=threads) for threads in (1, 2, 1)]
    for table, members in runs[1:]:
        assert table.equals(runs[0][0])
        assert (members != runs[0][1]).nnz == 0


def test_rare_types_of_weak_genes_need_standardised_genes(tmp_path):
    # four abundant genes vary alike within all types; those that differ between types have few counts
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 4, 600)
    loud = rng.poisson(20 * np.exp(1.5 * rng.normal(size=(600, 20))))
    quiet = rng.poisson(np.where(np.arange(40) % 4 == kind[:, None], 0.9, 0.1))
    counts = np.column_stack([loud, quiet]).astype(np.float32)
    genes = write(tmp_path / "counts.h5ad", counts)
    best = {}
    for scaling in ("log1p", "standardised"):
        settings = {"min_cells": 20, "scaling": scaling, "algorithm": "ward"}
        _, members = pancluster(tmp_path / "counts.h5ad", genes, settings, 1)
        best[scaling] = np.mean([jaccard(members, kind == label) for label in range(4)])
    assert best["standardised"] > best["log1p"] + 0.2


def jaccard(members, inside):
    """Return the best Jaccard index of a set of cells with any cluster but the root."""
    both = members[1:] @ inside.astype(np.int64)
    return (both / (members[1:].sum(axis=1).A1 + inside.sum() - both)).max()


def test_name_of_the_study_is_an_argument_or_read(study):
    path, genes, _ = study
    table, _ = pancluster(path, genes, {"min_cells": 20}, 1, study="other")
    assert table["cluster"].iloc[0] == "other-all"


def test_coarsest_level_can_count_twice(study):
    path, genes, _ = study
    once, _ = pancluster(path, genes, {"min_cells": 20}, 1)
    twice, _ = pancluster(path, genes, {"min_cells": 20, "repeat_last_level": True}, 1)
    assert once["cluster"].equals(twice["cluster"])
    assert twice["multiplicity"].sum() > once["multiplicity"].sum()


def test_study_that_gives_only_its_root_is_allowed_with_a_warning(study, caplog):
    path, genes, _ = study
    with caplog.at_level(logging.WARNING, logger="panscape"):
        table, members = pancluster(path, genes, {"min_cells": 400, "resolutions": [1]}, 1)
    assert len(table) == 1 and members.shape == (1, 400)
    assert "only its root" in caplog.text


def test_cells_without_counts_and_identical_cells_are_clustered(tmp_path):
    counts, _ = draw(100, 30)
    counts[:40] = 0
    counts[40:60] = counts[40]
    genes = write(tmp_path / "counts.h5ad", counts)
    check_tree(*pancluster(tmp_path / "counts.h5ad", genes, {"min_cells": 5}, 0), 5)


OTHERS = [{}, {"scaling": "standardised"}, {"algorithm": "leiden"}, {"algorithm": "ward"}]


@pytest.mark.parametrize("settings", OTHERS)
def test_all_cells_alike(tmp_path, settings):
    genes = write(tmp_path / "counts.h5ad", np.ones((30, 5), dtype=np.float32))
    check_tree(*pancluster(tmp_path / "counts.h5ad", genes, {"min_cells": 5, **settings}, 0), 5)


@pytest.mark.parametrize("settings", OTHERS)
@pytest.mark.parametrize("n_cells", [3, 4, 10])
def test_very_small_studies(tmp_path, n_cells, settings):
    counts, _ = draw(n_cells, 30)
    genes = write(tmp_path / "counts.h5ad", counts)
    check_tree(*pancluster(tmp_path / "counts.h5ad", genes, {"min_cells": 1, **settings}, 0), 1)


def test_smallest_cluster_larger_than_the_study(study):
    path, genes, _ = study
    with pytest.raises(
        UserError, match=r"panclust\.min_cells: study lab has 400 cells.* 500 -> write at most 400"
    ):
        pancluster(path, genes, {"min_cells": 500}, 1)


def test_smallest_cluster_goes_by_the_size_of_the_study(study):
    path, genes, _ = study
    chosen, members = pancluster(path, genes, {}, 1)
    same, same_members = pancluster(path, genes, {"min_cells": 50}, 1)
    pd.testing.assert_frame_equal(chosen, same)
    assert (members != same_members).nnz == 0
    cells = [1, 20, 60, 2000, 2142, 10_000, 20_000, 10**6]
    assert [smallest_cluster("auto", n) for n in cells] == [1, 20, 50, 50, 53, 250, 500, 500]
    assert smallest_cluster(7, 3) == 7


def test_one_cell(tmp_path):
    counts, _ = draw(1, 30)
    genes = write(tmp_path / "counts.h5ad", counts)
    with pytest.raises(UserError, match="1 cells, too few to cluster"):
        pancluster(tmp_path / "counts.h5ad", genes, {"min_cells": 1}, 0)


def test_gene_that_is_not_there(study):
    path, genes, _ = study
    with pytest.raises(KeyError, match="nothere"):
        pancluster(path, [*genes, "nothere"], {"min_cells": 20}, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"algorithm": "kmeans"},
        {"weights": "jaccard"},
        {"resolutions": []},
        {"resolutions": [0]},
        {"min_cells": 0},
        {"n_neighbors": 0},
        {"n_components": 0},
        {"sketch_above": 10, "sketch_cells": 20},
    ],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(ValueError, match=list(wrong)[-1]):
        PanclustSettings(**wrong)


def test_resolutions_are_sorted_and_single():
    assert PanclustSettings(resolutions=[10, 0.1, 1, 1.0]).resolutions == (0.1, 1.0, 10.0)
