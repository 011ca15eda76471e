"""Weights of genes in the entries of a dictionary."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

_ITERATIONS = 200
_TOLERANCE = 1e-10


def gene_weights(
    edges: sparse.csr_matrix, gene_a: np.ndarray, gene_b: np.ndarray, genes: np.ndarray
) -> np.ndarray:
    """Return the weight of every gene in every entry: the leading eigenvector of the entry's network.

    For entries that are products of loadings it is proportional to the loadings, up to the missing diagonal.

    Parameters
    ----------
    edges
        CSR (K, P), weights of the edges of each entry, at least 0.
    gene_a, gene_b
        (P,) genes of the pairs.
    genes
        (G,) names of the genes.

    Returns
    -------
    (K, G), at least 0, rows of Euclidean norm 1 (0 for an entry without edges).

    Examples
    --------
    >>> edges = sparse.csr_matrix([[0.8, 0.8]])
    >>> gene_weights(edges, np.array(["Fos", "Fos"]), np.array(["Jun", "Egr1"]), ["Egr1", "Fos", "Jun"])
    array([[0.5       , 0.70710678, 0.5       ]])
    """
    index = pd.Index(genes)
    first, second = index.get_indexer(gene_a), index.get_indexer(gene_b)
    weights = np.zeros((edges.shape[0], len(index)))
    for k in range(edges.shape[0]):
        columns = edges.indices[edges.indptr[k] : edges.indptr[k + 1]]
        value = edges.data[edges.indptr[k] : edges.indptr[k + 1]]
        half = sparse.csr_matrix((value, (first[columns], second[columns])), shape=(len(index), len(index)))
        weights[k] = _leading_vector(sparse.csr_matrix(half + half.T))
    return weights


def _leading_vector(network: sparse.csr_matrix) -> np.ndarray:
    """Return the leading eigenvector of a non-negative symmetric matrix by the power method."""
    strength = np.asarray(network.sum(axis=1)).ravel()
    if not strength.any():
        return strength
    shift = strength.max()  # makes the largest eigenvalue the only one of its size, e.g. for a star
    vector = strength / np.linalg.norm(strength)
    for _ in range(_ITERATIONS):
        update = network @ vector + shift * vector
        update /= np.linalg.norm(update)
        change = np.abs(update - vector).max()
        vector = update
        if change < _TOLERANCE:
            break
    return vector
