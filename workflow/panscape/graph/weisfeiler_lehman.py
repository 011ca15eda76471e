"""Weisfeiler-Lehman subtree kernels of gene networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

LABELS = ("degree", "name")
# odd constants of the splitmix64 finaliser, which gives adjacent labels unrelated hashes
_STEP, _FIRST, _SECOND = (np.uint64(x) for x in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_SELF = np.uint64(0xD6E8FEB86659FD93)  # distinguishes a node's label from its neighbours'


def wl_kernel(graphs: Sequence[sparse.csr_matrix], *, labels: str = "degree", h: int = 5) -> np.ndarray:
    """Return the normalised Weisfeiler-Lehman subtree kernel of graphs on the same genes.

    Node labels are refined `h` times by the multiset of the neighbours' labels; the kernel of two graphs is
    the dot product of their label counts over all h + 1 rounds, normalised to 1 for a graph with itself
    (Shervashidze et al. 2011; equal to GraKeL's ``WeisfeilerLehman(n_iter=h, normalize=True)``). Labels are
    64-bit hashes independent of the other graphs, so that each histogram can be computed separately.

    Parameters
    ----------
    graphs
        Symmetric adjacency matrices (G, G); any nonzero entry is an edge, the diagonal is ignored.
    labels
        Initial node labels: ``"degree"`` (siVAE paper) compares the topology of networks irrespective of the
        genes; ``"name"`` uses the genes, for which h = 1 compares complete neighbourhoods and larger h add
        nothing.
    h
        Number of refinements.

    Returns
    -------
    float64 (B, B), in [0, 1], with diagonal 1.
    """
    counts = wl_histograms(graphs, labels=labels, h=h)
    product = (counts @ counts.T).toarray()
    scale = np.sqrt(np.diagonal(product))
    return product / np.outer(scale, scale)


def wl_histograms(
    graphs: Sequence[sparse.csr_matrix], *, labels: str = "degree", h: int = 5
) -> sparse.csr_matrix:
    """Count the refined labels of graphs, whose dot products are the kernel of :func:`wl_kernel`.

    Parameters
    ----------
    graphs
        B symmetric adjacency matrices (G, G); any nonzero entry is an edge, the diagonal is ignored.
    labels
        Initial node labels, ``"degree"`` or ``"name"``; see :func:`wl_kernel`.
    h
        Number of refinements, at least 0; 0 counts the initial labels only.

    Returns
    -------
    float64 CSR (B, labels of all h + 1 rounds), one row per graph.

    Raises
    ------
    ValueError
        If `labels` is unknown or `h` is negative.
    """
    if labels not in LABELS or h < 0:
        raise ValueError(f"labels is one of {LABELS} and h at least 0")
    clean = [_simple(graph) for graph in graphs]
    sizes = np.array([graph.shape[0] for graph in clean])
    owner = np.repeat(np.arange(len(clean)), sizes)
    joint = sparse.block_diag(clean, format="csr", dtype=np.uint64)
    if labels == "degree":
        label = np.diff(joint.indptr).astype(np.uint64)
    else:
        label = np.concatenate([np.arange(size, dtype=np.uint64) for size in sizes])
    parts = []
    for turn in range(h + 1):
        if turn:
            with np.errstate(over="ignore"):  # sums of hashes are modulo 2^64
                label = _mix(label * _SELF + _mix(joint @ _mix(label)))
        names, code = np.unique(label, return_inverse=True)
        ones = np.ones(len(code))
        parts.append(sparse.csr_matrix((ones, (owner, code)), shape=(len(clean), len(names))))
    return sparse.hstack(parts, format="csr")


def _simple(graph: sparse.csr_matrix) -> sparse.csr_matrix:
    entries = sparse.coo_matrix(graph)
    kept = (entries.row != entries.col) & (entries.data != 0)
    ones = np.ones(int(kept.sum()), dtype=np.uint64)
    return sparse.csr_matrix((ones, (entries.row[kept], entries.col[kept])), shape=entries.shape)


def _mix(value: np.ndarray) -> np.ndarray:
    """Return a 64-bit hash of every entry (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        value = value + _STEP
        value = (value ^ (value >> np.uint64(30))) * _FIRST
        value = (value ^ (value >> np.uint64(27))) * _SECOND
        return value ^ (value >> np.uint64(31))
