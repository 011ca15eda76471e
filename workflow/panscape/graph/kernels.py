"""The graph of cells that metacells are cut from."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import sparse

from panscape.errors import fail
from panscape.log import logger

EXACT_BELOW = 20_000  # cells: below, all distances are computed
BLOCK = 256  # cells whose distances are held at once: as many as stay in the cache
MORE = 10  # cells measured in full beyond those asked for


def nearest_cells(
    z: np.ndarray, k: int = 15, *, exact_below: int = EXACT_BELOW, seed: int = 0, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest other cells of every cell by Euclidean distance.

    Parameters
    ----------
    z
        Embedding, cells x dimensions, finite.
    k
        Neighbours, the cell itself counted (as scanpy and SEACells count); lowered to the number of cells.
    exact_below
        With fewer cells all distances are computed, otherwise pynndescent searches.
    seed
        Of the approximate search, which takes one thread because its result would depend on their number.
    threads
        Of the exact search, whose result does not depend on them beyond rounding.

    Returns
    -------
    (indices, distances), each cells x (k - 1), nearest first, the cell itself left out.

    Raises
    ------
    UserError
        If a coordinate is not finite.
    """
    z = checked(z)
    k = min(k, len(z))
    if len(z) < exact_below:
        with limited(threads):
            return _exact(z, k)
    from pynndescent import NNDescent

    # a few more than asked for: the search's recall is lowest for the farthest of them
    found = NNDescent(z.astype(np.float32), n_neighbors=k + 5, random_state=seed, n_jobs=1).neighbor_graph
    return _without_self(np.asarray(found[0], dtype=np.int64), np.asarray(found[1], dtype=float), k)


@cache
def _pools():
    # what is found here is kept, as looking for it takes longer than many a step; so it has to be there
    import sklearn.cluster  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def limited(threads: int):
    """Return a context within which linear algebra and k-means take so many threads."""
    return _pools().limit(limits=threads)


def checked(z: np.ndarray) -> np.ndarray:
    """Return an embedding as a float array.

    Raises
    ------
    UserError
        If a coordinate is NaN or infinite.
    """
    z = np.asarray(z)
    if z.ndim != 2 or not len(z):
        raise ValueError(f"an embedding is cells x dimensions, not {z.shape}")
    z = z if z.dtype == np.float32 else z.astype(float)
    bad = ~np.isfinite(z).all(axis=1)
    if bad.any():
        raise fail(
            "embedding",
            f"{int(bad.sum())} of {len(z)} cells have coordinates that are NaN or infinite",
            "leave out cells without counts, or lower the learning rate if the model was trained",
        )
    return z


def _exact(z: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Search in single precision, measure what was found in full, and search again where that is in doubt."""
    from scipy.spatial.distance import cdist

    n = len(z)
    indices, distances = np.empty((n, k - 1), dtype=np.int64), np.empty((n, k - 1))
    if k == 1:
        return indices, distances
    centred = np.asarray(z - z.mean(axis=0), dtype=np.float32 if z.dtype == np.float32 else float)
    single = centred.astype(np.float32)
    square = np.einsum("ij,ij->i", single, single)
    # bound on the error of a squared distance, as far as the two cells' rows do not cancel
    slack = 4 * (z.shape[1] + 4) * np.finfo(np.float32).eps * float(square.max())
    most = min(k - 1 + MORE, n - 1)
    for start in range(0, n, BLOCK):
        rows = np.arange(start, min(start + BLOCK, n))
        gap = single[rows] @ single.T
        gap *= -2
        gap += square
        gap[np.arange(len(rows)), rows] = np.inf
        near = np.argpartition(gap, most - 1, axis=1)[:, :most]
        farthest = gap[np.arange(len(rows)), near[:, -1]].astype(float)
        indices[rows], distances[rows] = _measured(centred, rows, near, k)
        if most == n - 1:
            continue
        doubt = rows[distances[rows, -1] ** 2 - square[rows] > farthest - slack]
        if len(doubt):
            gap = cdist(centred[doubt], centred, "sqeuclidean")
            gap[np.arange(len(doubt)), doubt] = np.inf
            near = np.argpartition(gap, k - 2, axis=1)[:, : k - 1]
            indices[doubt], distances[doubt] = _measured(centred, doubt, near, k)
    return indices, distances


def _measured(z: np.ndarray, rows: np.ndarray, near: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    apart = (z[rows][:, None] - z[near]).astype(float, copy=False)
    exact = np.sqrt(np.einsum("ijk,ijk->ij", apart, apart))
    order = np.lexsort((near, exact), axis=1)[:, : k - 1]
    return np.take_along_axis(near, order, axis=1), np.take_along_axis(exact, order, axis=1)


def _without_self(indices: np.ndarray, distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Drop each row's own cell and places that the search left empty (they repeat the nearest)."""
    lost = indices < 0
    if lost.any():
        logger.info("approximate neighbours: %d places stayed empty", int(lost.sum()))
        indices = np.where(lost, indices[:, :1], indices)
        distances = np.where(lost, distances[:, :1], distances)
    own = indices == np.arange(len(indices))[:, None]
    order = np.argsort(own, axis=1, kind="stable")[:, : k - 1]
    return np.take_along_axis(indices, order, axis=1), np.take_along_axis(distances, order, axis=1)


def affinities(indices: np.ndarray, distances: np.ndarray) -> sparse.csr_matrix:
    """Return the adaptive Gaussian kernel on the union of the neighbour relation.

    w_ij = exp(-d_ij^2 / (s_i s_j)) with s the distance to the middle neighbour (the 7th of 14), the kernel
    that SEACells describes; an edge is there if either cell is among the other's neighbours.

    Parameters
    ----------
    indices, distances
        From :func:`nearest_cells`, or any neighbours and distances of the same form.

    Returns
    -------
    CSR float64, cells x cells, symmetric, without a diagonal, values in (0, 1] rounded to 2**-40 so that
    they do not hang on the order of sums.
    """
    n, k = indices.shape
    if not k:
        return sparse.csr_matrix((n, n))
    width = np.sort(distances, axis=1)[:, max((k + 1) // 2 - 1, 0)].copy()
    positive = width[width > 0]
    # cells that coincide with half of their neighbours would have no width at all
    floor = 1e-3 * float(np.median(positive)) if len(positive) else 1.0
    width = np.maximum(width, floor)
    rows = np.repeat(np.arange(n), k)
    weight = np.exp(-(distances.ravel() ** 2) / (width[rows] * width[indices.ravel()]))
    weight = np.maximum(np.round(weight * 2.0**40), 1) / 2.0**40
    arcs = sparse.csr_matrix((weight, (rows, indices.ravel())), shape=(n, n))
    arcs.setdiag(0)
    arcs.eliminate_zeros()
    union = arcs.maximum(arcs.T).tocsr()
    union.sort_indices()
    return union


def components(graph: sparse.csr_matrix) -> tuple[int, np.ndarray]:
    """Return (number, component of each cell); components are numbered by their first cell."""
    from scipy.sparse.csgraph import connected_components

    count, label = connected_components(graph, directed=False)
    _, first = np.unique(label, return_index=True)
    rank = np.empty(count, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(count)
    return int(count), rank[label]
