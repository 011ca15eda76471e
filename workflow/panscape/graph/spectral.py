"""Spectral clustering of a cell graph into many small groups with few eigenvectors."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape import seeds
from panscape.graph.components import components
from panscape.graph.normalised import normalised
from panscape.stats.decomposition import leading_eigen, signs
from panscape.stats.threads import limited

DENSE_BELOW = 300  # cells: smaller graphs are decomposed exactly
TOLERANCE = 1e-3
PARTS = 16  # at a time: more take as many eigenvectors of the whole graph, at a cost of their square
MANY = 64  # groups: more are found in two steps, since k-means takes cells x groups operations


def spectral_embedding(graph: sparse.csr_matrix, m: int) -> np.ndarray:
    """Return the leading eigenvectors of (I + D^-1/2 W D^-1/2) / 2, rows scaled to norm 1.

    The average with the identity makes all eigenvalues non-negative, so that the largest belong to the
    smoothest vectors.

    Parameters
    ----------
    graph
        Symmetric affinities, cells x cells, without isolated cells where there is more than one.
    m
        Number of eigenvectors; at most n - 1 are returned.

    Returns
    -------
    float64, cells x m. The largest entry of each vector is positive.
    """
    n = graph.shape[0]
    m = max(min(m, n - 1), 1)
    half = sparse.csr_matrix(0.5 * (sparse.eye_array(n) + normalised(graph)[0]))
    vectors = leading_eigen(half, m, dense_below=DENSE_BELOW, tolerance=TOLERANCE)[1]
    vectors = vectors * signs(vectors)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def kmeans(points: np.ndarray, k: int, seed: int, *, starts: int = 1) -> np.ndarray:
    """Cluster points by k-means with k-means++ starts, in one thread for reproducible sums.

    Parameters
    ----------
    points
        (n, m), finite.
    k
        Number of clusters, at least 1.
    seed
        Seed of the starts.
    starts
        Number of starts, of which the one with the lowest inertia is returned.

    Returns
    -------
    int64 (n,): labels 0..k-1. If `k` is n or more, each point is its own cluster.
    """
    from sklearn.cluster import KMeans

    if k >= len(points):
        return np.arange(len(points))
    with limited(1):
        return KMeans(k, n_init=starts, random_state=seed).fit_predict(points).astype(np.int64)


def allocate(sizes: np.ndarray, k: int, *, min_cells: int = 1) -> np.ndarray:
    """Allocate `k` metacells to groups of cells in proportion to their sizes, by largest remainders.

    Parameters
    ----------
    sizes
        Number of cells of each group.
    k
        Total number of metacells.
    min_cells
        Minimum number of cells of a group to get a metacell.

    Returns
    -------
    int64 per group: at least 1 for each group of `min_cells` cells or more (if there are more than `k` of
    these, 1 for the largest), and at most one per `min_cells` cells. Sums to `k` if possible.
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    given = np.zeros(len(sizes), dtype=np.int64)
    able = np.flatnonzero(sizes >= max(min_cells, 1))
    if not len(able):
        given[np.argmax(sizes)] = 1
        return given
    if len(able) >= k:
        given[able[np.argsort(-sizes[able], kind="stable")[:k]]] = 1
        return given
    limit = np.maximum(sizes[able] // max(min_cells, 1), 1)
    quota = sizes[able] / sizes[able].sum() * k
    part = np.clip(np.floor(quota).astype(np.int64), 1, limit)
    while part.sum() < min(k, limit.sum()):
        open_ = part < limit
        part[np.argmax(np.where(open_, quota - part, -np.inf))] += 1
    while part.sum() > k:
        part[np.argmax(np.where(part > 1, part - quota, -np.inf))] -= 1
    given[able] = part
    return given


def cut(
    graph: sparse.csr_matrix,
    k: int,
    *,
    eigenvectors: int = 50,
    two_level_above: int | None = 4000,
    coarse_cells: int = 2000,
    min_cells: int = 5,
    seed: int = 0,
) -> np.ndarray:
    """Cut a graph into about `k` groups by spectral clustering with few eigenvectors.

    Connected components get groups in proportion to their cells. A component of more than `two_level_above`
    cells (None: never) is first cut into coarse groups of about `coarse_cells` cells, at most 16, which are
    cut separately in the same way.

    Parameters
    ----------
    graph
        Symmetric affinities (CSR, cells x cells).
    k
        Number of groups, at least 1.
    eigenvectors
        Maximum number of eigenvectors: 20 to 50 perform as well as `k` at a tenth of the cost.
    min_cells
        Components with fewer cells get no group.
    seed
        Seed of k-means.

    Returns
    -------
    int64 per cell: group from 0, or -1 in components without a group.
    """
    n = graph.shape[0]
    label = np.full(n, -1, dtype=np.int64)
    part = components(graph, by="position")
    sizes = np.bincount(part)
    count = len(sizes)
    given = allocate(sizes, k, min_cells=min_cells)
    used = 0
    order = np.argsort(part, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    for c in np.flatnonzero(given):
        rows = order[bounds[c] : bounds[c + 1]]
        inner = graph if count == 1 else graph[rows][:, rows]
        if given[c] == 1:
            groups = np.zeros(len(rows), dtype=np.int64)
        elif two_level_above is not None and len(rows) > two_level_above:
            coarse = min(max(-(-len(rows) // coarse_cells), 2), PARTS)
            options = {
                "eigenvectors": eigenvectors,
                "two_level_above": two_level_above,
                "coarse_cells": coarse_cells,
                "min_cells": min_cells,
            }
            groups = _two_levels(inner, int(given[c]), min(coarse, int(given[c])), options, seed)
        else:
            groups = _flat(inner, int(given[c]), eigenvectors, seeds.derive(seed, "kmeans", int(c)))
        label[rows] = np.where(groups >= 0, groups + used, -1)
        used += int(groups.max()) + 1
    return label


def _flat(graph: sparse.csr_matrix, k: int, eigenvectors: int, seed: int) -> np.ndarray:
    if k == 1:
        return np.zeros(graph.shape[0], dtype=np.int64)
    points = spectral_embedding(graph, min(k, eigenvectors))
    return kmeans(points, k, seed, starts=2) if k <= MANY else _stepwise_kmeans(points, k, seed)


def _stepwise_kmeans(points: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Cluster points into about the square root of `k` groups, and these into `k` in proportion to size."""
    first = kmeans(points, round(k**0.5), seed, starts=2)
    given = allocate(np.bincount(first), k)
    label, used = np.empty(len(points), dtype=np.int64), 0
    for c in range(len(given)):
        rows = np.flatnonzero(first == c)
        if given[c] == 1:
            label[rows] = used
        else:
            label[rows] = used + kmeans(points[rows], int(given[c]), seeds.derive(seed, "step", c), starts=2)
        used += int(given[c])
    return label


def _two_levels(graph: sparse.csr_matrix, k: int, coarse: int, options: dict, seed: int) -> np.ndarray:
    first = _flat(graph, coarse, options["eigenvectors"], seeds.derive(seed, "coarse"))
    sizes = np.bincount(first, minlength=coarse)
    given = allocate(sizes, k, min_cells=options["min_cells"])
    label = np.full(graph.shape[0], -1, dtype=np.int64)
    used = 0
    for c in np.flatnonzero(given):
        rows = np.flatnonzero(first == c)
        groups = cut(graph[rows][:, rows], int(given[c]), **options, seed=seeds.derive(seed, "part", int(c)))
        label[rows] = np.where(groups >= 0, groups + used, -1)
        used += int(groups.max()) + 1
    return label
