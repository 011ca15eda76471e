"""Rows of matrices: scaling to norm 1, and chunks that hold whole groups of rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from panscape.stats.gram import CHUNK_CELLS


def unit_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the matrix with rows scaled to norm 1; zero rows stay zero."""
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel())
    inverse = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
    return sparse.csr_matrix(sparse.diags_array(inverse) @ matrix)


def by_label(label: np.ndarray, at_least: int = CHUNK_CELLS) -> Iterator[np.ndarray]:
    """Yield the positions of all entries >= 0 in chunks that hold whole labels, ascending.

    Parameters
    ----------
    label
        int (n,).
    at_least
        Number of entries from which a chunk is complete.
    """
    order = np.argsort(label, kind="stable")
    order = order[label[order] >= 0]
    ends = np.append(np.flatnonzero(np.diff(label[order])) + 1, len(order))
    start = 0
    for number, end in enumerate(ends):
        if end > start and (end - start >= at_least or number == len(ends) - 1):
            yield order[start:end]
            start = end
