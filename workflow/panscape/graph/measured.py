"""Masks of measured columns, for distances over the columns measured in both rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Measured:
    """Measured columns of each row, by groups of rows with the same measured columns.

    Parameters
    ----------
    group
        int (n,): group of each row.
    columns
        bool (n_groups, p).
    """

    group: np.ndarray
    columns: np.ndarray

    def patterns(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (rows, columns): sets of columns measured in the same rows, and these rows."""
        code = np.unique(self.columns, axis=1, return_inverse=True)[1].reshape(-1)
        order = np.argsort(code, kind="stable")
        for columns in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
            if len(columns):
                yield np.flatnonzero(self.columns[self.group, columns[0]]), columns

    def norms(self, vectors: sparse.csr_matrix | np.ndarray) -> np.ndarray:
        """Return (n, n_groups): squared norms of the rows over the measured columns of each group."""
        if sparse.issparse(vectors):
            values = sparse.csr_matrix(vectors, dtype=np.float64)
            return self._over(values.multiply(values))
        return self._over(np.asarray(vectors, dtype=np.float64) ** 2)

    def sums(self, vectors: sparse.csr_matrix | np.ndarray) -> np.ndarray:
        """Return (n, n_groups): sums of the rows over the measured columns of each group."""
        return self._over(vectors.astype(np.float64))

    def shared(self) -> np.ndarray:
        """Return (n_groups, n_groups): numbers of columns measured in both groups."""
        flags = self.columns.astype(np.float64)
        return flags @ flags.T

    def _over(self, values) -> np.ndarray:
        return np.asarray(values @ self.columns.T.astype(np.float64))
