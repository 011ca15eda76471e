import logging

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data.counts import Counts
from panscape.errors import UserError
from panscape.preprocess.patterns import gene_group, pattern
from panscape.preprocess.qc import qc
from panscape.preprocess.settings import QcSettings

GENES = pd.Index([f"G{at}" for at in range(36)] + ["MT-ND1", "MT-CO1", "RPS3", "RPL10A"])


def made_up(n=150, seed=0):
    """Return counts (with stored zeros) and annotations of cells of very different depth."""
    rng = np.random.default_rng(seed)
    means = rng.gamma(0.3, 2.0, len(GENES)) * rng.gamma(1.0, 1.0, (n, 1))
    means[:, 36:] = means.mean() * rng.choice([0.2, 4.0], (n, 2)).repeat(2, axis=1)
    means[:, 5] = 0.008
    matrix = sparse.csr_matrix(rng.poisson(means).astype(np.float32))
    matrix.data[7] = 0  # stays as a stored zero
    obs = pd.DataFrame(
        {"age": rng.uniform(0, 9, n), "batch": pd.Categorical(rng.choice(["x", "y"], n))},
        index=[f"cell{at}" for at in range(n)],
    )
    return matrix, obs


def blocks(matrix, size=40):
    for start in range(0, matrix.shape[0], size):
        stop = min(start + size, matrix.shape[0])
        yield slice(start, stop), matrix[start:stop].copy()


def run(matrix, obs, path, size=40, genes=GENES, keep=None, **limits):
    limits = {"min_genes": 0, "max_mito": 1.0, "min_cells_per_gene": 0, **limits}
    settings = QcSettings(**limits)
    return qc(blocks(matrix, size), obs, genes, path, settings, study="s1", species="human", keep=keep)


def brute_force(dense, keep, *, min_counts, min_genes, max_mito, max_ribo, min_cells_per_gene):
    """Filter one cell after the other, as a reader of the documentation would."""
    removed = []
    for row, wanted in zip(dense, keep, strict=True):
        total = row.sum()
        mito = row[36:38].sum() / total if total else 0
        ribo = row[38:].sum() / total if total else 0
        if not wanted:
            removed.append("keep")
        elif total < min_counts:
            removed.append("min_counts")
        elif (row > 0).sum() < min_genes:
            removed.append("min_genes")
        elif mito > max_mito:
            removed.append("max_mito")
        else:
            removed.append("max_ribo" if ribo > max_ribo else "")
    removed = np.array(removed)
    left = dense[removed == ""]
    return removed, (left > 0).sum(axis=0) >= min_cells_per_gene


LIMITS = {"min_counts": 6, "min_genes": 8, "max_mito": 0.3, "max_ribo": 0.2, "min_cells_per_gene": 4}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1, 40, 1000])
def test_against_one_cell_after_the_other(tmp_path, seed, size):
    matrix, obs = made_up(seed=seed)
    keep = np.random.default_rng(seed).random(len(obs)) < 0.8
    result = run(matrix, obs, tmp_path / "counts.h5ad", size, keep=keep, **LIMITS)
    dense = matrix.toarray()
    removed, enough = brute_force(dense, keep, **LIMITS)
    np.testing.assert_array_equal(result.cells["removed_by"], removed)
    expected = dense[removed == ""][:, enough]
    assert len(set(removed)) == 6 and not enough.all()  # every filter had something to do
    data = anndata.read_h5ad(tmp_path / "counts.h5ad")
    np.testing.assert_array_equal(data.X.toarray(), expected)
    assert list(data.var_names) == list(GENES[enough])
    assert list(data.obs_names) == list(obs.index[removed == ""])
    np.testing.assert_array_equal(data.obs["n_counts"], expected.sum(axis=1))
    np.testing.assert_array_equal(data.obs["n_genes"], (expected > 0).sum(axis=1))
    np.testing.assert_array_equal(data.obs["age"], obs.loc[removed == "", "age"])
    assert (data.obs["study"] == "s1").all() and list(data.obs.columns[:3]) == ["study", "age", "batch"]
    table = result.table.set_index("filter")
    for name in ("keep", "min_counts", "min_genes", "max_mito", "max_ribo"):
        assert table.loc[name, "removed"] == (removed == name).sum()
    assert table.loc["max_ribo", "left"] == len(expected)
    assert table.loc["min_cells_per_gene", ["removed", "left", "unit"]].tolist() == [
        (~enough).sum(),
        enough.sum(),
        "genes",
    ]
    assert [item.name for item in tmp_path.iterdir()] == ["counts.h5ad"]


def test_moments_are_those_of_the_cells_left(tmp_path):
    matrix, obs = made_up()
    result = run(matrix, obs, tmp_path / "c.h5ad", **LIMITS)
    dense = anndata.read_h5ad(tmp_path / "c.h5ad").X.toarray().astype(float)
    genes = result.genes
    np.testing.assert_array_equal(genes["n_cells"], (dense > 0).sum(axis=0))
    np.testing.assert_allclose(genes["mean"], dense.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(genes["variance"], dense.var(axis=0), rtol=1e-9)
    np.testing.assert_allclose(genes["dispersion"], dense.var(axis=0) / dense.mean(axis=0), rtol=1e-9)


def test_a_gene_without_counts_has_no_dispersion(tmp_path):
    matrix, obs = made_up()
    matrix = matrix.tolil()
    matrix[:, 2] = 0
    genes = run(matrix.tocsr(), obs, tmp_path / "c.h5ad").genes.set_index("gene")
    assert genes.loc["G2", ["n_cells", "mean", "variance", "dispersion"]].tolist() == [0, 0, 0, 0]


def test_a_cell_without_counts_passes_when_nothing_forbids_it(tmp_path):
    matrix, obs = made_up()
    matrix = matrix.tolil()
    matrix[3] = 0
    run(matrix.tocsr(), obs, tmp_path / "c.h5ad")
    cell = Counts(tmp_path / "c.h5ad").obs.loc["cell3"]
    assert cell[["n_counts", "n_genes", "mito_share", "ribo_share"]].tolist() == [0, 0, 0, 0]


def test_limits_themselves_pass(tmp_path):
    dense = np.ones((6, 40), dtype=np.float32)
    obs = pd.DataFrame(index=[f"c{at}" for at in range(6)])
    limits = {"min_counts": 40, "min_genes": 40, "max_mito": 0.05, "max_ribo": 0.05, "min_cells_per_gene": 6}
    result = run(sparse.csr_matrix(dense), obs, tmp_path / "c.h5ad", **limits)
    assert result.table["removed"].sum() == 0


def test_large_counts_are_summed_exactly(tmp_path):
    dense = np.zeros((40, 40), dtype=np.float32)
    dense[:, 0], dense[:, 1] = 3_000_001, np.arange(40) + 1
    obs = pd.DataFrame(index=[f"c{at}" for at in range(40)])
    result = run(sparse.csr_matrix(dense), obs, tmp_path / "c.h5ad")
    np.testing.assert_array_equal(result.cells["n_counts"], dense.astype(float).sum(axis=1))
    assert result.genes.loc[0, "variance"] == 0


def test_all_cells_filtered_says_by_what_and_what_to_set(tmp_path):
    matrix, obs = made_up()
    with pytest.raises(UserError) as caught:
        run(matrix, obs, tmp_path / "counts.h5ad", min_counts=3, min_genes=500)
    text = str(caught.value)
    few = int((np.asarray(matrix.sum(axis=1)).ravel() < 3).sum())
    assert few and f"kept 0 of 150 cells; min_counts 3 removed {few}; " in text
    assert f"; min_genes 500 removed {len(obs) - few}; median 9.5 genes a cell" in text
    assert "study 's1'" in text and "no cell of 150 is left" in text
    # the figure can be drawn of what was measured
    assert (caught.value.result.cells["removed_by"] != "").all()
    # both of what it advises leads on
    assert "in the entry of study 's1' write qc: {min_genes: auto} (or a number up to about 3)" in text
    for advice in (3, "auto"):
        made = run(matrix, obs, tmp_path / "counts.h5ad", min_counts=3, min_genes=advice)
        assert made.table["left"].iloc[3] > 130
    assert [item.name for item in tmp_path.iterdir()] == ["counts.h5ad"]


def test_all_cells_above_a_share(tmp_path):
    matrix, obs = made_up()
    words = r"max_ribo 0 removed.*ribo_share of the cells.*study 's1' write qc: {max_ribo: 1}"
    with pytest.raises(UserError, match=words):
        run(matrix[:, 38:], obs, tmp_path / "c.h5ad", genes=GENES[38:], max_ribo=0.0, min_counts=1)


@pytest.mark.parametrize(
    ("n", "keep", "words"),
    [
        (1, None, "only one cell of 1 is left -> leave the study out"),
        (20, np.arange(20) < 0, "keep removed 20 -> correct the study's keep"),
        (20, np.arange(20) == 3, "only one cell of 20 is left"),
    ],
)
def test_too_few_cells(tmp_path, n, keep, words):
    matrix, obs = made_up()
    with pytest.raises(UserError) as caught:
        run(matrix[:n], obs.iloc[:n], tmp_path / "c.h5ad", keep=keep)
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("n", "m"), [(0, 40), (5, 0)])
def test_an_empty_study(tmp_path, n, m):
    matrix, obs = made_up()
    with pytest.raises(UserError, match=f"study 's1': it is empty: {n} cells, {m} genes"):
        run(matrix[:n, :m], obs.iloc[:n], tmp_path / "c.h5ad", genes=GENES[:m])


def test_no_gene_left(tmp_path):
    matrix, obs = made_up()
    with pytest.raises(UserError, match=r"preprocess\.min_cells_per_gene"):
        run(matrix, obs, tmp_path / "c.h5ad", min_cells_per_gene=10_000)


@pytest.mark.parametrize("value", [-1.0, 0.5, np.nan, np.inf])
def test_a_value_that_is_no_count_is_found_in_any_block(tmp_path, value):
    matrix, obs = made_up()
    matrix.data[-1] = value
    with pytest.raises(UserError, match=r"study 's1', counts \(cells 121 to 150\)"):
        run(matrix, obs, tmp_path / "c.h5ad")
    assert not list(tmp_path.iterdir())


def test_blocks_that_do_not_cover_the_cells(tmp_path):
    matrix, obs = made_up()
    with pytest.raises(ValueError, match="blocks have 100 of 150 cells"):
        run(matrix[:100], obs, tmp_path / "c.h5ad")


def test_columns_of_the_input_that_panscape_makes_itself_are_replaced(tmp_path):
    matrix, obs = made_up()
    run(matrix, obs.assign(n_counts=-1, study="other"), tmp_path / "c.h5ad")
    table = Counts(tmp_path / "c.h5ad").obs
    assert (table["n_counts"] >= 0).all() and (table["study"] == "s1").all() and table.columns.is_unique


@pytest.mark.parametrize(
    ("species", "name", "group"),
    [
        ("human", "MT-ND4L", "mitochondrial"),
        ("mouse", "mt-Co1", "mitochondrial"),
        ("worm", "nduo-4", "mitochondrial"),
        ("worm", "MTCE.33", "mitochondrial"),
        ("worm", "ctc-3", "mitochondrial"),
        ("other", "mt:CoI", "mitochondrial"),
        ("human", "RPS4X", "ribosomal"),
        ("human", "RPSA", "ribosomal"),
        ("human", "RPLP0", "ribosomal"),
        ("mouse", "Rpl13a", "ribosomal"),
        ("worm", "rpl-41.2", "ribosomal"),
        ("human", "RPS6KA1", None),
        ("mouse", "Rps6kb2", None),
        ("mouse", "Rps19bp1", None),
        ("mouse", "Mt1", None),
        ("human", "MTOR", None),
        ("worm", "mtl-1", None),
        ("worm", "ctb-10", None),
    ],
)
def test_groups_of_genes(species, name, group):
    for each in ("mitochondrial", "ribosomal"):
        matches = gene_group([name], pattern(each, species))
        assert matches.tolist() == [each == group]


def test_own_patterns(tmp_path):
    matrix, obs = made_up()
    result = run(matrix, obs, tmp_path / "c.h5ad", mito_pattern="^G[0-4]$")
    dense = matrix.toarray()
    counted = dense.sum(axis=1) > 0
    expected = dense[counted, :5].sum(axis=1) / dense[counted].sum(axis=1)
    np.testing.assert_allclose(result.cells["mito_share"].to_numpy()[counted], expected)
    with pytest.raises(UserError, match=r"preprocess\.mito_pattern"):
        run(matrix, obs, tmp_path / "c.h5ad", mito_pattern="(")


def test_a_limit_without_genes_to_apply_to_is_told(tmp_path, caplog):
    matrix, obs = made_up()
    with caplog.at_level(logging.WARNING, logger="panscape"):
        run(matrix[:, :36], obs, tmp_path / "c.h5ad", genes=GENES[:36], max_mito=0.2)
    assert "max_mito = 0.2 removes nothing" in caplog.text


def test_settings_of_a_study_go_over_those_of_the_collection():
    section = {"min_genes": 300, "max_mito": 0.1, "n_genes": 2000, "normalisation": "log1p"}
    assert QcSettings.of(section, {"min_genes": 50}) == QcSettings(min_genes=50, max_mito=0.1)
    assert QcSettings.of(QcSettings(max_ribo=0.3), {"min_counts": 7}) == QcSettings(
        max_ribo=0.3, min_counts=7
    )
    with pytest.raises(ValueError, match="max_mito"):
        QcSettings(max_mito=20)
