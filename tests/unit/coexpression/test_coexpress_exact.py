"""Every correlation against numpy and scipy in float64, on every route."""

import numpy as np
import pytest
from counts_of_cells import clusters_of, modules, nested, write
from scipy import sparse, stats

from panscape.coscape.coexpression import coexpress as engine
from panscape.coscape.coexpression import nesting
from panscape.coscape.coexpression.coexpress import coexpress
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.coscape.coexpression.values import Values


def reference(counts, totals, cells, method, normalisation):
    values = counts.astype(np.float64)
    if normalisation == "depth-log1p":
        totals = totals.astype(np.float64)
        values = values * (np.median(totals) / totals)[:, None]
    values = np.log1p(values)[cells].astype(np.float32).astype(np.float64)
    if method == "spearman":
        values = stats.rankdata(values, axis=0)
    varies = values.max(axis=0) > values.min(axis=0)
    r = np.zeros((counts.shape[1],) * 2)
    r[np.ix_(varies, varies)] = np.corrcoef(values[:, varies].T)
    np.fill_diagonal(r, varies)
    return np.triu(r)


def dense(matrix, pairs, row, n_genes):
    result = np.zeros((n_genes, n_genes))
    first, second = (pairs[column].str[1:].astype(int).to_numpy() for column in ("gene_a", "gene_b"))
    result[first, second] = matrix[row].toarray().ravel()
    return result


def odd_columns(counts):
    """Make some genes awkward: absent, constant, all but constant, present once, absent once."""
    counts[:, 0] = 0
    counts[:, 1] = 3
    counts[:, 2] = 50_000
    counts[3, 2] = 50_001
    counts[:, 3] = 0
    counts[5, 3] = 2
    counts[:, 4] = 1
    counts[7, 4] = 0
    return counts


@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize("normalisation", ["log1p", "depth-log1p"])
@pytest.mark.parametrize("n_sparse", [0, 37, 60])
def test_equals_numpy_and_scipy(tmp_path, monkeypatch, method, normalisation, n_sparse):
    monkeypatch.setattr(nesting, "SMALLEST_PART", 20)  # the sums of these small clusters are added up, too
    monkeypatch.setattr("panscape.coscape.coexpression.values.CHUNK_CELLS", 101)
    counts = odd_columns(modules(400, 60))
    genes = write(tmp_path / "counts.h5ad", counts, extra=7)
    clusters, members = nested(400)
    values = Values.load(tmp_path / "counts.h5ad", genes, normalisation)
    for eta in (0.0, 0.25):
        settings = CoexpressionSettings(estimator=method, eta=eta, normalisation=normalisation)
        kept = engine.correlate_clusters(values, members, settings, 2, n_sparse=n_sparse)
        matrix, pairs = engine._assemble(kept, genes, len(clusters))
        for row in range(len(clusters)):
            truth = reference(counts, counts.sum(axis=1) + 7, members[row].indices, method, normalisation)
            truth[np.abs(truth) < max(eta, 1e-12)] = 0
            result = dense(matrix, pairs, row, 60)
            result[np.abs(result) < 1e-12] = 0
            assert np.array_equal(result != 0, truth != 0)
            assert np.abs(result - truth).max() < 1e-7  # float32


def test_public_function_takes_the_same_route_for_any_threads(tmp_path):
    counts = modules(300, 40, seed=3)
    genes = write(tmp_path / "counts.h5ad", counts)
    clusters, members = nested(300)
    for method in ("pearson", "spearman", "corrected"):
        one, two = (
            coexpress(
                tmp_path / "counts.h5ad", genes, clusters, members, {"estimator": method}, threads=threads
            )
            for threads in (1, 2)
        )
        assert one.pairs.equals(two.pairs)
        assert np.array_equal(one.matrix.indices, two.matrix.indices)
        assert np.abs(one.matrix.data - two.matrix.data).max() < 1e-7


def test_order_of_genes_is_that_of_the_pairs(tmp_path):
    counts = modules(200, 12)
    genes = write(tmp_path / "counts.h5ad", counts)
    clusters, members = clusters_of({"all": ("", np.arange(200))})
    chosen = ["g9", "g2", "g11", "g0"]
    result = coexpress(
        tmp_path / "counts.h5ad", chosen, clusters, members, {"eta": 0, "normalisation": "log1p"}
    )
    assert len(genes) == 12
    pairs = [(a, b) for i, a in enumerate(chosen) for b in chosen[i:]]
    assert list(result.pairs.itertuples(index=False, name=None)) == pairs
    values = np.log1p(counts[:, [9, 2, 11, 0]])
    truth = np.corrcoef(values.T)[np.triu_indices(4)]
    assert np.allclose(result.matrix.toarray().ravel(), truth, atol=1e-6)
    assert list(result.expression.var_names) == chosen


def test_overlapping_and_stray_children_do_not_spoil_sums(tmp_path, monkeypatch):
    monkeypatch.setattr(nesting, "SMALLEST_PART", 2)
    counts = modules(90, 10)
    genes = write(tmp_path / "counts.h5ad", counts)
    sets = {
        "root": ("", np.arange(80)),
        "x": ("root", np.arange(50)),
        "y": ("root", np.arange(40, 70)),
        "stray": ("root", np.arange(70, 90)),
    }
    clusters, members = clusters_of(sets)
    settings = {"eta": 0, "normalisation": "log1p"}
    result = coexpress(tmp_path / "counts.h5ad", genes, clusters, members, settings)
    for row, (_, cells) in enumerate(sets.values()):
        truth = np.triu(np.corrcoef(np.log1p(counts[cells]).T))
        assert np.abs(dense(result.matrix, result.pairs, row, 10) - truth).max() < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_nested_steps_cover_each_cluster_once(seed):
    _, members = nested(2000, seed)
    parents = np.array([-1, 0, 0, 1, 1, 2, 0, 0, 0, 3])
    added = {row: [] for row in range(10)}
    seen = []
    for step in nesting.nested_steps(members, parents):
        cells = np.concatenate([step.rest, *added[step.cluster]])
        assert np.array_equal(np.sort(cells), members[step.cluster].indices)
        seen.append(step.cluster)
        if step.into >= 0:
            assert step.into not in seen
            added[step.into].append(members[step.cluster].indices)
    assert sorted(seen) == list(range(10))
    assert any(added.values())


def test_nested_steps_refuse_a_circle():
    members = sparse.csr_matrix(np.ones((3, 5), dtype=np.int8))
    with pytest.raises(ValueError, match="ancestors"):
        list(nesting.nested_steps(members, np.array([-1, 2, 1])))


@pytest.mark.parametrize("seed", range(4))
def test_smallest_supersets_are_those_of_sets(seed):
    rng = np.random.default_rng(seed)
    cells = [
        set(range(12)),
        set(),
        *(set(rng.choice(12, rng.integers(1, 12), replace=False)) for _ in range(40)),
    ]
    cells += [set(one) for one in cells[5:9]]  # the same cells again
    members = sparse.csr_matrix([[number in one for number in range(12)] for one in cells], dtype=np.int8)
    for row, parent in enumerate(nesting.smallest_supersets(members)):
        above = [at for at, one in enumerate(cells) if one > cells[row] or (one == cells[row] and at < row)]
        assert (parent >= 0) == bool(above)
        if above:
            assert parent in above and len(cells[parent]) == min(len(cells[at]) for at in above)


def test_clusters_are_shared_across_resolutions(monkeypatch):
    monkeypatch.setattr(nesting, "SMALLEST_PART", 2)
    # two resolutions of the same cells: the coarser's clusters are unions of the finer's
    rows = [np.arange(80), *np.split(np.arange(80), 2), *np.split(np.arange(80), 8)]
    members = sparse.csr_matrix([np.isin(np.arange(80), cells) for cells in rows], dtype=np.int8)
    steps = list(nesting.nested_steps(members, nesting.smallest_supersets(members)))
    assert sum(len(step.rest) for step in steps) == 80


def test_few_sums_are_in_memory_at_a_time(monkeypatch):
    monkeypatch.setattr(nesting, "SMALLEST_PART", 1)
    # a long chain: each cluster is the one before and a cell, which is a cluster of its own
    rows = [np.arange(stop) for stop in range(40, 1, -1)] + [np.array([cell]) for cell in range(40)]
    members = sparse.csr_matrix([np.isin(np.arange(40), cells) for cells in rows], dtype=np.int8)
    begun, most = set(), 0
    for step in nesting.nested_steps(members, nesting.smallest_supersets(members)):
        begun.discard(step.cluster)
        most = max(most, len(begun) + 1)
        if step.into >= 0:
            begun.add(step.into)
    assert most == 2
