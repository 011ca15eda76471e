"""The quick routes of Spearman's correlation give what the plain ones give."""

import numpy as np
import pytest
from counts_of_cells import modules, nested, write
from scipy import sparse, stats

from panscape.coscape.coexpression import coexpress as engine
from panscape.coscape.coexpression import screen
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.coscape.coexpression.values import Values
from panscape.stats.sparse_ranks import tied_ranks


@pytest.mark.parametrize("compiled", [False, True])
def test_counted_ranks_are_scipys_up_to_a_shift(monkeypatch, compiled):
    values = np.random.default_rng(0).poisson(np.linspace(0, 30, 25), (120, 25)).astype(np.int32)
    values[:, 3], values[:, 24] = 0, 2
    for sorting in ("_rank_columns", "_sorted"):
        monkeypatch.setattr(f"panscape.stats.sparse_ranks.{sorting}", None)
    width = values.max(axis=0).astype(np.int64) + 1
    result = tied_ranks(sparse.csr_matrix(values), width, compiled=compiled).toarray()
    shift = stats.rankdata(values, axis=0) - result
    assert np.array_equal(shift, np.broadcast_to(shift[:1], shift.shape))
    assert (result[values == 0] == 0).all()


def test_a_table_much_larger_than_the_values_is_not_made(monkeypatch):
    values = sparse.csr_matrix(np.array([[0, 3], [90_000, 0], [1, 3]], dtype=np.int32))
    monkeypatch.setattr("panscape.stats.sparse_ranks._counted", None)
    assert tied_ranks(values, np.array([90_001, 4])).toarray()[:, 0].tolist() == [0, 2, 1]


@pytest.mark.parametrize("eta", [0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shrinkage", ["none", "garrote"])
@pytest.mark.parametrize("max_pairs", [0, 20])
def test_screened_clusters_keep_what_all_of_float64_keeps(tmp_path, monkeypatch, eta, shrinkage, max_pairs):
    counts = modules(600, 50, seed=1)
    counts[:, 7], counts[:, 8] = 1, 0
    counts[2, 7] = 0
    genes = write(tmp_path / "counts.h5ad", counts)
    clusters, members = nested(600)
    settings = CoexpressionSettings("spearman", eta, "log1p", shrinkage, max_pairs=max_pairs)
    values = Values.load(tmp_path / "counts.h5ad", genes, "log1p")
    result = []
    for worth in (-1.0, 1.0):
        monkeypatch.setattr(engine, "WORTH", worth)
        kept = engine.correlate_clusters(values, members, settings)
        result.append(engine._assemble(kept, genes, len(clusters)))
    (plain, pairs), (quick, quick_pairs) = result
    assert pairs.equals(quick_pairs)
    assert np.array_equal(plain.indices, quick.indices)
    assert np.array_equal(plain.indptr, quick.indptr)
    assert np.abs(plain.data - quick.data).max() < 1e-7


def test_screening_is_left_out_where_weak_correlations_matter():
    assert screen.can_screen(CoexpressionSettings("spearman", 0.7))
    assert not screen.can_screen(CoexpressionSettings("spearman", 0.0))
    assert not screen.can_screen(CoexpressionSettings("spearman", 0.7, shrinkage="posterior"))


def test_the_screen_allows_for_the_rounding_of_a_whole_chunk():
    from panscape.stats import gram

    assert gram.CHUNK_CELLS * 2.0**-24 / screen.CONDITION < screen.MARGIN
