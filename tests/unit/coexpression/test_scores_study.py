"""Scores of a study from its file, and the chain from counts to a landscape."""

import anndata
import numpy as np
import pandas as pd
import pytest
from dense_scores import made_study
from scipy import sparse

from panscape.coscape.coexpression.coexpress import coexpress
from panscape.coscape.coexpression.pair_scores import PairScorer, score_pairs
from panscape.coscape.coexpression.score_study import score_study
from panscape.coscape.coexpression.signal import choose_pairs
from panscape.coscape.coexpression.values import Values
from panscape.coscape.coexpression.weights import fit_weights
from panscape.data.counts import CountsWriter

GENES = [f"g{i:03d}" for i in range(24)]


@pytest.fixture
def stored(tmp_path):
    values, clusters, members = made_study()
    path = tmp_path / "counts.h5ad"
    with CountsWriter(path, 24) as writer:
        writer.append(values.counts)
        obs = pd.DataFrame({"study": "made", "n_counts": values.totals}, index=[f"c{i}" for i in range(900)])
        writer.finish(obs, pd.DataFrame(index=GENES))
    return path, values, clusters, members


def test_pairs_are_found_by_name_and_unmeasured_ones_are_empty(stored):
    path, values, _, members = stored
    chosen = pd.DataFrame({"gene_a": ["g000", "other", "g003"], "gene_b": ["g005", "g001", "g002"]})
    found = score_study(path, GENES, members, chosen, estimator="corrected")
    direct = score_pairs(values, members, np.array([[0, 5], [3, 2]]), fit_weights(values, members))
    np.testing.assert_array_equal(found.toarray()[:, [0, 2]], direct.toarray())
    assert found.shape == (7, 3) and found[:, 1].nnz == 0 and found[:, 0].nnz > 0


def test_scores_of_pearson_are_the_correlations_of_valid_pairs(stored):
    path, values, _, members = stored
    pairs = np.stack(np.triu_indices(24, 1), axis=1)
    chosen = pd.DataFrame({"gene_a": np.array(GENES)[pairs[:, 0]], "gene_b": np.array(GENES)[pairs[:, 1]]})
    found = score_study(path, GENES, members, chosen, normalisation="log1p").toarray()
    some = np.random.default_rng(0).integers(0, 3, 900).astype(float)
    scorer = PairScorer.of(Values.load(path, GENES, "log1p"), members, None, pairs)
    drawn = scorer.score(min_expected=10, multiplicity=some).toarray()
    for row in range(members.shape[0]):
        cells = members[row].indices
        for result, picked in ((found, cells), (drawn, np.repeat(cells, some[cells].astype(int)))):
            counts = values.counts[picked].toarray()
            detected = (counts > 0).mean(axis=0)
            expected = np.corrcoef(np.log1p(counts).T)
            valid = len(picked) * np.outer(detected, detected) >= 10
            upper = np.where(valid, expected, 0)[pairs[:, 0], pairs[:, 1]]
            np.testing.assert_allclose(result[row], upper, atol=2e-6)


def test_a_constant_gene_has_no_score(stored):
    _, values, _, members = stored
    counts = np.repeat(np.arange(1.0, 41)[None, :], 900, axis=0)
    counts = np.hstack([counts, values.counts.toarray()]).astype(np.float32)
    constant = Values(sparse.csr_matrix(counts), values.totals, "log1p", values.target)
    # sums of squares minus n times the squared means are not exactly 0 for most of these
    pairs = np.array([[gene, other] for gene in range(40) for other in range(40, 64)])
    assert score_pairs(constant, members, pairs, None, min_expected=1).nnz == 0


def test_signal_of_pearson_is_the_sum_over_clusters(stored):
    path, _, clusters, members = stored
    clusters = clusters.assign(study="made", resolution=1.0, level=0.0)
    upper = np.triu_indices(24, 1)
    pairs = np.stack(upper, axis=1)
    chosen = pd.DataFrame({"gene_a": np.array(GENES)[pairs[:, 0]], "gene_b": np.array(GENES)[pairs[:, 1]]})
    r = score_study(path, GENES, members, chosen).toarray()
    size = np.diff(members.indptr)[:, None]
    for estimator in ("pearson", "spearman"):
        signal = coexpress(path, GENES, clusters, members, {"estimator": estimator}, signal=True).signal
        np.testing.assert_allclose(signal.squares[upper], (r**2).sum(axis=0), atol=1e-5)
        np.testing.assert_allclose(signal.noise[upper], ((r != 0) / size).sum(axis=0), atol=1e-12)


@pytest.mark.parametrize("estimator", ["pearson", "spearman", "corrected"])
def test_signal_finds_the_coupled_genes(stored, estimator):
    path, _, clusters, members = stored
    clusters = clusters.assign(study="made", resolution=1.0, level=0.0)
    result = coexpress(path, GENES, clusters, members, {"estimator": estimator}, signal=True)
    table = choose_pairs([result.signal], GENES, 40)
    assert coexpress(path, GENES, clusters, members, {"estimator": estimator}).signal is None
    assert isinstance(result.expression, anndata.AnnData)
    coupled = table["gene_a"].isin(GENES[:8]) & table["gene_b"].isin(GENES[:8])
    assert coupled[table["signal"].to_numpy() >= table["signal"].quantile(0.8)].mean() > 0.9
