"""Reliability of edges between halves of the cells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from panscape.log import Progress

_CHUNK_PAIRS = 4096
_CHUNK_CELLS = 2048


def split_cells(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Split cells into two halves at random, evenly within each stratum.

    All clusters of a study share one split, because nested clusters overlap and a cell must not be in both
    halves.

    Parameters
    ----------
    strata
        (n_cells,) labels, e.g. of the finest clusters.
    rng
        Random number generator of the split.

    Returns
    -------
    (n_cells,) bool.
    """
    order = np.lexsort((rng.random(len(strata)), strata))
    half = np.zeros(len(strata), dtype=bool)
    half[order[rng.integers(2) :: 2]] = True
    return half


def pair_correlations(
    values: sparse.csr_matrix, members: sparse.csr_matrix, first: np.ndarray, second: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the Pearson correlations of given gene pairs within every cluster, a chunk of pairs at a time.

    Products of the pairs are summed over cells and added up by cluster membership (overlapping clusters
    included): O(memberships x pairs) time instead of cells x genes^2 per cluster.

    Parameters
    ----------
    values
        CSR (n_cells, n_genes), normalised.
    members
        CSR (n_clusters, n_cells), ones.
    first, second
        (P,) columns of `values`.

    Yields
    ------
    pairs : slice of the P pairs.
    r : (n_clusters, len) float64; 0 where a gene does not vary or a cluster has fewer than 3 cells.
    """
    members = sparse.csr_matrix(members, dtype=np.float64)
    count = np.diff(members.indptr).astype(float)
    genes, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    first, second = places.reshape(2, -1) if len(genes) else (places, places)
    chosen = sparse.csr_matrix(values[:, genes], dtype=np.float64)
    centre = np.asarray(chosen.mean(axis=0)).ravel()  # centring improves the accuracy of the sums
    columns = members.tocsc()
    blocks = [
        slice(s, min(s + _CHUNK_CELLS, chosen.shape[0])) for s in range(0, chosen.shape[0], _CHUNK_CELLS)
    ]
    sums = np.zeros((len(count), len(genes)))
    squares = np.zeros_like(sums)
    for block in blocks:
        dense = chosen[block].toarray() - centre
        inside = sparse.csr_matrix(columns[:, block])
        sums += inside @ dense
        squares += inside @ dense**2
    size = np.maximum(count, 1)[:, None]
    variance = squares - sums**2 / size
    scale = np.divide(
        1, np.sqrt(np.maximum(variance, 0)), out=np.zeros_like(sums), where=variance > 1e-9 * size
    )
    scale[count < 3] = 0
    for start in range(0, len(first), _CHUNK_PAIRS):
        part = slice(start, min(start + _CHUNK_PAIRS, len(first)))
        a, b = first[part], second[part]
        cross = np.zeros((len(count), len(a)))
        for block in blocks:
            dense = chosen[block].toarray() - centre
            cross += sparse.csr_matrix(columns[:, block]) @ (dense[:, a] * dense[:, b])
        cross -= sums[:, a] * sums[:, b] / size
        yield part, np.clip(cross * scale[:, a] * scale[:, b], -1, 1)


def split_half(
    values: sparse.csr_matrix,
    members: sparse.csr_matrix,
    first: np.ndarray,
    second: np.ndarray,
    usage: np.ndarray,
    half: np.ndarray,
    *,
    method: str = "pearson",
) -> tuple[np.ndarray, np.ndarray]:
    r"""Sum the agreement of the two halves' correlations over a study's clusters.

    For entry k and pair p: agreement :math:`\sum_i c_{ik} r_{ip} r'_{ip}` and size
    :math:`\sum_i c_{ik} (r_{ip}^2 + r'^2_{ip}) / 2`, with r, r' from the two halves of cluster i. The
    product of two independent estimates has the square of the true correlation as its mean, so noise
    averages to 0. Sums of several studies add up; see :func:`edge_reliability`.

    Parameters
    ----------
    values
        CSR (n_cells, n_genes), normalised.
    members
        CSR (n_clusters, n_cells).
    first, second
        (P,) genes of the pairs (columns of `values`).
    usage
        (n_clusters, K) codes.
    half
        (n_cells,) bool, from :func:`split_cells`.
    method
        ``"pearson"`` or ``"spearman"`` (ranks within each cluster's half).

    Returns
    -------
    agreement, size : (K, P) each.
    """
    agreement = np.zeros((usage.shape[1], len(first)))
    size = np.zeros_like(agreement)
    weights = np.ascontiguousarray(usage.T)
    members = sparse.csr_matrix(members)
    if method == "pearson":
        one, two = (members @ sparse.diags_array(mask.astype(float)).tocsr() for mask in (half, ~half))
        for matrix in (one, two):
            matrix.eliminate_zeros()
        pairs = zip(*(pair_correlations(values, m, first, second) for m in (one, two)), strict=True)
        for (part, r), (_, other) in pairs:
            agreement[:, part] += weights @ (r * other)
            size[:, part] += weights @ (r**2 + other**2) / 2
        return agreement, size
    from panscape.stats.sparse_ranks import tied_ranks

    progress = Progress("clusters", members.shape[0])
    for row in range(members.shape[0]):
        cells = members.indices[members.indptr[row] : members.indptr[row + 1]]
        results = []
        for mask in (half, ~half):
            ranks = tied_ranks(sparse.csr_matrix(values[cells[mask[cells]]]))
            whole = sparse.csr_matrix(np.ones((1, ranks.shape[0])))
            results.append(np.concatenate([r[0] for _, r in pair_correlations(ranks, whole, first, second)]))
        agreement += np.outer(weights[:, row], results[0] * results[1])
        size += np.outer(weights[:, row], (results[0] ** 2 + results[1] ** 2) / 2)
        progress.add()
    return agreement, size


def edge_reliability(agreement: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the reliability of correlations from all cells, by Spearman and Brown's formula.

    Parameters
    ----------
    agreement, size
        Sums of :func:`split_half` of all studies, any shape.

    Returns
    -------
    Same shape, in [-1, 1]: 1 when the halves agree perfectly, about 0 for edges of noise; NaN where
    neither half has a correlation.
    """
    ratio = np.divide(agreement, size, out=np.full(np.shape(size), np.nan), where=np.asarray(size) > 0)
    ratio = np.clip(ratio, -1 / 3, 1)  # at -1/3 the formula reaches -1
    return 2 * ratio / (1 + ratio)


def entry_reliability(entries: np.ndarray, agreement: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the reliability of entries: the mean over their edges, weighted by squared weight.

    Parameters
    ----------
    entries
        (K, P) weights at the pairs.
    agreement, size
        (K, P) sums of all studies.

    Returns
    -------
    (K,), in [-1, 1].
    """
    square = entries**2
    return edge_reliability((square * agreement).sum(axis=1), (square * size).sum(axis=1))
