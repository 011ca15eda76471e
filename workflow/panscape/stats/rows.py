"""Normalisation of the rows of sparse matrices."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def unit_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the matrix with rows scaled to norm 1; zero rows stay zero."""
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel())
    inverse = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
    return sparse.csr_matrix(sparse.diags_array(inverse) @ matrix)
