"""Distances of rows over the columns measured in both."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.graph.measured import Measured


def over_shared(products, vectors, metric: str, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances of rows from inner products, over the columns measured in both.

    Parameters
    ----------
    products
        (n, n) inner products of the rows, over all columns.
    vectors
        (n, p) CSR or dense, 0 where a column is not measured.
    metric
        ``"euclidean"``, ``"cosine"`` or ``"correlation"``.
    measured
        Measured columns of each row.

    Returns
    -------
    distances
        (n, n) float64, >= 0, diagonal 0. Euclidean distances are squared and scaled to p columns; the others
        are 1 - cosine of the rows, centred over the shared columns for correlation. inf for pairs without a
        common column, or, under an angular metric, with a row that is zero or constant over these.
    defined
        bool (n,): False for zero or constant vectors under an angular metric.
    """
    group = measured.group
    norms = measured.norms(vectors)[:, group]  # of row i over the measured columns of j
    shared = measured.shared()[np.ix_(group, group)]
    diagonal = norms.diagonal().copy()
    if metric == "euclidean":
        scale = np.divide(vectors.shape[1], shared, out=np.full_like(shared, np.inf), where=shared > 0)
        with np.errstate(invalid="ignore"):
            distances = np.maximum(norms + norms.T - 2 * products, 0) * scale
        distances[shared == 0] = np.inf
        defined = np.ones(len(products), dtype=bool)
    else:
        floor = np.zeros(())
        if metric == "correlation":
            sums = measured.sums(vectors)[:, group]
            count = np.maximum(shared, 1)
            products = products - sums * sums.T / count
            floor = 1e-12 * norms
            norms = norms - sums**2 / count
        usable = (norms > floor) & (norms > 0)
        defined = usable.diagonal().copy()
        usable &= usable.T & defined[:, None] & defined
        length = np.sqrt(np.where(usable, norms, 1.0))
        distances = np.where(usable, 1 - products / (length * length.T), np.inf)
    defined &= np.isfinite(diagonal)
    np.maximum(distances, 0, out=distances)
    np.fill_diagonal(distances, 0)
    return distances, defined


class Shared:
    """Rows for comparison over the columns measured in both."""

    def __init__(self, vectors, metric: str, measured: Measured):
        self.vectors, self.metric, self.measured = vectors, metric, measured

    def squared(self, row: int, others: np.ndarray) -> np.ndarray:
        """Return the squared distances from a row to others, over shared columns."""
        group, columns = self.measured.group, self.measured.columns
        result = np.empty(len(others))
        for other in np.unique(group[others]):
            both = columns[group[row]] & columns[other]
            here = self._dense(np.array([row]), both)
            places = np.flatnonzero(group[others] == other)
            for start in range(0, len(places), 64):
                part = places[start : start + 64]
                result[part] = ((self._dense(others[part], both) - here) ** 2).sum(axis=1)
        return result

    def _dense(self, rows: np.ndarray, both: np.ndarray) -> np.ndarray:
        part = dense_rows(self.vectors, rows)[:, both]
        if self.metric == "euclidean":
            return part * np.sqrt(len(both) / max(int(both.sum()), 1))
        if self.metric == "correlation":
            part -= part.mean(axis=1, keepdims=True)
        length = np.sqrt((part**2).sum(axis=1, keepdims=True))
        return part / np.where(length > 0, length, 1) / np.sqrt(2)


def dense_rows(vectors, rows: np.ndarray) -> np.ndarray:
    """Return some rows as dense float64."""
    part = vectors[rows]
    return part.toarray().astype(np.float64) if sparse.issparse(part) else np.array(part, dtype=np.float64)
