"""Exact pairwise distances of rows."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.graph.measured import Measured
from panscape.graph.shared import Shared, dense_rows, over_shared

METRICS = ("euclidean", "cosine", "correlation")
BLOCK_BYTES = 1 << 28


def gram(vectors: sparse.csr_matrix | np.ndarray, *, block_bytes: int = BLOCK_BYTES) -> np.ndarray:
    """Return the inner products of all pairs of rows in float64.

    Sparse rows are made dense one block of columns at a time: at the usual density of a few per cent, dense
    products are faster than sparse ones, and blocks bound the memory.

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
        if sparse.issparse(block):
            dense = sparse.csc_matrix(block, dtype=np.float64).toarray(order="F")
        else:
            dense = np.asfortranarray(block, dtype=np.float64)
        total = dsyrk(1.0, dense, beta=1.0, c=total, overwrite_c=1)
    upper = np.triu(total)
    return upper + np.triu(upper, 1).T


def squared_distances(
    vectors: sparse.csr_matrix | np.ndarray, metric: str, measured: Measured | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances of all pairs of rows, squared for the Euclidean metric.

    Parameters
    ----------
    vectors
        (n, p) CSR or dense.
    metric
        ``"euclidean"``: squared Euclidean distance; ``"cosine"``, ``"correlation"``: 1 - cosine of the
        rows, for correlation of the rows minus their means over all columns.
    measured
        Measured columns of each row (None: all), with 0 in `vectors` elsewhere. Distances are over the
        columns measured in both rows, Euclidean ones scaled to the number of all columns; infinite without a
        common column.

    Returns
    -------
    distances
        (n, n) float64, >= 0, diagonal 0; inf in rows and columns of undefined vectors.
    defined
        bool, (n,): False for zero or constant vectors under an angular metric.
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


def comparable_rows(
    vectors: sparse.csr_matrix | np.ndarray,
    metric: str,
    defined: np.ndarray,
    measured: Measured | None = None,
):
    """Return rows scaled such that their squared differences are the metric, for :func:`by_difference`.

    Parameters
    ----------
    vectors
        (n, p) CSR or dense.
    metric
        See :func:`squared_distances`.
    defined
        bool (n,), from :func:`squared_distances`.
    measured
        See :func:`squared_distances`.
    """
    if measured is not None:
        return Shared(vectors, metric, measured)
    if metric == "euclidean":
        return vectors
    if metric == "correlation":
        # centring would make the matrix dense: the shift is applied where rows are compared
        return _Scaled(vectors, defined, centred=True)
    return _Scaled(vectors, defined, centred=False)


class _Scaled:
    """Rows centred (for correlation) and scaled to norm 1, made dense on demand."""

    def __init__(self, vectors, defined, *, centred: bool):
        self.vectors, self.defined, self.centred = vectors, defined, centred

    def dense(self, rows: np.ndarray) -> np.ndarray:
        dense = dense_rows(self.vectors, rows)
        if self.centred:
            dense -= dense.mean(axis=1, keepdims=True)
        length = np.sqrt((dense**2).sum(axis=1, keepdims=True))
        # halved squares: |u - v|^2 / 2 = 1 - cos(u, v)
        return dense / np.where(length > 0, length, 1) / np.sqrt(2)


def squared_norms(vectors: sparse.csr_matrix | np.ndarray, metric: str, defined: np.ndarray) -> np.ndarray:
    """Return the squared norms of the rows as compared by :func:`squared_distances`.

    Angular distances compare rows of squared norm 1/2.

    Parameters
    ----------
    vectors
        (n, p) CSR or dense.
    metric
        See :func:`squared_distances`.
    defined
        bool (n,), from :func:`squared_distances`; not used for the Euclidean metric.

    Returns
    -------
    float64 (n,). Under an angular metric, 1/2 for defined rows and 0 for others.
    """
    if metric != "euclidean":
        return np.where(defined, 0.5, 0.0)
    if sparse.issparse(vectors):
        values = sparse.csr_matrix(vectors, dtype=np.float64)
        return np.asarray(values.multiply(values).sum(axis=1)).ravel()
    return (np.asarray(vectors, dtype=np.float64) ** 2).sum(axis=1)


def by_difference(rows, row: int, others: np.ndarray, *, at_once: int = 64) -> np.ndarray:
    """Return the squared distances of one row to others from differences, without cancellation.

    Parameters
    ----------
    rows
        From :func:`comparable_rows`.
    row
        Position of the row.
    others
        Positions of the other rows.
    at_once
        Maximum number of dense rows at a time.
    """
    if isinstance(rows, Shared):
        return rows.squared(row, others)
    get = rows.dense if isinstance(rows, _Scaled) else lambda chosen: dense_rows(rows, chosen)
    here = get(np.array([row]))
    parts = [others[start : start + at_once] for start in range(0, len(others), at_once)]
    return np.concatenate([((get(part) - here) ** 2).sum(axis=1) for part in parts])
