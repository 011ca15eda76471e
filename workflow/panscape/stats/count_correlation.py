"""Correlations of genes in one group of cells, corrected for the noise of counting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.stats.count_weights import weigh_counts
from panscape.stats.gram import Plan
from panscape.stats.score_sums import score_sums
from panscape.stats.score_terms import ScoreTerms

MIN_EXPECTED = 10.0


@dataclass(frozen=True)
class Corrected:
    """Correlations of expression of all pairs of genes.

    Attributes
    ----------
    z
        float32 (F, F): the score statistic, about standard normal for independent genes; 0 on the diagonal
        and for pairs that are not valid.
    r
        float32 (F, F): correlations of expression, -1 to 1, not shrunk; 1 on the diagonal, 0 for pairs that
        are not valid and for genes that do not vary beyond the noise of counting.
    error
        float32 (F, F): standard error of `r` for independent genes, infinite where `r` is not known.
    """

    z: np.ndarray
    r: np.ndarray
    error: np.ndarray

    def connectivity(self) -> np.ndarray:
        """Return each gene's mean squared correlation with the others, less what noise alone adds, (F,).

        The square of an estimate exceeds the square of the truth by its error variance, so that
        r^2 - error^2 is right on average, whatever the depth and the number of cells. Pairs are weighted by
        1 / error^2, and pairs whose correlation is not known are left out. Small values may be negative; a
        gene without any known pair has 0.
        """
        known = np.isfinite(self.error)
        np.fill_diagonal(known, False)
        weight = np.zeros(self.error.shape)
        np.divide(1.0, np.square(self.error, dtype=np.float64), out=weight, where=known)
        above = (np.square(self.r, dtype=np.float64) * weight - known).sum(axis=0)
        total = weight.sum(axis=0)
        return np.divide(above, total, out=np.zeros(len(total)), where=total > 0)


def corrected_correlations(
    counts: sparse.csr_matrix,
    totals: np.ndarray,
    strata: np.ndarray | None = None,
    *,
    min_expected: float = MIN_EXPECTED,
) -> Corrected:
    """Return the correlations of all genes, corrected for the noise of counting (CS-CORE, su2023cscore).

    Parameters
    ----------
    counts
        CSR (n_cells, F).
    totals
        (n_cells,) counts of each cell over all genes, also those that are not in `counts`.
    strata
        int (n_cells,): groups of cells, e.g. batches, whose means may differ; covariances within them are
        added. None: all cells are one group.
    min_expected
        A pair is valid in a stratum if at least so many of its cells would have counts of both genes by
        chance.

    Raises
    ------
    ValueError
        If no cell has counts.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> level = rng.gamma(4.0, 1.0, (2000, 1))
    >>> counts = sparse.csr_matrix(rng.poisson(level * [1.0, 1.0, 0.0] + [0.0, 0.0, 4.0]).astype(float))
    >>> both = corrected_correlations(counts, np.full(2000, 100.0))
    >>> both.r[0, 1].round(1).item(), bool(abs(both.z[0, 2]) < 3)
    (1.0, True)
    """
    counts = sparse.csr_matrix(counts, dtype=np.float64)
    n_cells, n_genes = counts.shape
    strata = np.zeros(n_cells, dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
    weights = weigh_counts(counts, totals, strata)
    plan = Plan(np.arange(n_genes), 0)
    score, variance, scale = np.zeros((3, n_genes, n_genes))
    for stratum in np.unique(strata):
        sums = score_sums(counts, weights, np.flatnonzero(strata == stratum), plan)
        terms = ScoreTerms.of(sums, weights.h)
        part, noise = terms.rows(sums.moments.products, 0, n_genes, min_expected)
        valid = np.isfinite(noise)
        score += part
        variance += np.square(noise, where=valid, out=np.zeros_like(noise))
        scale += np.where(valid, terms.scale(0, n_genes), 0)
    noise = np.sqrt(variance)
    z, r = np.zeros_like(score), np.zeros_like(score)
    np.divide(score, noise, out=z, where=noise > 0)
    np.fill_diagonal(z, 0.0)
    varies = scale > 0
    error = np.divide(noise, scale, out=np.full_like(noise, np.inf), where=varies)
    r = np.clip(np.divide(score, scale, out=r, where=varies), -1, 1)
    np.fill_diagonal(r, 1.0)
    return Corrected(*(_symmetric(part) for part in (z, r, error)))


def _symmetric(upper: np.ndarray) -> np.ndarray:
    """Return float32 (F, F), the upper triangle mirrored."""
    lower = np.tri(len(upper), k=-1, dtype=bool)
    return np.where(lower, upper.T, upper).astype(np.float32)
