"""Sums over cells from which the score statistic of every pair of genes follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.stats.count_weights import Weights
from panscape.stats.gram import CHUNK_CELLS, Moments, Plan, moments


@dataclass
class ScoreSums:
    """Additive sums over a set of cells; h, s and bins as in :class:`Weights`, x a count.

    Attributes
    ----------
    moments
        Number of cells, sums of x h, cells with a count, and sums of products (upper triangle).
    cross
        (n_bins, n_genes) sums of s x h over the cells of a bin.
    powers
        (n_bins, 4) sums of s, s^2, s^3, s^4.
    """

    moments: Moments
    cross: np.ndarray
    powers: np.ndarray

    @classmethod
    def empty(cls, weights: Weights) -> ScoreSums:
        """Return the sums over no cell."""
        n_bins, n_genes = weights.h.shape
        return cls(Moments.empty(n_genes), np.zeros((n_bins, n_genes)), np.zeros((n_bins, 4)))

    def add(self, other: ScoreSums) -> None:
        """Add the sums over a disjoint set of cells."""
        self.moments.add(other.moments)
        self.cross += other.cross
        self.powers += other.powers


def score_sums(
    counts: sparse.csr_matrix,
    weights: Weights,
    cells: np.ndarray,
    plan: Plan,
    into: ScoreSums | None = None,
) -> ScoreSums:
    """Return the sums over some cells.

    Parameters
    ----------
    counts, weights
        Counts, CSR cells x genes, and weights, with the genes in the order of `plan`.
    cells
        Positions of the cells.
    plan
        Plan of the sums of products.
    into
        Sums to add to, in place.
    """
    sums = into or ScoreSums.empty(weights)
    n_bins, n_genes = weights.h.shape

    def blocks() -> Iterator[sparse.csr_matrix]:
        for start in range(0, len(cells), CHUNK_CELLS):
            part = cells[start : start + CHUNK_CELLS]
            block = weights.weighted(counts[part], part)
            lengths = np.diff(block.indptr)
            place = np.repeat(weights.group[part] * n_genes, lengths) + block.indices
            scaled = np.repeat(weights.size[part], lengths) * block.data
            sums.cross += np.bincount(place, scaled, n_bins * n_genes).reshape(n_bins, n_genes)
            yield block

    sums.powers += weights.powers(cells)
    moments(blocks(), plan, sums.moments)
    return sums
