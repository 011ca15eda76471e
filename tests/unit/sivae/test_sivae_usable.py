"""Genes that may not have edges have none."""

import numpy as np

from panscape.sivae.network import densest, network


def test_an_edge_needs_two_usable_genes():
    values = np.array([[0, 9, 8, 1], [9, 0, 7, 2], [8, 7, 0, 3], [1, 2, 3, 0]], dtype=float)
    usable = np.array([False, True, True, True])
    edges = densest(values, 1.0, usable).toarray()
    assert not edges[0].any() and not edges[:, 0].any()  # though its pairs are the most similar ones
    assert edges[1:, 1:].sum() == 6
    assert set(zip(*np.nonzero(densest(values, 1 / 6, usable).toarray()), strict=True)) == {(1, 2), (2, 1)}
    assert densest(values, 1.0, np.array([True, False, False, False])).nnz == 0


def test_short_loadings_count_only_among_usable_genes():
    embedding = np.array([[2.0, 0.0], [2.0, 0.1], [2.0, 0.3], [0.1, 0.0]])
    usable = np.array([False, True, True, True])
    edges = network(embedding, 1.0, "euclidean", usable, min_norm=0.5).toarray()
    assert set(zip(*np.nonzero(edges), strict=True)) == {(1, 2), (2, 1)}
