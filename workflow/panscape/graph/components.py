"""Connected components of graphs."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def components(graph: sparse.csr_matrix, *, by: str = "size") -> np.ndarray:
    """Return the connected component of each node, numbered from 0.

    Parameters
    ----------
    graph
        (n, n); an entry in either direction connects two nodes.
    by
        Order of the numbers: ``"size"`` (largest first, ties by the smallest position) or ``"position"`` of
        the component's first node.

    Returns
    -------
    int64 (n,).

    Examples
    --------
    >>> graph = sparse.csr_matrix(([1.0], ([1], [2])), shape=(3, 3))
    >>> components(graph)
    array([1, 0, 0])
    >>> components(graph, by="position")
    array([0, 1, 1])
    """
    from scipy.sparse.csgraph import connected_components

    if by not in ("size", "position"):
        raise ValueError(f"by is {by!r}, not 'size' or 'position'")
    count, label = connected_components(graph, directed=False)
    _, first, size = np.unique(label, return_index=True, return_counts=True)
    rank = np.empty(count, dtype=np.int64)
    rank[np.argsort(first) if by == "position" else np.lexsort((first, -size))] = np.arange(count)
    return rank[label]
