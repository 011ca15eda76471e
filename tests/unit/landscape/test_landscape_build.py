"""The whole landscape: order, nulls, disconnected parts, faithful options, files."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from landscape_cases import study
from scipy import sparse
from scipy.stats import spearmanr

from panscape.coscape import landscape
from panscape.coscape.landscape.build import compute_landscape, gather_clusters
from panscape.coscape.landscape.layout import force_layout
from panscape.coscape.landscape.rank import rank_pairs
from panscape.coscape.landscape.read import read_study
from panscape.coscape.landscape.sensitivity import sensitivity_table
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.vectors import landscape_vectors
from panscape.coscape.landscape.write import cluster_table, landscape_to_anndata
from panscape.data.files import read_tsv, write_csr, write_tsv
from panscape.errors import UserError
from panscape.graph.distances import squared_distances
from panscape.plot.sensitivity import plot_sensitivity

QUICK = LandscapeSettings(
    distance="thresholded", n_neighbors=7, permutations=99, layout_iterations=20, min_pairs=5
)


def two():
    return [study("one", 25, genes=30, ages=(0, 7)), study("two", 25, genes=30, ages=(3, 10))]


@pytest.fixture(scope="module")
def result():
    return compute_landscape(two(), QUICK, 1)


def value(table, space, statistic, column="value"):
    rows = table[(table["space"] == space) & (table["statistic"] == statistic)]
    assert len(rows) == 1
    return rows[column].iloc[0]


def test_age_is_recovered_beside_its_null(result):
    table = result.statistics
    assert list(table.columns) == [
        "space", "statistic", "value", "low", "high", "null_mean", "null_sd", "pvalue", "n", "units", "note",
    ]  # fmt: skip
    assert value(table, "coexpression", "rho_age") > 0.9
    assert value(table, "coexpression", "rho_age", "null_mean") < 0.35
    assert value(table, "coexpression", "rho_age", "pvalue") == pytest.approx(0.01)
    assert value(table, "coexpression", "rho_age_within_studies") > 0.8
    assert value(table, "coexpression", "rho_age_reached") > 0.9
    assert value(table, "coexpression", "rho_age_reached", "n") == 50
    assert np.isnan(value(table, "coexpression", "partial_rho_age"))  # size follows age within a study
    assert "nothing is left" in value(table, "coexpression", "partial_rho_age", "note")
    assert value(table, "coexpression", "rho_age_other_studies") > 0.8
    assert value(table, "coexpression", "other_study_share") > value(table, "expression", "other_study_share")
    assert value(table, "coexpression", "reached") == 50
    for space in (
        "n_cells", "n_counts", "diagonal", "detected", "expression", "expression-pca", "common-pairs",
    ):  # fmt: skip
        row = table[(table["space"] == space) & (table["statistic"] == "rho_age")].iloc[0]
        assert row["n"] == 25  # expression space falls apart into the studies
        assert row["low"] <= row["high"]
    assert value(table, "coexpression", "rho_age", "units") == "400 cell"
    assert not table.duplicated(["space", "statistic"]).any()


def test_root_and_missing_ages(result):
    clusters = result.data.clusters
    assert result.space.root == int(clusters["age"].to_numpy().argmin())
    named = compute_landscape(two(), replace(QUICK, root="two-r1-l0-c20", permutations=0), 1)
    assert named.data.clusters["cluster"].iloc[named.space.root] == "two-r1-l0-c20"
    assert named.space.pseudotime[named.space.root] == 0
    none = compute_landscape(two(), replace(QUICK, root="none", permutations=0), 1)
    assert np.isnan(none.space.pseudotime).all()
    assert none.genes["rho"].isna().all()
    assert none.pairs["rho"].isna().all()
    late = compute_landscape(two(), replace(QUICK, root_below=6.0, permutations=0), 1)
    assert late.space.root == 0
    with pytest.raises(UserError, match=r"landscape\.root: there is no cluster x"):
        compute_landscape(two(), replace(QUICK, root="x"), 1)
    without = [
        replace(part, clusters=part.clusters.drop(columns="age"), cells=part.cells.drop(columns="age"))
        for part in two()
    ]
    with pytest.raises(UserError, match=r"landscape\.root"):
        compute_landscape(without, QUICK, 1)
    assert np.isfinite(
        compute_landscape(without, replace(QUICK, root="one-r1-l0-c0"), 1).space.pseudotime
    ).all()
    half = [two()[0], without[1]]
    half[1] = replace(half[1], clusters=half[1].clusters.assign(age=np.nan))
    assert value(compute_landscape(half, QUICK, 1).statistics, "coexpression", "rho_age", "n") == 25


def test_clusters_without_pairs_stand_alone():
    parts = two()
    matrix = parts[1].matrix.toarray()
    matrix[[0, 4]] = 0
    parts[1] = replace(parts[1], matrix=sparse.csr_matrix(matrix))
    result = compute_landscape(parts, QUICK, 1)
    time = result.space.pseudotime
    assert np.flatnonzero(np.isnan(time)).tolist() == [25, 29]
    assert result.data.clusters["n_used_pairs"].iloc[[25, 29]].tolist() == [0, 0]
    assert len(np.unique(result.space.diffusion.component)) == 3
    assert np.isfinite(result.layout).all()
    few = compute_landscape(parts, replace(QUICK, min_pairs=10_000, root="none"), 1)
    assert few.space.weights.nnz == 0
    with pytest.raises(UserError, match="no cluster with an age has enough gene pairs"):
        compute_landscape(parts, replace(QUICK, min_pairs=10_000), 1)
    youngest = parts[0].matrix.toarray()
    youngest[0] = 0
    parts[0] = replace(parts[0], matrix=sparse.csr_matrix(youngest))
    assert compute_landscape(parts, QUICK, 1).space.root == 1


def test_same_seed_same_landscape(result):
    again = compute_landscape(two(), QUICK, 1)
    np.testing.assert_array_equal(result.layout, again.layout)
    pd.testing.assert_frame_equal(result.statistics, again.statistics)
    other = compute_landscape(two(), QUICK, 2)
    np.testing.assert_array_equal(result.space.pseudotime, other.space.pseudotime)
    assert not np.array_equal(result.layout, other.layout)


def test_duplicates_take_part_but_are_listed_once():
    settings = replace(QUICK, duplicates=True, diagonal=True, symmetric=True, metric="euclidean", min_pairs=0)
    result = compute_landscape(two(), settings, 1)
    total = sum(part.clusters["multiplicity"].sum() for part in two())
    assert len(result.data.clusters) == total
    assert value(result.statistics, "coexpression", "components", "n") == total
    table = cluster_table(result)
    assert len(table) == 50
    assert table["cluster"].is_unique
    data = landscape_to_anndata(result)
    assert data.obsp["connectivities"].shape == (50, 50)


def test_published_distance_is_that_of_whole_matrices():
    settings = replace(QUICK, diagonal=True, symmetric=True, metric="euclidean", min_expected=0, min_pairs=0)
    data = gather_clusters(two(), settings)
    vectors = landscape_vectors(data, settings)
    genes = len(data.genes)
    full = np.zeros((50, genes, genes))
    full[:, data.pairs[:, 0], data.pairs[:, 1]] = data.matrix.toarray()
    full[:, data.pairs[:, 1], data.pairs[:, 0]] = data.matrix.toarray()
    flat = full.reshape(50, -1)
    expected = ((flat[:, None] - flat[None]) ** 2).sum(axis=-1)
    result, _ = squared_distances(vectors, "euclidean")
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_anndata_goes_on_in_scanpy(result, tmp_path):
    import anndata

    path = tmp_path / "landscape.h5ad"
    landscape_to_anndata(result).write_h5ad(path)
    data = anndata.read_h5ad(path)
    assert data.shape == (50, 30)
    assert {"study", "n_cells", "n_pairs", "age", "n_counts", "dpt_pseudotime", "component"} <= set(data.obs)
    assert data.obsm["X_draw_graph_fa"].shape == (50, 2)
    assert data.obsp["distances"].nnz == 50 * 7
    assert data.uns["parameters"]["metric"] == "cosine"
    assert data.uns["statistics"].shape == result.statistics.shape
    assert data.obs_names[data.uns["iroot"]] == data.uns["root"]
    import scanpy as sc

    sc.tl.diffmap(data)
    sc.tl.dpt(data)
    np.testing.assert_allclose(data.obs["dpt_pseudotime"], result.space.pseudotime, atol=2e-3)


def test_gene_and_pair_rankings(result):
    genes = result.genes
    assert list(genes.columns[:4]) == ["gene", "rho", "pvalue", "fdr"]
    rho = genes.set_index("gene")["rho"]
    assert rho["g29"] > 0.5  # means rise with the gene's number
    assert rho["g0"] < -0.5
    assert genes["rho"].abs().is_monotonic_decreasing
    assert (genes["fdr"] >= genes["pvalue"]).all()
    pairs = result.pairs
    assert (pairs["gene_a"] != pairs["gene_b"]).all()
    data = result.data
    position = {gene: at for at, gene in enumerate(data.genes)}
    first = pairs.iloc[0]
    column = np.flatnonzero(
        (data.pairs == [position[first["gene_a"]], position[first["gene_b"]]]).all(axis=1)
    )
    expected = spearmanr(data.matrix[:, column].toarray().ravel(), result.space.pseudotime).statistic
    assert first["rho"] == pytest.approx(expected, abs=1e-9)
    assert len(rank_pairs(data, result.space.pseudotime, listed=7)) == 7


def test_layout_packs_parts_apart():
    block = np.ones((12, 12)) - np.eye(12)
    weights = sparse.csr_matrix(sparse.block_diag([block, block, np.zeros((1, 1))]))
    place = force_layout(weights, 3, iterations=50)
    np.testing.assert_array_equal(place, force_layout(weights, 3, iterations=50))
    boxes = [(part.min(axis=0), part.max(axis=0)) for part in (place[:12], place[12:24], place[24:])]
    for at, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[at + 1 :]:
            assert (high < other_low).any() or (other_high < low).any()
    assert force_layout(weights, 3, iterations=5, pack=False).shape == (25, 2)


def test_too_few_clusters_and_bad_settings():
    with pytest.raises(UserError, match=r"panclust\.min_cells"):
        compute_landscape([study("one", 2)], QUICK, 0)
    with pytest.raises(ValueError, match="distance"):
        LandscapeSettings(distance="manhattan")
    with pytest.raises(ValueError, match="n_neighbors"):
        LandscapeSettings(n_neighbors=0)
    assert LandscapeSettings.of({"neighbours": 20}) == LandscapeSettings(n_neighbors=19)
    three = compute_landscape([study("one", 3)], replace(QUICK, permutations=0, min_pairs=0), 0)
    assert np.isfinite(three.space.pseudotime).all()


def test_sensitivity_table_and_figure():
    table = sensitivity_table(two(), QUICK, eta=[0.3, 0.6], n_neighbors=[4, 7])
    configured, table = table.iloc[0], table.iloc[1:]
    assert table[["eta", "neighbours"]].to_numpy().tolist() == [[0.3, 5], [0.3, 8], [0.6, 5], [0.6, 8]]
    assert configured["varied"] == "as configured" and configured["rho_configured"] == pytest.approx(1)
    row = table[(table["eta"] == 0.3) & (table["neighbours"] == 8)].iloc[0]
    expected = value(
        compute_landscape(two(), replace(QUICK, eta=0.3), 1).statistics, "coexpression", "rho_age_reached"
    )
    assert row["rho_age"] == pytest.approx(expected)
    assert table["pairs"].iloc[2] < table["pairs"].iloc[0]
    assert len(plot_sensitivity(table).axes[0].lines) == 3


def test_study_is_read_from_the_files_of_the_stages(tmp_path):
    import anndata

    part = study("one", 4, genes=5)
    members = sparse.csr_matrix(np.repeat(np.eye(4, dtype=np.int8), 3, axis=1))
    cells = pd.DataFrame({"age": np.arange(12.0), "study": "one"}, index=[f"c{at}" for at in range(12)])
    anndata.AnnData(sparse.csr_matrix((12, 1), dtype=np.float32), obs=cells).write_h5ad(
        tmp_path / "counts.h5ad"
    )
    table = part.clusters.drop(columns=["age", "n_counts"])
    write_tsv(table, tmp_path / "clusters.tsv")
    write_csr(members, tmp_path / "members.npz")
    write_csr(part.matrix, tmp_path / "matrices.npz")
    names = part.genes[part.pairs]
    write_tsv(pd.DataFrame(names, columns=["gene_a", "gene_b"]), tmp_path / "pairs.tsv")
    expression = anndata.AnnData(part.expression, layers={"mean": part.mean, "detection": part.detection})
    expression.obs_names, expression.var_names = table["cluster"].to_numpy(), part.genes.astype(str)
    expression.write_h5ad(tmp_path / "expression.h5ad")
    paths = {
        "counts": tmp_path / "counts.h5ad",
        **{name: tmp_path / f"{name}.tsv" for name in ("clusters", "pairs")},
        **{name: tmp_path / f"{name}.npz" for name in ("members", "matrices")},
        "expression": tmp_path / "expression.h5ad",
    }
    result = read_study("one", **paths)
    np.testing.assert_allclose(result.clusters["age"], [1, 4, 7, 10])
    np.testing.assert_array_equal(result.matrix.toarray(), part.matrix.toarray())
    np.testing.assert_array_equal(result.pairs, part.pairs)
    assert read_tsv(tmp_path / "clusters.tsv")["cluster"].tolist() == result.clusters["cluster"].tolist()
    write_tsv(table[::-1], tmp_path / "clusters.tsv")
    with pytest.raises(UserError, match=r"expression\.h5ad"):
        read_study("one", **paths)


def test_schema_and_settings_have_the_same_defaults():
    from dataclasses import fields
    from pathlib import Path

    import yaml

    path = Path(landscape.__file__).parents[3] / "schemas" / "stages" / "landscape.yaml"
    keys = yaml.safe_load(path.read_text())["properties"]
    defaults = {field.name: field.default for field in fields(LandscapeSettings)}
    defaults["neighbor_sweep"] = list(defaults["neighbor_sweep"])
    assert {name: keys[name]["default"] for name in defaults} == defaults
    assert set(keys) == {*defaults, "sensitivity"}
