"""Nearest neighbours of cells and the graph that they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.log import logger

RECALL_QUERIES = 500
WEIGHT_STEPS = (
    2**20
)  # weights are whole multiples of this fraction, so that their sums are exact in any order


@dataclass(frozen=True)
class NeighborGraph:
    """An undirected graph of cells.

    Attributes
    ----------
    n
        Number of cells.
    edges
        (n_edges, 2) int64, first < second, sorted.
    weights
        (n_edges,) float64 in (0, 1], or None if all edges count alike.
    """

    n: int
    edges: np.ndarray
    weights: np.ndarray | None


def neighbors(
    scores: np.ndarray, k: int, *, exact_below: int = 50_000, seed: int = 0, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest other cells of every cell by Euclidean distance.

    Parameters
    ----------
    scores
        float32, cells x components.
    k
        Neighbours, the cell itself counted; fewer than there are cells.
    exact_below
        With fewer cells all distances are computed, otherwise pynndescent searches (its recall on 500 cells
        is written to the log).
    seed
        Of the approximate search.
    threads
        Of the exact search, which does not depend on them. The approximate one always takes one thread,
        because its result would depend on their number.

    Returns
    -------
    (indices, distances), each cells x (k - 1), nearest first, the cell itself left out.
    """
    if len(scores) < exact_below:
        indices, distances = nearest(scores, scores, k, threads)
    else:
        indices, distances = _approximate(scores, k, seed)
        rows = np.random.default_rng(seed).choice(
            len(scores), min(RECALL_QUERIES, len(scores)), replace=False
        )
        truth, _ = _without_self(*nearest(scores, scores[rows], k, threads), rows)
        found, _ = _without_self(indices[rows], distances[rows], rows)
        hits = [len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True)]
        logger.info("approximate neighbours: recall %.3f on %d cells", np.mean(hits) / (k - 1), len(rows))
    return _without_self(indices, distances, np.arange(len(scores)))


def nearest(
    reference: np.ndarray, queries: np.ndarray, k: int, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return (indices, distances) of the `k` nearest reference points of every query, exactly."""
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    # with few queries per thread scikit-learn divides the references instead, and ties then depend on threads
    threads = max(min(threads, (len(queries) - 1) // 1024), 1)
    with threadpool_limits(threads):
        search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(reference)
        distances, indices = search.kneighbors(queries)
    return indices, distances


def _approximate(scores: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from pynndescent import NNDescent

    # searching for twice as many costs twice the time and lifts the recall of the nearer half from .87 to .98
    wide = min(2 * k, len(scores) - 1)
    indices, distances = NNDescent(scores, n_neighbors=wide, random_state=seed, n_jobs=1).neighbor_graph
    indices, distances = indices[:, :k].astype(np.int64), distances[:, :k]
    lost = np.flatnonzero((indices < 0).any(axis=1))  # the search may leave places of far-off cells empty
    if len(lost):
        indices[lost], distances[lost] = nearest(scores, scores[lost], k)
    return indices, distances


def _without_self(
    indices: np.ndarray, distances: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Drop each row's own cell, or its last neighbour where identical cells have crowded it out."""
    keep = indices != rows[:, None]
    crowded = keep.all(axis=1)
    keep[crowded, -1] = False
    shape = (len(indices), indices.shape[1] - 1)
    return indices[keep].reshape(shape), distances[keep].reshape(shape)


def neighbor_graph(indices: np.ndarray, distances: np.ndarray, weights: str = "umap") -> NeighborGraph:
    """Make the undirected graph of the neighbour relation.

    Parameters
    ----------
    indices, distances
        From :func:`neighbors`.
    weights
        ``"umap"``: fuzzy union of the local memberships (McInnes 2018, section 3.1); ``"none"``: an edge
        where either cell is among the other's neighbours.

    Returns
    -------
    The graph; with ``"umap"`` the weights are rounded to multiples of 2**-20 (at least one such step).
    """
    n, k = indices.shape
    value = _memberships(distances) if weights == "umap" else np.ones(indices.shape)
    arcs = sparse.csr_matrix((value.ravel(), indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    back = arcs.T.tocsr()
    union = sparse.triu(arcs + back - arcs.multiply(back), 1, format="csr")
    union.sort_indices()
    first = np.repeat(np.arange(n, dtype=np.int64), np.diff(union.indptr))
    edges = np.column_stack([first, union.indices.astype(np.int64)])
    if weights == "none":
        return NeighborGraph(n, edges, None)
    steps = np.maximum(np.round(union.data * WEIGHT_STEPS), 1)
    return NeighborGraph(n, edges, steps / WEIGHT_STEPS)


def _memberships(distances: np.ndarray, rounds: int = 64) -> np.ndarray:
    """Return exp(-(d - nearest) / scale), the scale such that a cell's memberships sum to log2(k)."""
    result = np.empty(distances.shape)
    overall = float(distances.mean()) if distances.size else 0.0
    target = np.log2(distances.shape[1] + 1)
    for start in range(0, len(distances), 65536):
        part = np.asarray(distances[start : start + 65536], dtype=np.float64)
        positive = np.where(part > 0, part, np.inf).min(axis=1)
        gap = np.maximum(part - np.where(np.isfinite(positive), positive, 0)[:, None], 0)
        low, high = np.zeros(len(part)), np.full(len(part), np.inf)
        scale = np.ones(len(part))
        for _ in range(rounds):
            total = np.exp(-gap / scale[:, None]).sum(axis=1)
            above = total > target
            high[above], low[~above] = scale[above], scale[~above]
            scale = np.where(np.isinf(high), scale * 2, (low + high) / 2)
        floor = 1e-3 * np.where(np.isfinite(positive), part.mean(axis=1), overall)
        result[start : start + 65536] = np.exp(-gap / np.maximum(scale, np.maximum(floor, 1e-300))[:, None])
    return result
