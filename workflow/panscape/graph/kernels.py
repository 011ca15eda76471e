"""Adaptive Gaussian kernel of a neighbour graph."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def affinities(indices: np.ndarray, distances: np.ndarray) -> sparse.csr_matrix:
    """Return the adaptive Gaussian kernel of the symmetrised neighbour graph.

    w_ij = exp(-d_ij^2 / (s_i s_j)) with s the distance to the middle neighbour (the 7th of 14), as described
    for SEACells; cells are connected if either is among the other's neighbours.

    Parameters
    ----------
    indices, distances
        From :func:`panscape.graph.neighbors.neighbors`, or any arrays of the same form.

    Returns
    -------
    CSR float64, cells x cells, symmetric, zero diagonal, values in (0, 1], rounded to 2**-40 so that they do
    not depend on the order of summation.
    """
    n, k = indices.shape
    if not k:
        return sparse.csr_matrix((n, n))
    width = np.sort(distances, axis=1)[:, max((k + 1) // 2 - 1, 0)].copy()
    positive = width[width > 0]
    # cells that coincide with half of their neighbours would have width 0
    floor = 1e-3 * float(np.median(positive)) if len(positive) else 1.0
    width = np.maximum(width, floor)
    rows = np.repeat(np.arange(n), k)
    weight = np.exp(-(distances.ravel() ** 2) / (width[rows] * width[indices.ravel()]))
    weight = np.maximum(np.round(weight * 2.0**40), 1) / 2.0**40
    arcs = sparse.csr_matrix((weight, (rows, indices.ravel())), shape=(n, n))
    del rows, weight
    arcs.setdiag(0)
    arcs.eliminate_zeros()
    union = arcs.maximum(arcs.T).tocsr()
    union.sort_indices()
    return union
