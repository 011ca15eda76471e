"""The shape of the result, the clusters' expression, and wrong input."""

import anndata
import numpy as np
import pytest
from counts_of_cells import clusters_of, modules, nested, write
from scipy import sparse

from panscape.coscape.coexpression.coexpress import coexpress
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.data.files import read_tsv, write_tsv


@pytest.fixture
def study(tmp_path):
    counts = modules(150, 20)
    counts[:, 5] = 0
    genes = write(tmp_path / "counts.h5ad", counts)
    return tmp_path / "counts.h5ad", genes, counts


def test_expression_is_the_plain_average(study, tmp_path):
    path, genes, counts = study
    clusters, members = nested(150)
    result = coexpress(path, genes, clusters, members, {}).expression
    totals = counts.sum(axis=1)
    scaled = np.log1p(counts * (np.median(totals) / totals)[:, None])
    for row in range(len(clusters)):
        cells = members[row].indices
        assert np.allclose(result.X[row], np.exp(np.log(1 + counts[cells]).mean(axis=0)) - 1, rtol=1e-5)
        assert np.allclose(result.layers["mean"][row], scaled[cells].mean(axis=0), rtol=1e-5)
        assert np.allclose(result.layers["detection"][row], (counts[cells] > 0).mean(axis=0))
    result.write_h5ad(tmp_path / "expression.h5ad")
    again = anndata.read_h5ad(tmp_path / "expression.h5ad")
    assert list(again.obs_names) == list(clusters["cluster"])
    assert list(again.var_names) == genes


def test_clusters_as_read_from_their_file(study, tmp_path):
    path, genes, _ = study
    clusters, members = nested(150)
    write_tsv(clusters, tmp_path / "clusters.tsv")
    again = read_tsv(tmp_path / "clusters.tsv")
    assert again["parent"].isna().iloc[0]
    one, two = (coexpress(path, genes, table, members, {}) for table in (clusters, again))
    assert (one.matrix != two.matrix).nnz == 0
    two.expression.write_h5ad(tmp_path / "expression.h5ad")


def test_every_column_is_used_and_the_diagonal_says_which_genes_vary(study):
    path, genes, _ = study
    clusters, members = nested(150)
    result = coexpress(path, genes, clusters, members, {"eta": 0.4})
    assert (result.matrix.getnnz(axis=0) > 0).all()
    assert result.matrix.has_canonical_format and result.matrix.dtype == np.float32
    diagonal = result.pairs["gene_a"] == result.pairs["gene_b"]
    assert set(result.pairs["gene_a"][diagonal]) == set(genes) - {"g5"}
    assert set(result.matrix[:, np.flatnonzero(diagonal)].data) == {1.0}
    strong = result.matrix[:, np.flatnonzero(~diagonal)].data
    assert np.abs(strong).min() >= np.float32(0.4)


def test_only_a_root(study):
    path, genes, counts = study
    clusters, members = clusters_of({"lab-all": ("", np.arange(150))})
    result = coexpress(path, genes, clusters, members, {"eta": 1.0})
    assert result.matrix.shape == (1, 19)  # nothing but the diagonal reaches 1
    assert result.expression.shape == (1, counts.shape[1])


def test_genes_that_are_not_there(study):
    path, genes, _ = study
    clusters, members = nested(150)
    with pytest.raises(KeyError, match="nothere"):
        coexpress(path, [*genes, "nothere"], clusters, members, {})


def test_members_of_another_study(study):
    path, genes, _ = study
    clusters, members = nested(140)
    with pytest.raises(ValueError, match="150 cells"):
        coexpress(path, genes, clusters, members, {})
    clusters, members = nested(150)
    with pytest.raises(ValueError, match="9 clusters"):
        coexpress(path, genes, clusters.iloc[:9], members, {})


@pytest.mark.parametrize(("how", "expected"), [("geometric-mean", 2.3166), ("ratio", 0.5528), ("mean", 5.0)])
def test_expression_of_counts_0_and_10_as_published_and_as_released(tmp_path, how, expected):
    counts = modules(150, 20)
    counts[:, 3] = np.arange(150) % 2 * 10
    genes = write(tmp_path / "counts.h5ad", counts)
    clusters, _ = nested(150)
    members = sparse.csr_matrix(np.tile(np.ones(150), (len(clusters), 1)))
    result = coexpress(tmp_path / "counts.h5ad", genes, clusters, members, {"expression": how}).expression
    assert result.X[0, genes.index(genes[3])] == pytest.approx(expected, abs=1e-4)
    logs, plain = np.log1p(counts).mean(axis=0), counts.mean(axis=0)
    whole = {"geometric-mean": np.exp(logs) - 1, "ratio": np.exp(logs) / (plain + 1), "mean": plain}[how]
    assert np.allclose(result.X[0], whole, rtol=1e-5)
    with pytest.raises(ValueError, match="expression"):
        CoexpressionSettings(expression="median")


def test_input_is_left_alone(study):
    path, genes, _ = study
    clusters, members = nested(150)
    before = (clusters.copy(), members.copy())
    coexpress(path, genes, clusters, members, {"estimator": "spearman"})
    assert clusters.equals(before[0])
    assert (members != before[1]).nnz == 0


def test_expression_over_the_genes_of_the_collection_is_missing_where_not_measured(study):
    path, genes, _ = study
    clusters, members = nested(150)
    measured, everything = genes[:3] + genes[6:], [*genes[:6], "OTHER", *genes[6:]]
    alone = coexpress(path, measured, clusters, members, {})
    result = coexpress(path, measured, clusters, members, {}, all_genes=everything)
    assert list(result.expression.var_names) == everything
    missing = [*genes[3:6], "OTHER"]
    for values, plain in (
        (result.expression, alone.expression),
        *((result.expression.layers[k], alone.expression.layers[k]) for k in ("mean", "detection")),
    ):
        dense = values.X if hasattr(values, "X") else values
        assert np.isnan(dense[:, np.isin(everything, missing)]).all()
        kept = dense[:, ~np.isin(everything, missing)]
        np.testing.assert_array_equal(kept, plain.X if hasattr(plain, "X") else plain)
    assert (result.matrix != alone.matrix).nnz == 0 and result.pairs.equals(alone.pairs)
    same = coexpress(path, genes, clusters, members, {}, all_genes=genes).expression
    assert not np.isnan(same.X).any()
    with pytest.raises(ValueError, match="is not among the genes of the collection"):
        coexpress(path, measured, clusters, members, {}, all_genes=genes[:4])
