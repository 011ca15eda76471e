"""Selection of disjoint clusters and groups of cells."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def disjoint_clusters(members: sparse.csr_matrix) -> np.ndarray:
    """Return pairwise disjoint clusters, chosen greedily from the smallest.

    Parameters
    ----------
    members
        CSR (clusters, cells), 1 where a cell belongs to a cluster.

    Returns
    -------
    int positions in increasing order. Every other cluster shares a cell with one of them.

    Examples
    --------
    >>> disjoint_clusters(sparse.csr_matrix([[1, 1, 1], [1, 1, 0], [0, 0, 1]]))
    array([1, 2])
    """
    size = np.diff(members.indptr)
    taken = np.zeros(members.shape[1], dtype=bool)
    chosen = []
    for row in np.lexsort((np.arange(len(size)), size)):
        cells = members.indices[members.indptr[row] : members.indptr[row + 1]]
        if len(cells) and not taken[cells].any():
            taken[cells] = True
            chosen.append(row)
    return np.sort(np.array(chosen, dtype=np.int64))


def disjoint_groups(members: sparse.csr_matrix) -> np.ndarray:
    """Partition the cells into as many disjoint groups as there are disjoint clusters.

    Cells outside of :func:`disjoint_clusters` join the one with the largest overlap with their smallest
    cluster.

    Parameters
    ----------
    members
        CSR (clusters, cells), 1 where a cell belongs to a cluster.

    Returns
    -------
    int (n_cells,): group of each cell, from 0; -1 for cells in no cluster.
    """
    members = sparse.csr_matrix(members, dtype=np.float64)
    leaves = disjoint_clusters(members)
    group = np.full(members.shape[1], -1, dtype=np.int64)
    if len(leaves) == 0:
        return group
    closest = np.asarray((members @ members[leaves].T).todense()).argmax(axis=1)
    size = np.diff(members.indptr)
    # from largest to smallest, so that the smallest cluster of a cell takes precedence
    for row in np.lexsort((np.arange(len(size)), size))[::-1]:
        group[members.indices[members.indptr[row] : members.indptr[row + 1]]] = closest[row]
    return group
