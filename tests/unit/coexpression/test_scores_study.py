"""Scores of a study from its file, and the chain from counts to a landscape."""

import anndata
import numpy as np
import pandas as pd
import pytest
from dense_scores import made_study

from panscape.coscape.coexpression.coexpress import coexpress
from panscape.coscape.coexpression.pair_scores import score_pairs
from panscape.coscape.coexpression.score_study import score_study
from panscape.coscape.coexpression.signal import choose_pairs
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
    found = score_study(path, GENES, members, chosen)
    direct = score_pairs(values, members, np.array([[0, 5], [3, 2]]), fit_weights(values, members))
    np.testing.assert_array_equal(found.toarray()[:, [0, 2]], direct.toarray())
    assert found.shape == (7, 3) and found[:, 1].nnz == 0 and found[:, 0].nnz > 0


@pytest.mark.parametrize("estimator", ["pearson", "spearman", "corrected"])
def test_signal_is_the_same_whatever_the_correlations(stored, estimator):
    path, _, clusters, members = stored
    clusters = clusters.assign(study="made", resolution=1.0, level=0.0)
    result = coexpress(path, GENES, clusters, members, {"estimator": estimator}, signal=True)
    table = choose_pairs([result.signal], GENES, 40)
    expected = coexpress(path, GENES, clusters, members, {"estimator": "corrected"}, signal=True)
    pd.testing.assert_frame_equal(table, choose_pairs([expected.signal], GENES, 40))
    assert coexpress(path, GENES, clusters, members, {"estimator": estimator}).signal is None
    assert isinstance(result.expression, anndata.AnnData)
    coupled = table["gene_a"].isin(GENES[:8]) & table["gene_b"].isin(GENES[:8])
    assert coupled[table["signal"].to_numpy() >= table["signal"].quantile(0.8)].mean() > 0.9
