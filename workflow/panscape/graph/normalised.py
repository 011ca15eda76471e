"""Symmetric normalisation of a graph's weights, for spectral decompositions."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def normalised(weights: sparse.csr_matrix) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return D^-1/2 W D^-1/2 and the diagonal of D^-1/2, D the degrees.

    The matrix has the eigenvalues of the random walk D^-1 W, whose right eigenvectors are D^-1/2 times those
    of the matrix.

    Parameters
    ----------
    weights
        (n, n), symmetric, >= 0.

    Returns
    -------
    matrix
        CSR (n, n); nodes without edges have an empty row.
    scale
        (n,); 0 for nodes without edges.

    Examples
    --------
    >>> matrix, scale = normalised(sparse.csr_matrix([[0.0, 4.0], [4.0, 0.0]]))
    >>> matrix.toarray()
    array([[0., 1.],
           [1., 0.]])
    """
    scale = np.sqrt(inverse(np.asarray(weights.sum(axis=0)).ravel()))
    return sparse.csr_matrix(sparse.diags_array(scale) @ weights @ sparse.diags_array(scale)), scale


def inverse(values: np.ndarray) -> np.ndarray:
    """Return 1 / values, or 0 where a value is not positive."""
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
