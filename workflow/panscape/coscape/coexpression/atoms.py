"""Disjoint sets of cells of which all clusters of a study are unions."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def atoms_of(members: sparse.csr_matrix) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Return the sets of cells that are in the same clusters.

    Parameters
    ----------
    members
        CSR (n_clusters, n_cells).

    Returns
    -------
    atom : ndarray
        int64 (n_cells,) set of each cell, -1 for cells in no cluster.
    contains : csr_matrix
        float64 (n_clusters, n_atoms), 1 where a cluster contains a set.

    Examples
    --------
    >>> atom, contains = atoms_of(sparse.csr_matrix([[1, 1, 1, 0], [0, 0, 1, 0]]))
    >>> atom.tolist(), contains.toarray().tolist()
    ([0, 0, 1, -1], [[1.0, 1.0], [0.0, 1.0]])
    """
    n_clusters, n_cells = members.shape
    label = np.zeros(n_cells, dtype=np.int64)
    used = 1
    for row in range(n_clusters):
        cells = members.indices[members.indptr[row] : members.indptr[row + 1]]
        old, inverse = np.unique(label[cells], return_inverse=True)
        label[cells] = used + inverse
        used += len(old)
    known, atom = np.unique(label, return_inverse=True)
    atom = atom.reshape(-1).astype(np.int64) - int(len(known) > 0 and known[0] == 0)
    n_atoms = int(atom.max(initial=-1)) + 1
    one = np.empty(n_atoms, dtype=np.int64)
    inside = np.flatnonzero(atom >= 0)
    one[atom[inside]] = inside  # any cell of a set stands for it
    contains = sparse.csr_matrix(members[:, one], dtype=np.float64)
    contains.sort_indices()
    return atom, contains
