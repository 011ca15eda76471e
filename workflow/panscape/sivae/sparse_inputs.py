"""Scaled expression of many cells, held as sparse counts and made dense a block of cells at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from panscape.data.normalise import normalise
from panscape.sivae.bins import CONSTANT
from panscape.stats.decomposition import signs, symmetric_eigen

ROWS = 4096  # cells of a block
FEW, EARLY, LATE = 16_384, 5, 2  # passes over as many cells to find the axes, and passes over all of them
EXTRA = 20  # dimensions of the iterated subspace beyond those asked for


class SparseInputs:
    """Scaled log expression (n, F), indexed by cells like a dense float32 array.

    Counts take 4 bytes for each one stored (16 bits of value and of gene, where they fit). Mean and standard
    deviation of the genes are of the training cells, from one pass over the counts.

    Parameters
    ----------
    counts
        CSR, (n, F).
    totals
        (n,): counts of the cells over all genes.
    train
        bool, (n,): cells that determine the scaling and the principal axes.
    normalisation, target
        See :func:`panscape.data.normalise.normalise`.

    Attributes
    ----------
    shape
        (n, F).
    values, columns, starts
        Counts, their genes, and where those of each cell begin, (n + 1,).
    centre, spread
        float64, (F,): of the training cells; the spread is inf where a gene is constant.
    mean, detection
        (F,): mean log expression over all cells, and the fraction of cells with a count.

    Examples
    --------
    >>> counts = sparse.csr_matrix(np.array([[1, 0], [3, 2], [0, 4.0]], np.float32))
    >>> made = SparseInputs(counts, np.full(3, 5.0), np.ones(3, bool), "log1p", 5.0)
    >>> made[np.array([0, 2])].round(2)
    array([[ 0.  , -1.34],
           [-1.22,  1.05]], dtype=float32)
    """

    ndim, dtype = 2, np.dtype(np.float32)

    def __init__(
        self,
        counts: sparse.csr_matrix,
        totals: np.ndarray,
        train: np.ndarray,
        normalisation: str,
        target: float,
    ):
        self.shape = counts.shape
        self.totals, self.train = np.asarray(totals, dtype=float), train
        self.normalisation, self.target = normalisation, target
        self.values, self.columns = _narrow(counts.data), _narrow(counts.indices)
        self.starts = np.asarray(counts.indptr, dtype=np.int64)
        self._axes = np.zeros((self.shape[1], 0), np.float32)
        self._squares = np.zeros(0)
        self._scale()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        """Return cells (numbers, a mask or a slice) as a dense float32 array."""
        dense = self.log(np.arange(len(self))[rows]).toarray().astype(np.float64)
        dense -= self.centre
        dense /= self.spread
        return dense.astype(np.float32)

    @property
    def varying(self) -> np.ndarray:
        """Genes that are not constant in the training cells, bool (F,)."""
        return np.isfinite(self.spread)

    def variance(self) -> tuple[int, float]:
        """Return the number of genes that vary in the training cells: each is scaled to a variance of 1."""
        used = int(self.varying.sum())
        return used, float(used)

    def content(self) -> tuple[Any, ...]:
        """Return what determines the values, for a digest."""
        scaling = (self.normalisation, self.target, self.totals, self.train)
        return (*scaling, self.values, self.columns, self.starts)

    def gene_scores(self, k: int) -> np.ndarray:
        """Return the genes' scores on at most k leading axes, (F, k), in units of the root of the cells."""
        axes, squares = self.leading(k)
        return axes * np.sqrt(squares)

    def log(self, rows: np.ndarray) -> sparse.csr_matrix:
        """Return the log expression of cells by number, CSR float32."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.repeat(self.starts[rows] - starts[:-1], lengths) + np.arange(starts[-1])
        parts = self.values[places].astype(np.float32), self.columns[places].astype(np.int32), starts
        block = sparse.csr_matrix(parts, shape=(len(rows), self.shape[1]))
        return normalise(block, self.totals[rows], self.normalisation, target=self.target)

    def blocks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, sparse.csr_matrix]]:
        """Yield some of the given cells at a time, and their log expression."""
        for start in range(0, len(rows), ROWS):
            yield rows[start : start + ROWS], self.log(rows[start : start + ROWS])

    def _scale(self) -> None:
        """Sum the log expression of training cells and others, its squares, and the cells with a count."""
        n, genes = self.shape
        sums, squares, seen = np.zeros((2, genes)), np.zeros(genes), np.zeros(genes)
        for rows, block in self.blocks(np.arange(n)):
            train = self.train[rows]
            for at, part in enumerate((block[~train], block[train])):
                sums[at] += np.bincount(part.indices, part.data, genes)
            squares += np.bincount(part.indices, np.square(part.data, dtype=np.float64), genes)
            seen += np.bincount(block.indices, block.data > 0, genes)
        count = max(int(self.train.sum()), 1)
        self.mean, self.detection, self.centre = sums.sum(0) / n, seen / n, sums[1] / count
        spread = np.sqrt(np.maximum(squares / count - self.centre**2, 0))
        self.spread = np.where(spread > CONSTANT, spread, np.inf)

    def squares(self) -> np.ndarray:
        """Return the sum of squared scaled values of every cell, float64 (n,)."""
        inverse = 1 / self.spread
        offset = self.centre * inverse
        total = np.full(len(self), np.square(offset).sum())
        for rows, block in self.blocks(np.arange(len(self))):
            scaled = block.data * inverse[block.indices]
            scaled *= scaled - 2 * offset[block.indices]
            block.data = scaled
            total[rows] += np.asarray(block.sum(axis=1)).ravel()
        return total

    def times(self, weights: np.ndarray) -> np.ndarray:
        """Return the product of all cells and weights (F, k), float32 (n, k)."""
        scaled, shift = self._weights(weights)
        result = np.empty((len(self), weights.shape[1]), np.float32)
        for rows, block in self.blocks(np.arange(len(self))):
            result[rows] = block @ scaled - shift
        return result

    def leading(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the k leading axes of the training cells and the mean squares of scores along them.

        Subspace iteration: several passes over at most :data:`FEW` cells
        bring the subspace close, a few over all cells and a Rayleigh-Ritz step end it. Later calls for fewer
        axes return the first ones of the earlier call.

        Parameters
        ----------
        k
            Number of axes, at most the numbers of cells and of genes that vary.

        Returns
        -------
        axes
            float64, (F, k): orthonormal columns whose largest entry is positive.
        squares
            (k,), descending.
        """
        rows = np.flatnonzero(self.train)
        k = min(k, len(rows), int(self.varying.sum()))
        if k > self._axes.shape[1]:
            width = min(k + EXTRA, len(rows), self.shape[1])
            basis = np.random.default_rng(0).standard_normal((self.shape[1], width))
            basis = np.linalg.qr(basis * self.varying[:, None])[0]
            few = rows[np.unique(np.linspace(0, len(rows) - 1, FEW).astype(int))]
            for _ in range(EARLY):
                basis = np.linalg.qr(self._scatter(few, basis))[0]
            for _ in range(LATE - 1):
                basis = np.linalg.qr(self._scatter(rows, basis))[0]
            product = basis.T @ self._scatter(rows, basis)
            squares, turn = symmetric_eigen((product + product.T) / 2, k)
            axes = basis @ turn
            self._axes, self._squares = axes * signs(axes), np.clip(squares, 0, None) / len(rows)
        return self._axes[:, :k], self._squares[:k]

    def _weights(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return weights of the unscaled cells, float32, and what centring subtracts from products."""
        scaled = weights / self.spread[:, None]
        return scaled.astype(np.float32), self.centre @ scaled

    def _scatter(self, rows: np.ndarray, basis: np.ndarray) -> np.ndarray:
        """Return X'X times a basis, float64 (F, width), of some cells X."""
        scaled, shift = self._weights(basis)
        image, sums = np.zeros(basis.shape), np.zeros(basis.shape[1])
        for _, block in self.blocks(rows):
            scores = (block @ scaled - shift).astype(np.float32)
            image += block.T @ scores
            sums += scores.sum(axis=0, dtype=np.float64)
        image -= np.multiply.outer(self.centre, sums)
        image /= self.spread[:, None]
        return image


def _narrow(values: np.ndarray) -> np.ndarray:
    """Return whole numbers below 2^16 in 16 bits, in pieces, and others as they are."""
    narrow = np.empty(len(values), np.uint16)
    for start in range(0, len(values), 1 << 24):
        part = values[start : start + (1 << 24)]
        if part.max() >= 1 << 16:
            return values
        narrow[start : start + len(part)] = part
        if (narrow[start : start + len(part)] != part).any():
            return values
    return narrow
