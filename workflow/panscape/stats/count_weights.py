"""Weights of counts in the score statistic of coexpression, shared by all groups of cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.stats.rows import by_label

ROUNDS = 3  # rounds of reweighting; the weights hardly change afterwards
BIN_WIDTH = 1.4  # largest ratio of two depths with the same weight


@dataclass(frozen=True)
class Weights:
    """Weights of all counts of a study.

    Counts are modelled as in CS-CORE (Su et al. 2023): a cell of relative depth s has counts of mean s m and
    variance s m + s^2 v, where m and v are the mean and the variance of a gene's expression. A count has the
    weight w = h / s with h = 1 / (m + s v), the inverse of its variance up to the rounding of s within h:
    cells whose depths differ by less than :data:`BIN_WIDTH` share h, so that sums of any function of s and h
    are sums over a few bins. A statistic whose weights do not depend on the cluster is a sum over its cells,
    which nested clusters share.

    Attributes
    ----------
    size
        (n_cells,) depth s of each cell relative to the mean of the study, > 0 unless the cell is empty.
    group
        int (n_cells,) bin of depth of each cell.
    h
        (n_bins, n_genes), 0 for genes without counts.
    mean, variance
        (n_genes,) m and v, pooled over the study's finest clusters.
    """

    size: np.ndarray
    group: np.ndarray
    h: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    @classmethod
    def of_one(cls, n_cells: int, n_genes: int) -> Weights:
        """Return weights of 1 for all values of all cells."""
        none = np.zeros(n_genes)
        return cls(np.ones(n_cells), np.zeros(n_cells, dtype=np.int64), np.ones((1, n_genes)), none, none)

    def reordered(self, order: np.ndarray) -> Weights:
        """Return the weights with the genes in another order."""
        return Weights(self.size, self.group, self.h[:, order], self.mean[order], self.variance[order])

    def weighted(self, counts: sparse.csr_matrix, cells: np.ndarray) -> sparse.csr_matrix:
        """Return counts times h, CSR float64.

        Parameters
        ----------
        counts
            CSR (n, n_genes).
        cells
            int (n,): positions of its rows among the cells.
        """
        row = np.repeat(self.group[cells], np.diff(counts.indptr))
        data = self.h[row, counts.indices] * counts.data
        return sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)

    def powers(self, cells: np.ndarray, multiplicity: np.ndarray | None = None) -> np.ndarray:
        """Return the sums of s, s^2, s^3 and s^4 of some cells in each bin, (n_bins, 4).

        Parameters
        ----------
        cells
            Positions of the cells.
        multiplicity
            (len(cells),) how often each cell counts; None: once.
        """
        size, group = self.size[cells], self.group[cells]
        times = np.ones(len(size)) if multiplicity is None else np.asarray(multiplicity, dtype=np.float64)
        powers = [np.bincount(group, times * size**power, len(self.h)) for power in range(1, 5)]
        return np.stack(powers, axis=1)


def relative_depth(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return relative depths, their bins and the depth of each bin.

    Parameters
    ----------
    totals
        (n_cells,) counts of each cell over all genes.

    Returns
    -------
    size : ndarray
        (n_cells,) totals over their mean.
    group : ndarray
        int (n_cells,) bins of equal width on the logarithmic scale; empty cells are in the first.
    middle : ndarray
        (n_bins,) geometric mean of the limits of each bin.

    Raises
    ------
    ValueError
        If no cell has counts.

    Examples
    --------
    >>> size, group, middle = relative_depth(np.array([500.0, 1000.0, 1500.0]))
    >>> group.tolist(), middle.round(2).tolist()
    ([0, 2, 3], [0.57, 0.75, 0.99, 1.31])
    """
    totals = np.asarray(totals, dtype=np.float64)
    if not (totals > 0).any():
        raise ValueError("no cell has counts")
    size = totals / totals.mean()
    low, high = np.log(size[size > 0].min()), np.log(size.max())
    number = max(int(np.ceil((high - low) / np.log(BIN_WIDTH))), 1)
    width = max((high - low) / number, np.finfo(np.float64).tiny)
    place = (np.log(np.maximum(size, np.exp(low))) - low) / width
    group = np.clip(place.astype(np.int64), 0, number - 1)
    return size, group, np.exp(low + (np.arange(number) + 0.5) * width)


def weigh_counts(
    counts: sparse.csr_matrix, totals: np.ndarray, label: np.ndarray, *, rounds: int = ROUNDS
) -> Weights:
    """Estimate mean and variance of every gene by reweighted moments, and from them the weights.

    Parameters
    ----------
    counts
        CSR (n_cells, n_genes).
    totals
        (n_cells,) counts of each cell over all genes, also those that are not in `counts`.
    label
        int (n_cells,): groups of cells. The variance is within groups, pooled over them; cells of label -1
        are left out.
    rounds
        Rounds of reweighting. The first has the weights of Poisson counts.

    Raises
    ------
    ValueError
        If no cell has counts.

    Examples
    --------
    >>> counts = sparse.csr_matrix([[0.0, 4.0], [2.0, 0.0], [1.0, 4.0], [1.0, 0.0]])
    >>> weigh_counts(counts, np.full(4, 10.0), np.zeros(4, dtype=int)).variance.round(2).tolist()
    [0.0, 2.0]
    """
    size, group, middle = relative_depth(totals)
    n_genes = counts.shape[1]
    h = np.ones((len(middle), n_genes))
    mean, variance = np.zeros(n_genes), np.zeros(n_genes)
    for _ in range(rounds):
        mean, variance = _moments(counts, label, Weights(size, group, h, mean, variance))
        spread = mean + middle[:, None] * variance
        h = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    return Weights(size, group, h, mean, variance)


def _moments(counts: sparse.csr_matrix, label: np.ndarray, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of every gene under the given weights."""
    n_genes = counts.shape[1]
    above, below, squares, scale = (np.zeros(n_genes) for _ in range(4))
    for cells in by_label(label):
        first, place = np.unique(label[cells], return_inverse=True)
        inside = sparse.csr_matrix(
            (np.ones(len(cells)), (place, np.arange(len(cells)))), shape=(len(first), len(cells))
        )
        block = weights.weighted(counts[cells], cells)
        number = len(first), len(weights.h)
        code = place * number[1] + weights.group[cells]
        depth = [
            np.bincount(code, weights.size[cells] ** power, number[0] * number[1]).reshape(number)
            for power in (1, 2)
        ]
        total, expected = (inside @ block).toarray(), depth[0] @ weights.h
        mu = np.divide(total, expected, out=np.zeros_like(total), where=expected > 0)
        cross = weights.weighted(block, cells)
        cross.data *= np.repeat(weights.size[cells], np.diff(cross.indptr))
        second = depth[1] @ weights.h**2
        above += total.sum(axis=0)
        below += expected.sum(axis=0)
        squares += np.bincount(block.indices, block.data**2, n_genes)
        squares += (mu * (mu * second - 2 * (inside @ cross).toarray() - depth[0] @ weights.h**2)).sum(axis=0)
        scale += second.sum(axis=0)
    mean = np.divide(above, below, out=np.zeros(n_genes), where=below > 0)
    variance = np.divide(squares, scale, out=np.zeros(n_genes), where=scale > 0)
    return mean, np.maximum(variance, 0)
