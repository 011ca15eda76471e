"""Score statistic and correlation of gene pairs from sums over the cells of a cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from panscape.coscape.coexpression.score_sums import ScoreSums

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
        return cls.of_parts(
            sums.moments.n, sums.moments.total, square, sums.cross, sums.powers, sums.detected, h
        )

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

    def rows(self, products: np.ndarray, start: int, stop: int, min_expected: float) -> np.ndarray:
        """Return T of some genes with all later ones, 0 where a pair is not valid.

        Parameters
        ----------
        products
            (n_genes, n_genes) sums of products, of which the upper triangle is read.
        start, stop
            Rows of the genes.
        min_expected
            A pair is valid if at least so many cells would have counts of both genes by chance.

        Returns
        -------
        (stop - start, n_genes - start).
        """
        score = products[start:stop, start:] - self.left[:, start:stop].T @ self.right[:, start:]
        noise = self.noise[:, start:stop].T @ self.noise[:, start:]
        valid = self.valid(start, stop, min_expected) & (noise > 0)
        noise *= max(self.n, 1)
        np.sqrt(noise, out=noise)
        noise[~valid] = np.inf
        score /= noise
        return score

    def valid(self, start: int, stop: int, min_expected: float) -> np.ndarray:
        """Return bool (stop - start, n_genes - start): pairs with enough cells, see :meth:`rows`."""
        expected = np.multiply.outer(self.detected[start:stop], self.detected[start:] / max(self.n, 1))
        return expected >= max(min_expected, np.finfo(np.float64).tiny)

    def correlations(self, score: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return correlations of expression and their standard errors under independence.

        Parameters
        ----------
        score
            T of the rows, from :meth:`rows`.
        start, stop
            Rows of the genes.

        Returns
        -------
        (stop - start, n_genes - start) each: correlations in [-1, 1]; 0, with the error infinite, for pairs
        that are not valid and genes that do not vary beyond the noise of counting.
        """
        noise = np.sqrt(self.noise[:, start:stop].T @ self.noise[:, start:])
        scale = self.exposure[:, start:stop].T @ self.exposure[:, start:]
        root = np.sqrt(self.variance)
        scale *= np.multiply.outer(root[start:stop], root[start:])
        error = np.full_like(noise, np.inf)
        np.divide(noise, scale, out=error, where=(scale > 0) & (score != 0))
        r = np.zeros_like(error)
        np.multiply(score, error, out=r, where=np.isfinite(error))
        r *= np.sqrt(max(self.n, 1))
        return np.clip(r, -1, 1, out=r), error
