"""Score statistic and correlation of gene pairs from sums over the cells of a cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from panscape.stats.score_sums import ScoreSums

CONSTANT = 1e-9  # genes whose sum of squared differences is below this fraction of the squares are constant


@dataclass(frozen=True)
class ScoreTerms:
    """What the statistic of a pair needs besides its sum of products, genes in columns.

    With r = x - s m for counts x of the cluster's mean m, the statistic of two genes j and k is

    N = sum s^2 w_j w_k r_j r_k, of variance V = sum (s w_j)^2 (s w_k)^2 u_j u_k under independence,

    where u = s m + s^2 v is the variance of a count. z = N / sqrt(V) is about standard normal under
    independence (Su et al. 2023), and T = z / sqrt(n) does not grow with the number n of cells.

    Attributes
    ----------
    n
        Number of cells.
    mean, variance
        (n_genes,) m and v of the cluster.
    left, right
        (2 n_bins, n_genes): N is the sum of products minus ``left.T @ right``.
    noise
        (2 n_bins, n_genes): V is ``noise.T @ noise``.
    exposure
        (n_bins, n_genes): ``exposure.T @ exposure`` is sum s^4 w_j w_k, by which N estimates the covariance.
    detected
        (n_genes,) number of cells with a count.
    """

    n: float
    mean: np.ndarray
    variance: np.ndarray
    left: np.ndarray
    right: np.ndarray
    noise: np.ndarray
    exposure: np.ndarray
    detected: np.ndarray

    @classmethod
    def of(cls, sums: ScoreSums, h: np.ndarray) -> ScoreTerms:
        """Return the terms of a cluster.

        Parameters
        ----------
        sums
            Sums over its cells.
        h
            (n_bins, n_genes) of the weights.
        """
        square = np.diagonal(sums.moments.products)
        part = sums.moments
        return cls.of_parts(part.n, part.total, square, sums.cross, sums.powers, part.detected, h)

    @classmethod
    def of_parts(
        cls,
        n: float,
        total: np.ndarray,
        square: np.ndarray,
        cross: np.ndarray,
        powers: np.ndarray,
        detected: np.ndarray,
        h: np.ndarray,
    ) -> ScoreTerms:
        """Return the terms from the single sums.

        Parameters
        ----------
        n
            Number of cells.
        total, square, detected
            (n_genes,) sums of x h, of its squares, and number of cells with a count.
        cross, powers
            As in :class:`ScoreSums`.
        h
            (n_bins, n_genes) of the weights.
        """
        first, second, third, fourth = powers.T
        expected = first @ h
        mean = np.divide(total, expected, out=np.zeros_like(expected), where=expected > 0)
        level = h * mean
        scale = second @ h**2
        spread = square - 2 * (cross * level).sum(axis=0) + second @ level**2 - mean * (first @ h**2)
        variance = np.divide(spread, scale, out=np.zeros_like(spread), where=scale > 0)
        variance = np.where(total > 0, np.maximum(variance, 0), 0)
        left = cross - 0.5 * second[:, None] * level
        # V of a bin: (h_j h_k)^2 (m_j, v_j) [[S2, S3], [S3, S4]] (m_k, v_k)', by Cholesky factors of the sums
        root = np.sqrt(second)
        slope = np.divide(third, root, out=np.zeros_like(root), where=root > 0)
        rest = np.sqrt(np.maximum(fourth - slope**2, 0))
        noise = [
            (root[:, None] * mean + slope[:, None] * variance) * h**2,
            rest[:, None] * variance * h**2,
        ]
        return cls(
            n,
            mean,
            variance,
            np.concatenate([left, level]),
            np.concatenate([level, left]),
            np.concatenate(noise),
            root[:, None] * h,
            detected,
        )

    @classmethod
    def pearson(cls, n: float, total: np.ndarray, square: np.ndarray, detected: np.ndarray) -> ScoreTerms:
        """Return the terms by which :meth:`rows` gives Pearson's correlations of values.

        Under independence a correlation has a variance of about 1 / n, as T has.

        Parameters
        ----------
        n
            Number of cells.
        total, square, detected
            (n_genes,) sums of the values and of their squares, and number of cells with a count.
        """
        root = np.sqrt(max(n, 1))
        spread = square - total**2 / max(n, 1)
        # the difference of nearly equal sums of a constant gene is rounding
        spread = np.where(spread > CONSTANT * square, spread, 0)
        level, noise = (total / root)[None, :], (spread / root)[None, :]
        return cls(
            n, total / max(n, 1), spread / max(n, 1), level, level, noise, np.ones_like(level), detected
        )

    def testable(self, min_expected: float) -> np.ndarray:
        """Return the genes of which any pair may be valid, int64.

        Parameters
        ----------
        min_expected
            A pair is valid if at least so many cells would have counts of both genes by chance.
        """
        most = self.detected.max(initial=0)
        enough = self.detected * most >= least_expected(min_expected) * max(self.n, 1)
        return np.flatnonzero(enough & (self.noise > 0).any(axis=0))

    def of_genes(self, genes: np.ndarray) -> ScoreTerms:
        """Return the terms of some genes."""
        return ScoreTerms(
            self.n,
            self.mean[genes],
            self.variance[genes],
            self.left[:, genes],
            self.right[:, genes],
            self.noise[:, genes],
            self.exposure[:, genes],
            self.detected[genes],
        )

    def rows(
        self, products: np.ndarray, start: int, stop: int, min_expected: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return N of some genes with all later ones, and the root of its variance.

        Parameters
        ----------
        products
            (stop - start, n_genes - start) sums of products; overwritten.
        start, stop
            Rows of the genes.
        min_expected
            As in :meth:`testable`.

        Returns
        -------
        (stop - start, n_genes - start) each; 0 and infinite where a pair is not valid.
        """
        products -= self.left[:, start:stop].T @ self.right[:, start:]
        noise = self.noise[:, start:stop].T @ self.noise[:, start:]
        # products of whole numbers are exact, in any order of the genes
        both = np.multiply.outer(self.detected[start:stop], self.detected[start:])
        invalid = both < least_expected(min_expected) * max(self.n, 1)
        invalid |= noise <= 0
        np.sqrt(noise, out=noise)
        np.copyto(noise, np.inf, where=invalid)
        np.copyto(products, 0.0, where=invalid)
        return products, noise

    def scale(self, start: int, stop: int) -> np.ndarray:
        """Return what divides N to a correlation of expression, (stop - start, n_genes - start).

        It is 0 for genes that do not vary beyond the noise of counting.

        Parameters
        ----------
        start, stop
            Rows of the genes.
        """
        scaled = self.exposure * np.sqrt(self.variance)
        return scaled[:, start:stop].T @ scaled[:, start:]


def least_expected(min_expected: float) -> float:
    """Return `min_expected`, but more than 0: a pair of which a gene has no counts is never valid."""
    return max(min_expected, np.finfo(np.float64).tiny)
