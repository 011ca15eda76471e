"""Genes of counts that are read in blocks, and validity of pairs at the very limit."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.coscape import columns as module
from panscape.coscape.cells import MemoryCounts
from panscape.coscape.coexpression.values import Values
from panscape.stats.score_terms import ScoreTerms


@pytest.fixture
def study():
    counts = np.random.default_rng(0).poisson(0.5, (60, 30)).astype(np.float32)
    counts[[7, 59]] = 0
    matrix = sparse.csr_matrix(counts)
    cells = pd.DataFrame(index=[f"c{at}" for at in range(60)])
    return counts, MemoryCounts(matrix, cells, pd.DataFrame(index=[f"g{at}" for at in range(30)]))


@pytest.mark.parametrize("block", [1, 50, 10_000])
def test_genes_come_in_the_order_asked_for(study, monkeypatch, block):
    counts, source = study
    monkeypatch.setattr(module, "BLOCK_VALUES", block)
    wanted = np.random.default_rng(1).permutation(30)[:17]
    result = module.load_columns(source, [f"g{at}" for at in wanted])
    assert (
        result.has_canonical_format
        and result.dtype == np.float32
        and result.nnz == (counts[:, wanted] != 0).sum()
    )
    np.testing.assert_array_equal(result.toarray(), counts[:, wanted])
    place = module.places_of(source, [f"g{at}" for at in wanted])
    np.testing.assert_array_equal(module.take(source.matrix, place, 17).toarray(), counts[:, wanted])


def test_large_and_small_studies_load_alike(study, monkeypatch):
    counts, source = study
    genes = [f"g{at}" for at in (5, 2, 29, 0)]
    few = Values.load(source, genes, "log1p")
    monkeypatch.setattr("panscape.coscape.coexpression.values.LARGE", 0)
    many = Values.load(source, genes, "log1p")
    np.testing.assert_array_equal(few.counts.toarray(), many.counts.toarray())
    np.testing.assert_array_equal(many.counts.toarray(), counts[:, [5, 2, 29, 0]])


@pytest.mark.parametrize("overwrite", [False, True])
def test_values_are_reordered_in_place_or_as_a_copy(study, overwrite):
    counts, source = study
    values = Values.load(source, list(source.genes), "log1p")
    order = np.random.default_rng(2).permutation(30)
    result = values.reordered(order, overwrite=overwrite)
    np.testing.assert_array_equal(result.counts.toarray(), counts[:, order])
    assert np.shares_memory(result.counts.data, values.counts.data) == overwrite
    if not overwrite:
        np.testing.assert_array_equal(values.counts.toarray(), counts)


def test_a_missing_gene_is_named(study):
    with pytest.raises(KeyError, match=r"1 genes are not in the file, e\.g\. 'nothere'"):
        module.load_columns(study[1], ["g1", "nothere"])


def test_a_pair_at_the_limit_is_valid_in_any_order():
    # 10 cells have both by chance, but 77 * (10 / 77) is less by rounding
    assert 77 * (10 / 77) < 10
    for detected in ([77.0, 10.0], [10.0, 77.0]):
        total = np.array([30.0, 40.0])
        terms = ScoreTerms.pearson(77, total, total * 3, np.array(detected))
        assert terms.testable(10.0).tolist() == [0, 1] and terms.testable(78.0).tolist() == []
        _, noise = terms.rows(np.full((2, 2), 5.0), 0, 2, 10.0)
        assert np.isfinite(noise[0, 1])
        _, noise = terms.rows(np.full((2, 2), 5.0), 0, 2, 10.0001)
        assert np.isinf(noise[0, 1])
