"""Stacking studies, choosing values, annotating clusters."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from landscape_cases import study
from scipy import sparse

from panscape.coscape.landscape.annotate import annotate_clusters
from panscape.coscape.landscape.combine import combine_studies, expand_duplicates
from panscape.coscape.landscape.features import best_detected, detected_genes, landscape_features
from panscape.coscape.landscape.read import pair_positions
from panscape.errors import UserError


def features_of(data, **settings):
    return landscape_features(data, **settings)[0]


def dense(part):
    """Return clusters x genes x genes (upper triangles)."""
    result = np.zeros((part.matrix.shape[0], len(part.genes), len(part.genes)))
    result[:, part.pairs[:, 0], part.pairs[:, 1]] = part.matrix.toarray()
    return result


def test_union_of_pairs_in_canonical_order_keeps_every_value():
    parts = [study("one", 6), study("two", 9, ages=(4, 10))]
    parts[1] = replace(parts[1], matrix=parts[1].matrix[:, ::-1].tocsr(), pairs=parts[1].pairs[::-1])
    result = combine_studies(parts)
    assert result.clusters["cluster"].is_unique
    code = result.pairs[:, 0] * len(result.genes) + result.pairs[:, 1]
    assert (np.diff(code) > 0).all()
    np.testing.assert_array_equal(dense(result), np.concatenate([dense(part) for part in parts]))
    assert result.diagonal.sum() == 12
    single = combine_studies(parts[:1])
    np.testing.assert_array_equal(dense(single), dense(parts[0]))


def test_study_without_a_surviving_pair_keeps_its_rows():
    empty = study("two", 4)
    empty = replace(empty, matrix=sparse.csr_matrix((4, 0), dtype=np.float32), pairs=np.empty((0, 2), int))
    result = combine_studies([study("one", 6), empty])
    assert result.matrix.shape[0] == 10
    assert result.matrix[6:].nnz == 0


def test_duplicates_follow_their_original():
    result = expand_duplicates(combine_studies([study("one", 4)]))
    assert result.clusters["cluster"].tolist() == [
        "one-r1-l0-c0",
        "one-r1-l0-c1",
        "one-r1-l0-c1-copy2",
        "one-r1-l0-c2",
        "one-r1-l0-c2-copy2",
        "one-r1-l0-c2-copy3",
        "one-r1-l0-c3",
    ]
    values = result.matrix.toarray()
    np.testing.assert_array_equal(values[3], values[5])
    np.testing.assert_array_equal(result.mean[3], result.mean[5])
    assert result.clusters["copy"].tolist() == [1, 1, 2, 1, 2, 3, 1]


def test_bad_studies():
    with pytest.raises(ValueError, match="no studies"):
        combine_studies([])
    with pytest.raises(ValueError, match="different genes"):
        combine_studies([study("one"), study("two", genes=11)])
    with pytest.raises(ValueError, match="two clusters"):
        combine_studies([study("one"), study("one")])
    with pytest.raises(ValueError, match="different numbers"):
        replace(study(), mean=np.zeros((3, 12)))
    with pytest.raises(ValueError, match="pairs"):
        replace(study(), pairs=np.zeros((3, 2), dtype=int))
    with pytest.raises(ValueError, match="upper triangle"):
        combine_studies([replace(study(), pairs=study().pairs[:, ::-1])])
    with pytest.raises(UserError, match="gene gX is not"):
        pair_positions(pd.DataFrame({"gene_a": ["g0"], "gene_b": ["gX"]}), np.array(["g0", "g1"]))


def test_pair_names_become_positions():
    pairs = pd.DataFrame({"gene_a": ["b", "c"], "gene_b": ["b", "a"]})
    assert pair_positions(pairs, np.array(["a", "b", "c"])).tolist() == [[1, 1], [0, 2]]


def test_features_choose_values():
    data = combine_studies([study("one", 8)])
    whole = data.matrix.toarray()
    assert features_of(data, diagonal=True, min_expected=0).shape[1] == data.matrix.shape[1]
    edges = features_of(data)
    np.testing.assert_array_equal(edges.toarray(), whole[:, ~data.diagonal])
    strict = features_of(data, eta=0.5).toarray()
    assert (np.abs(strict[strict != 0]) >= 0.5).all()
    assert (strict != 0).sum() == (np.abs(whole[:, ~data.diagonal]) >= 0.5).sum()
    twice = features_of(data, diagonal=True, symmetric=True)
    full = dense(data) + np.triu(dense(data), 1).transpose(0, 2, 1)
    distance = ((full[0] - full[1]) ** 2).sum()
    difference = (twice[0] - twice[1]).toarray()
    assert (difference**2).sum() == pytest.approx(distance, rel=1e-6)
    genes = np.arange(12) < 5
    chosen = features_of(data, genes=genes)
    expected = whole[:, ~data.diagonal & genes[data.pairs].all(axis=1)]
    np.testing.assert_array_equal(chosen.toarray(), expected[:, (expected != 0).any(axis=0)])


def test_pairs_of_rare_genes_are_left_out():
    part = study("one", 8, cells=100)
    detection = np.full((8, 12), 0.5, dtype=np.float32)
    detection[:, 3] = 0.05  # 100 * 0.05 * 0.5 = 2.5 cells expected to express both
    detection[4, 3] = 0.2
    data = combine_studies([replace(part, detection=detection)])
    result = features_of(data, diagonal=True, min_expected=5).toarray()
    kept = data.matrix.toarray()
    rare = (data.pairs == 3).any(axis=1) & ~data.diagonal
    kept[np.ix_(np.arange(8) != 4, rare)] = 0
    np.testing.assert_array_equal(result, kept[:, (kept != 0).any(axis=0)])
    flags = detected_genes(data, 5)
    assert flags.sum() == 8 * 11
    with pytest.raises(ValueError, match="expressing"):
        features_of(replace(data, detection=None), min_expected=1)


def test_best_detected_genes_count_studies_alike():
    one, two = study("one", 3), study("two", 30)
    low, high = np.linspace(0.1, 0.6, 12), np.linspace(0.9, 0.2, 12)
    low[[5, 6]], high[[5, 6]] = 0.7, 0.95
    one = replace(one, detection=np.tile(low, (3, 1)))
    two = replace(two, detection=np.tile(high, (30, 1)))
    assert np.flatnonzero(best_detected(combine_studies([one, two]), 2)).tolist() == [5, 6]
    assert best_detected(combine_studies([one, two]), 99).all()


def test_annotations_are_means_and_dominant_labels():
    cells = pd.DataFrame(
        {
            "age": [1.0, 2.0, np.nan, 4.0],
            "cell_type": pd.Categorical(["b", "a", None, "a"]),
            "n_counts": np.array([10, 20, 30, 40]),
            "study": "one",
        }
    )
    members = sparse.csr_matrix(np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 0]], dtype=np.int8))
    clusters = pd.DataFrame({"cluster": ["all", "c0", "c1"], "study": "one"})
    result = annotate_clusters(clusters, members, cells)
    np.testing.assert_allclose(result["age"], [7 / 3, 1.5, np.nan])
    np.testing.assert_allclose(result["n_counts"], [25, 15, 30])
    assert result["cell_type"].tolist() == ["a", "a", ""]
    np.testing.assert_allclose(result["cell_type_purity"], [2 / 3, 0.5, np.nan])
    assert "study_purity" not in result
    with pytest.raises(UserError, match="again"):
        annotate_clusters(clusters, members[:, :3], cells)
