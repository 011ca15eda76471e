"""What models ask of the scaled expression of a bin, and its form as a dense array."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from panscape.stats.decomposition import signs, symmetric_eigen
from panscape.stats.pca import leading_axes


class Inputs(Protocol):
    """Scaled expression of n cells in F genes, dense or held as sparse counts.

    Training cells are those that determine the axes; the object knows them.
    """

    shape: tuple[int, int]

    def __len__(self) -> int: ...

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Return cells, by numbers or a mask, as a dense float32 array."""
        ...

    @property
    def varying(self) -> np.ndarray:
        """Genes that are not constant, bool (F,)."""
        ...

    def variance(self) -> tuple[int, float]:
        """Return the number of genes that vary in the training cells, and the sum of their variances."""
        ...

    def leading(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the k leading axes of the training cells (F, k), and the mean squares of scores (k,)."""
        ...

    def gene_scores(self, k: int) -> np.ndarray:
        """Return the genes' scores on at most k principal axes of the training cells, up to a factor."""
        ...

    def times(self, weights: np.ndarray) -> np.ndarray:
        """Return the product of all cells and weights (F, k)."""
        ...

    def content(self) -> tuple[Any, ...]:
        """Return what determines the values, for a digest."""
        ...


class DenseInputs:
    """Scaled expression in memory.

    Parameters
    ----------
    values
        float32, (n, F).
    train
        bool, (n,): cells that determine the axes.

    Attributes
    ----------
    shape
        (n, F).

    Examples
    --------
    >>> made = DenseInputs(np.array([[1, 0], [-1, 0], [5, 5]], np.float32), np.array([True, True, False]))
    >>> made.variance(), made.leading(1)[1]
    ((1, 1.0), array([1.]))
    """

    def __init__(self, values: np.ndarray, train: np.ndarray):
        self._values, self._train, self.shape = values, train, values.shape

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self._values[rows]

    @property
    def varying(self) -> np.ndarray:
        """Genes with a value that is not 0, bool (F,)."""
        return np.asarray(self._values.any(axis=0))

    def variance(self) -> tuple[int, float]:
        """See :class:`Inputs`."""
        train = self._values[self._train]
        total = np.square(train, dtype=np.float64).mean(axis=0).sum()
        return int(train.any(axis=0).sum()), float(total)

    def leading(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Inputs`."""
        return leading_axes(self._values[self._train], k)

    def gene_scores(self, k: int) -> np.ndarray:
        """See :class:`Inputs`; X^T = U S V^T gives U S, from the smaller Gram matrix."""
        x = self._values[self._train].astype(np.float64)  # (C, F)
        if x.shape[0] <= x.shape[1]:
            scores = x.T @ symmetric_eigen(x @ x.T, k)[1]  # = U S
        else:
            values, vectors = symmetric_eigen(x.T @ x, k)
            scores = vectors * np.sqrt(np.clip(values, 0, None))
        return scores * signs(scores)  # signs of eigenvectors are arbitrary

    def times(self, weights: np.ndarray) -> np.ndarray:
        """See :class:`Inputs`."""
        return self._values @ weights

    def content(self) -> tuple[Any, ...]:
        """See :class:`Inputs`."""
        return (self._values,)
