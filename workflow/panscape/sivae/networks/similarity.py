"""Similarity of networks and gene embeddings between bins, and of lines as means over bins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse


def edge_jaccard(graphs: Sequence[sparse.csr_matrix]) -> np.ndarray:
    """Return |shared edges| / |edges of either| for all pairs of graphs, (B, B), 0 to 1.

    The index of two graphs without edges is 1.
    """
    rows = [edge_codes(graph) for graph in graphs]
    names, code = np.unique(np.concatenate(rows), return_inverse=True)
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    member = sparse.csr_matrix((np.ones(len(code)), (owner, code)), shape=(len(rows), len(names)))
    return _jaccard((member @ member.T).toarray())


def neighbour_jaccard(graphs: Sequence[sparse.csr_matrix]) -> np.ndarray:
    """Return the mean over genes of the Jaccard index of their neighbours, (B, B), 0 to 1.

    Genes without neighbors in both graphs are excluded; 1 if no gene is left.
    """
    count = len(graphs)
    stack = sparse.vstack([_bool(graph) for graph in graphs], format="csr")
    n_genes = stack.shape[1]
    total, genes = np.zeros((count, count)), np.zeros((count, count))
    for gene in range(n_genes):
        rows = stack[gene::n_genes]
        if not rows.nnz:
            continue
        columns, code = np.unique(rows.indices, return_inverse=True)
        dense = np.zeros((count, len(columns)), dtype=np.float32)
        dense[np.repeat(np.arange(count), np.diff(rows.indptr)), code] = 1
        shared = (dense @ dense.T).astype(np.float64)
        sizes = np.diagonal(shared)
        either = sizes[:, None] + sizes[None, :] - shared
        known = either > 0
        total[known] += shared[known] / either[known]
        genes += known
    return np.divide(total, genes, out=np.ones_like(total), where=genes > 0)


def linear_cka(embeddings: Sequence[np.ndarray]) -> np.ndarray:
    """Return the linear centred kernel alignment of gene embeddings, (B, B), 0 to 1.

    ``|X'Y|^2 / (|X'X| |Y'Y|)`` (Frobenius norms) of embeddings (G, K) centred over genes (Kornblith et al.
    2019): it is invariant to rotation, order, sign and common scale of the dimensions, which are arbitrary in
    every model. The numbers of dimensions may differ. 0 for constant embeddings.
    """
    centred = [
        np.asarray(one, dtype=np.float64) - np.mean(one, axis=0, dtype=np.float64) for one in embeddings
    ]
    starts = np.concatenate([[0], np.cumsum([one.shape[1] for one in centred])])
    joint = np.concatenate(centred, axis=1)
    result = np.empty((len(centred), len(centred)))
    for i, one in enumerate(centred):
        squares = np.square(one.T @ joint).sum(axis=0)
        result[i] = np.add.reduceat(squares, starts[:-1])
    scale = np.sqrt(np.diagonal(result))
    scale = np.outer(scale, scale)
    result = np.divide(result, scale, out=np.zeros_like(result), where=scale > 0)
    return np.clip((result + result.T) / 2, 0.0, 1.0)


def average_bins(similarity: np.ndarray, line: np.ndarray, n_lines: int) -> np.ndarray:
    """Average a similarity of bins over all pairs of bins of two lines.

    The similarity of a bin to itself is included, so that a positive semi-definite kernel remains one.

    Parameters
    ----------
    similarity
        (B, B).
    line
        (B,) index of each bin's line.
    n_lines
        Number of lines.

    Returns
    -------
    (n_lines, n_lines).
    """
    weights = np.zeros((n_lines, len(line)))
    weights[line, np.arange(len(line))] = 1
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ similarity @ weights.T


def edge_codes(graph: sparse.csr_matrix) -> np.ndarray:
    """Return the sorted codes ``first * G + second`` (first < second) of a graph's edges."""
    edges = sparse.coo_matrix(graph)
    kept = (edges.row < edges.col) & (edges.data != 0)
    return np.sort(edges.row[kept].astype(np.int64) * edges.shape[1] + edges.col[kept])


def _bool(graph: sparse.csr_matrix) -> sparse.csr_matrix:
    edges = sparse.coo_matrix(graph)
    kept = (edges.row != edges.col) & (edges.data != 0)
    ones = np.ones(int(kept.sum()), dtype=np.float32)
    return sparse.csr_matrix((ones, (edges.row[kept], edges.col[kept])), shape=edges.shape)


def _jaccard(shared: np.ndarray) -> np.ndarray:
    sizes = np.diagonal(shared)
    either = sizes[:, None] + sizes[None, :] - shared
    return np.divide(shared, either, out=np.ones_like(shared), where=either > 0)
