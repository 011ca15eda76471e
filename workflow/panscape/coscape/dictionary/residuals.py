"""Residuals of counts after depth and cluster, in blocks of cells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

CLIP = 10.0  # largest absolute residual


@dataclass(frozen=True)
class Moments:
    """Sums of counts by group of cells, which determine means and dispersions.

    Attributes
    ----------
    total, by_depth
        (C, G) sums of counts, and of counts times the depth of their cell, by group.
    depth, depth_squared
        (C,) sums of depths and of their squares.
    squares
        (G,) sums of squared counts over all cells.
    """

    total: np.ndarray
    by_depth: np.ndarray
    depth: np.ndarray
    depth_squared: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(
        cls,
        blocks: Iterable[tuple[slice, sparse.csr_matrix]],
        depth: np.ndarray,
        group: np.ndarray,
        n_genes: int,
    ) -> Moments:
        """Add up the counts of blocks of cells.

        Parameters
        ----------
        blocks
            (rows, CSR (len(rows), n_genes)) of all cells.
        depth
            (n_cells,) total counts.
        group
            int (n_cells,) group of each cell, 0 to C - 1.
        n_genes
            Number of genes.
        """
        number = int(group.max(initial=-1)) + 1
        total, by_depth, squares = np.zeros((number, n_genes)), np.zeros((number, n_genes)), np.zeros(n_genes)
        for rows, block in blocks:
            inside = indicator(group[rows], number)
            total += (inside @ block).toarray()
            by_depth += (inside @ sparse.diags_array(depth[rows]) @ block).toarray()
            squares += np.bincount(block.indices, block.data.astype(np.float64) ** 2, n_genes)
        powers = [np.bincount(group, depth**power, number) for power in (1, 2)]
        return cls(total, by_depth, powers[0], powers[1], squares)

    def together(self) -> Moments:
        """Return the moments of all cells as one group."""
        return Moments(
            self.total.sum(axis=0, keepdims=True),
            self.by_depth.sum(axis=0, keepdims=True),
            self.depth.sum(keepdims=True),
            self.depth_squared.sum(keepdims=True),
            self.squares,
        )

    def rates(self) -> Rates:
        """Return the mean counts per unit of depth and the dispersions within groups."""
        depth = np.maximum(self.depth, np.finfo(float).tiny)[:, None]
        rate = self.total / depth
        expected = (rate**2 * self.depth_squared[:, None]).sum(axis=0)
        excess = self.squares - 2 * (rate * self.by_depth).sum(axis=0) + expected - self.total.sum(axis=0)
        dispersion = np.divide(excess, expected, out=np.zeros_like(excess), where=expected > 0)
        return Rates(rate, np.maximum(dispersion, 0))


@dataclass(frozen=True)
class Rates:
    """Expected counts of groups of cells: depth times rate, with negative binomial variance.

    Attributes
    ----------
    rate
        (C, G) counts per unit of depth.
    dispersion
        (G,) variance = mean + dispersion * mean^2.
    """

    rate: np.ndarray
    dispersion: np.ndarray

    def residuals(
        self, block: sparse.csr_matrix, depth: np.ndarray, group: np.ndarray, clip: float = CLIP
    ) -> np.ndarray:
        """Return Pearson residuals (Hafemeister and Satija 2019).

        Parameters
        ----------
        block
            CSR (b, G) of counts.
        depth, group
            (b,) depth and group of each cell.
        clip
            Largest absolute residual.

        Returns
        -------
        float64 (b, G), 0 for genes without counts in the group.

        Examples
        --------
        >>> counts = sparse.csr_matrix([[1.0], [3.0]])
        >>> depth, group = np.array([10.0, 10.0]), np.array([0, 0])
        >>> rates = Moments.of([(slice(0, 2), counts)], depth, group, 1).rates()
        >>> rates.residuals(counts, depth, group).ravel().round(3).tolist()
        [-0.707, 0.707]
        """
        mean = depth[:, None] * self.rate[group]
        spread = np.sqrt(mean + self.dispersion * mean**2)
        result = np.divide(block.toarray() - mean, spread, out=np.zeros_like(mean), where=spread > 0)
        return np.clip(result, -clip, clip, out=result)


def indicator(group: np.ndarray, number: int) -> sparse.csr_matrix:
    """Return CSR (number, len(group)) of ones: the cells of each group."""
    return sparse.csr_matrix(
        (np.ones(len(group)), (group, np.arange(len(group)))), shape=(number, len(group))
    )


def centred(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return values (n, m) minus their means within groups (n,)."""
    number = int(group.max(initial=-1)) + 1
    size = np.maximum(np.bincount(group, minlength=number), 1)
    return values - ((indicator(group, number) @ values) / size[:, None])[group]
