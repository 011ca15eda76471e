"""Exact distances between clusters and their exact nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.graph.measured import Measured
from panscape.graph.shared import Shared, dense_rows, over_shared

METRICS = ("euclidean", "cosine", "correlation")
BLOCK_BYTES = 1 << 28
# two squared distances closer than this share of the squared norms are compared again without cancellation
TIE = 1e-11


@dataclass(frozen=True)
class Neighbours:
    """The nearest neighbours of every row, nearest first, without the row itself.

    Parameters
    ----------
    index
        int64, (n, k): positions; -1 where a row has fewer neighbours (undefined vectors have none).
    distance
        float64, (n, k): distances; inf where `index` is -1.
    defined
        bool, (n,): False where the distance of the row to others is not defined (an all-zero or constant
        vector under an angular distance).
    """

    index: np.ndarray
    distance: np.ndarray
    defined: np.ndarray

    @property
    def matrix(self) -> sparse.csr_matrix:
        """Return the distances as CSR (n, n); explicit zeros stay for identical rows."""
        rows, places = np.nonzero(self.index >= 0)
        count = len(self.index)
        indptr = np.concatenate([[0], np.cumsum((self.index >= 0).sum(axis=1))])
        found = sparse.csr_matrix(
            (self.distance[rows, places], self.index[rows, places], indptr), shape=(count, count)
        )
        found.sort_indices()
        return found


def gram(vectors: sparse.csr_matrix | np.ndarray, *, block_bytes: int = BLOCK_BYTES) -> np.ndarray:
    """Return all inner products of the rows in float64.

    Sparse rows are made dense one block of columns at a time: at the usual density (a few per cent) dense
    products beat sparse ones, and a block bounds the memory.

    Parameters
    ----------
    vectors
        (n, p) CSR or dense.
    block_bytes
        Memory of one dense block.

    Returns
    -------
    (n, n), symmetric.
    """
    from scipy.linalg.blas import dsyrk

    count, width = vectors.shape
    step = max(block_bytes // (8 * max(count, 1)), 1)
    columns = sparse.csc_matrix(vectors) if sparse.issparse(vectors) else np.asarray(vectors)
    total = np.zeros((count, count), order="F")
    if count == 0 or width == 0:
        return total
    for start in range(0, width, step):
        block = columns[:, start : start + step]
        # an F-ordered float64 block goes to BLAS without a copy
        dense = (
            block.astype(np.float64).toarray(order="F")
            if sparse.issparse(block)
            else np.asfortranarray(block, dtype=np.float64)
        )
        total = dsyrk(1.0, dense, beta=1.0, c=total, overwrite_c=1)
    upper = np.triu(total)
    return upper + np.triu(upper, 1).T


def squared_distances(
    vectors: sparse.csr_matrix | np.ndarray, metric: str, measured: Measured | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return comparable distances of all pairs of rows.

    Parameters
    ----------
    vectors
        (n, p) CSR or dense.
    metric
        ``"euclidean"``: squared Euclidean distance; ``"cosine"``, ``"correlation"``: 1 - cosine of the
        rows, for correlation of the rows minus their means over all columns.
    measured
        Columns that each row measures (None: all), with 0 in `vectors` elsewhere. The distance of two rows is
        taken over the columns that both measure; a Euclidean one is scaled to the number of all columns. Rows
        that share no value are infinitely far apart.

    Returns
    -------
    distances
        (n, n) float64, >= 0, diagonal 0; rows and columns of undefined vectors hold inf.
    defined
        bool, (n,).
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {METRICS}, found {metric!r}")
    products = gram(vectors)
    if measured is not None:
        return over_shared(products, vectors, metric, measured)
    norms = products.diagonal().copy()
    defined = np.ones(len(products), dtype=bool)
    if metric == "euclidean":
        distances = norms[:, None] + norms[None, :] - 2 * products
    else:
        if metric == "correlation":
            means = np.asarray(vectors.mean(axis=1, dtype=np.float64)).ravel()
            products -= vectors.shape[1] * np.outer(means, means)
            defined = products.diagonal() > 1e-12 * norms
            norms = products.diagonal().copy()
        defined &= norms > 0
        scale = np.zeros_like(norms)
        scale[defined] = 1 / np.sqrt(norms[defined])
        distances = 1 - products * scale[:, None] * scale[None, :]
        distances[~defined] = np.inf
        distances[:, ~defined] = np.inf
    np.maximum(distances, 0, out=distances)
    np.fill_diagonal(distances, 0)
    return distances, defined


def nearest(
    vectors: sparse.csr_matrix | np.ndarray,
    k: int,
    *,
    metric: str = "cosine",
    allowed: np.ndarray | None = None,
    distances: tuple[np.ndarray, np.ndarray] | None = None,
    refine: bool = True,
    measured: Measured | None = None,
) -> Neighbours:
    """Find the exact nearest neighbours of every row.

    The result equals a brute-force search in float64 up to exact ties, which go to the smaller position.
    Products are used for speed; where two candidates for the last place, or a distance and zero, are within
    rounding, they are compared again by differences of the vectors themselves.

    Parameters
    ----------
    vectors
        (n, p) CSR or dense, finite.
    k
        Neighbours per row, >= 1, the row itself not counted; fewer where there are fewer rows.
    metric
        As in :func:`squared_distances`; Euclidean distances are returned as such, not squared.
    allowed
        bool (n, n), optional: False forbids a neighbour.
    distances
        What :func:`squared_distances` gives for these vectors and metric, if it is known already.
    refine
        False trusts the products: enough, and much faster, for 0/1 vectors with many exact ties.
    measured
        See :func:`squared_distances`.

    Returns
    -------
    Neighbours with min(k, n - 1) columns.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, found {k}")
    known, defined = squared_distances(vectors, metric, measured) if distances is None else distances
    count = len(known)
    k = min(k, max(count - 1, 0))
    unit = _unit_rows(vectors, metric, defined)
    norms = _squared_norms(unit)
    if measured is not None:
        unit = Shared(vectors, metric, measured)
    blocked = ~defined[:, None] | ~defined[None, :]
    if allowed is not None:
        blocked |= ~allowed
    np.fill_diagonal(blocked, True)
    values = np.where(blocked, np.inf, known)
    index = np.full((count, k), -1, dtype=np.int64)
    distance = np.full((count, k), np.inf)
    for row in range(count if k else 0):
        order, found = _nearest_of_row(row, values[row], k, unit, norms, refine)
        index[row, : len(order)], distance[row, : len(order)] = order, found
    if metric == "euclidean":
        distance = np.sqrt(distance)
    return Neighbours(index, distance, defined)


def _nearest_of_row(row, values, k, unit, norms, refine):
    """Return positions and squared distances of a row's k smallest finite values, near ties made exact."""
    usable = int(np.isfinite(values).sum())
    k = min(k, usable)
    if k == 0:
        return np.empty(0, dtype=np.int64), np.empty(0)
    last = np.partition(values, k - 1)[k - 1]
    slack = TIE * (norms[row] + norms)
    candidates = np.flatnonzero(values <= last + 2 * slack)
    found = values[candidates].copy()
    order = np.argsort(found, kind="stable")
    gaps = np.diff(found[order])
    margin = slack[candidates[order]]
    close = np.zeros(len(candidates), dtype=bool)
    close[order[1:]] |= gaps <= margin[1:]
    close[order[:-1]] |= gaps <= margin[1:]
    close |= found <= slack[candidates]
    if refine and close.any():
        found[close] = _by_difference(unit, row, candidates[close])
    order = np.lexsort((candidates, found))[:k]
    return candidates[order], found[order]


def _unit_rows(vectors, metric, defined):
    """Return the rows between which the squared Euclidean distance (halved if angular) is the metric."""
    if metric == "euclidean":
        return vectors
    if metric == "correlation":
        # centring would fill a sparse matrix: kept as it is, with the shift applied where rows are compared
        return _Scaled(vectors, defined, centred=True)
    return _Scaled(vectors, defined, centred=False)


class _Scaled:
    """Rows to be compared after centring (correlation) and scaling to length 1, made dense on demand."""

    def __init__(self, vectors, defined, *, centred: bool):
        self.vectors, self.defined, self.centred = vectors, defined, centred

    def dense(self, rows: np.ndarray) -> np.ndarray:
        found = dense_rows(self.vectors, rows)
        if self.centred:
            found -= found.mean(axis=1, keepdims=True)
        length = np.sqrt((found**2).sum(axis=1, keepdims=True))
        # halved squares: |u - v|^2 / 2 = 1 - cos(u, v)
        return found / np.where(length > 0, length, 1) / np.sqrt(2)


def _squared_norms(unit) -> np.ndarray:
    if isinstance(unit, _Scaled):
        return np.where(unit.defined, 0.5, 0.0)
    if sparse.issparse(unit):
        return np.asarray(unit.astype(np.float64).multiply(unit).sum(axis=1)).ravel()
    return (np.asarray(unit, dtype=np.float64) ** 2).sum(axis=1)


def _by_difference(unit, row: int, others: np.ndarray, *, at_once: int = 64) -> np.ndarray:
    """Return squared distances of one row to others from differences: no cancellation, zero for equals."""
    if isinstance(unit, Shared):
        return unit.squared(row, others)
    get = unit.dense if isinstance(unit, _Scaled) else lambda rows: dense_rows(unit, rows)
    here = get(np.array([row]))
    parts = [others[start : start + at_once] for start in range(0, len(others), at_once)]
    return np.concatenate([((get(part) - here) ** 2).sum(axis=1) for part in parts])
