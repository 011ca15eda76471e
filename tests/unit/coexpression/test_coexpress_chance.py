import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.coscape.coexpression import chance
from panscape.coscape.coexpression.chance import chance_edges, chance_table, edges_per_cluster, sampled_chance
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.coscape.coexpression.values import Values


def cells(rng, n=1200, genes=40, modules=3, size=6):
    """Draw log counts with modules that are coupled in the first half of the cells only."""
    factor = rng.standard_normal((n, modules)) * (np.arange(n) < n // 2)[:, None]
    rate = np.full((n, genes), -0.3)
    for m in range(modules):
        rate[:, m * size : (m + 1) * size] += 0.9 * factor[:, [m]]
    return sparse.csr_matrix(np.log1p(rng.poisson(np.exp(rate)))).astype(float)


def clusters(n, rng, count=30, size=80):
    rows = [np.arange(n)]
    for i in range(count):
        part = np.arange(n // 2) if i < count // 2 else np.arange(n // 2, n)
        rows.append(np.sort(rng.choice(part, size, replace=False)))
    indptr = np.cumsum([0, *map(len, rows)])
    return sparse.csr_matrix(
        (np.ones(indptr[-1], np.int8), np.concatenate(rows), indptr), shape=(len(rows), n)
    )


def observed_edges(values, members, eta):
    counts = []
    for row in range(members.shape[0]):
        dense = values[members.indices[members.indptr[row] : members.indptr[row + 1]]].toarray()
        with np.errstate(invalid="ignore", divide="ignore"):
            r = np.nan_to_num(np.corrcoef(dense.T))
        counts.append((np.abs(r[np.triu_indices(r.shape[0], 1)]) >= eta).sum())
    return np.array(counts)


@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_chance_edges_match_independent_genes(method, compiled):
    rng = np.random.default_rng(0)
    values = sparse.csr_matrix(np.log1p(rng.poisson(0.4, (600, 120)))).astype(float)
    members = clusters(600, rng, count=12, size=30)
    depth = np.asarray(values.sum(axis=1)).ravel()
    result = chance_edges(values, members, eta=0.3, depth=depth, rng=rng, method=method, compiled=compiled)
    expected = observed_edges(values, members, 0.3)
    assert result[0] <= 2 and expected[0] <= 2  # 600 cells: chance does not reach .3
    np.testing.assert_allclose(result[1:].sum(), expected[1:].sum(), rtol=0.15)


def test_chance_edges_leave_planted_ones_out_and_scale_up():
    rng = np.random.default_rng(0)
    values = cells(rng, n=600, genes=160, modules=10)
    members = clusters(600, rng, count=4, size=60)
    depth = np.asarray(values.sum(axis=1)).ravel()
    options = {"eta": 0.35, "depth": depth, "depth_strata": 1}
    whole = chance_edges(values, members, rng=np.random.default_rng(1), **options)
    assert (whole[1:3] < 0.5 * observed_edges(values, members, 0.35)[1:3]).all()
    part = np.mean(
        [
            chance_edges(values, members, rng=np.random.default_rng(s), work=60 * 100**2, **options)
            for s in range(8)
        ],
        axis=0,
    )
    np.testing.assert_allclose(part[1:].sum(), whole[1:].sum(), rtol=0.25)


@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
def test_depth_strata_keep_what_depth_makes(compiled):
    rng = np.random.default_rng(0)
    depth = rng.lognormal(0, 1, 400)
    values = sparse.csr_matrix(np.log1p(rng.poisson(depth[:, None] * np.ones(60)))).astype(float)
    members = sparse.csr_matrix(np.ones((1, 400), np.int8))
    options = {"eta": 0.3, "depth": depth, "rng": rng, "compiled": compiled}
    plain, strata = (chance_edges(values, members, depth_strata=s, **options)[0] for s in (1, 4))
    assert plain < 5 and strata > 200


def study(n=900, genes=60, seed=5):
    """Return values, clusters and members of a study without any coexpression."""
    rng = np.random.default_rng(seed)
    counts = sparse.csr_matrix(rng.poisson(0.6, (n, genes)).astype(np.float32))
    totals = np.asarray(counts.sum(axis=1)).ravel().astype(float)
    members = clusters(n, rng, count=40, size=50)
    table = pd.DataFrame(
        {"cluster": [f"c{row:02d}" for row in range(members.shape[0])], "n_cells": np.diff(members.indptr)}
    )
    return Values(counts, totals, "log1p", 1.0), table, members


def test_where_nothing_is_coexpressed_all_pairs_are_by_chance():
    values, table, members = study()
    settings = CoexpressionSettings(eta=0.2, normalisation="log1p")
    dense = values.normalised(slice(None))
    edges = observed_edges(dense, members, 0.2)
    sample = sampled_chance(values, table, members, settings, np.random.default_rng(1))
    result = chance_table(table, sample, edges)
    assert len(result) == chance.SAMPLED and result["n_cells"].is_monotonic_increasing
    assert result["n_cells"].iloc[-1] == 900  # all sizes take part, the largest too
    small = result[result["n_cells"] < 900]
    assert small["share"].median() > 0.9 and (small["edges"] > 100).all()
    again = sampled_chance(values, table, members, settings, np.random.default_rng(1))
    pd.testing.assert_series_equal(sample, again)


def test_a_fixed_number_of_pairs_leaves_nothing_to_chance():
    values, table, members = study()
    settings = CoexpressionSettings(eta=0.0, normalisation="log1p", max_pairs=30)
    edges = np.full(len(table), 30)
    sample = sampled_chance(values, table, members, settings, np.random.default_rng(1))
    result = chance_table(table, sample, edges)
    assert result["share"].isna().all() and result["chance"].isna().all()


def test_edges_of_a_cluster_are_its_pairs_of_two_genes():
    pairs = pd.DataFrame({"gene_a": list("aabb"), "gene_b": list("abbc")})  # a-a and b-b are the diagonal
    matrix = sparse.csr_matrix(np.array([[1, 0.5, 1, 0], [0, 0, 0, 0], [1, 0, 0, -0.4], [0, 0.3, 1, 0.9]]))
    assert edges_per_cluster(matrix, pairs).tolist() == [1, 0, 1, 2]
