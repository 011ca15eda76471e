"""Entropy of gene-set scores over cells, compared with random sets of equal noise.

The UniCoord paper keeps sets whose entropy exceeds that of permutations, but specifies neither the bins nor
what is permuted (permuting a set's scores over cells does not change their entropy). Here genes are permuted:
the null consists of sets of random genes. A set of highly expressed genes varies more than one of rare genes
by noise alone, so random sets give the entropy expected at a set's noise. Entropy is high for gradual or
balanced differences between cells and low for a set that is active in few cells; therefore classes, where
they are known, are preferred to this test.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.stats.aucell import largest_area
from panscape.stats.permutation import reference_pvalues
from panscape.stats.singular import least_squares

STEPS = 4  # histogram bins per standard deviation of the random sets' scores


def entropies(scores: np.ndarray, width: float) -> np.ndarray:
    """Return the entropy (nats) of each column's histogram, with bins of fixed width from 0.

    With a fixed width, entropy grows with the spread of the scores: by log 2 if the spread doubles.
    """
    if not width > 0:
        return np.zeros(scores.shape[1])
    values = np.empty(scores.shape[1])
    for column in range(scores.shape[1]):
        share = np.bincount((scores[:, column] / width).astype(np.int64))
        share = share[share > 0] / scores.shape[0]
        values[column] = -(share * np.log(share)).sum()
    return values


def bin_width(scores: np.ndarray) -> float:
    """Return the bin width: a quarter of the pooled standard deviation of random sets' scores (n, m)."""
    return float(np.sqrt(np.square(scores.std(axis=0, dtype=np.float64)).mean())) / STEPS


def gene_moments(weights: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return (G,) means and variances of the genes' weights over cells."""
    n = weights.shape[0]
    mean = np.asarray(weights.sum(axis=0, dtype=np.float64)).ravel() / n
    square = np.asarray(weights.multiply(weights).sum(axis=0, dtype=np.float64)).ravel() / n
    return mean, np.maximum(square - mean**2, 0)


def noise(member: sparse.csr_matrix, moments: tuple[np.ndarray, np.ndarray], n_up: int) -> np.ndarray:
    """Return noise covariates (T, 3) of a set's entropy, which ignore correlations between its genes.

    These are the logarithms of the variance of the score for independent genes, of the mean score, and of the
    effective number of genes that contribute to the variance.

    Parameters
    ----------
    member
        CSR (T, G) of ones: genes of the sets.
    moments
        From :func:`gene_moments`.
    n_up
        Number of top genes.
    """
    mean, variance = (np.asarray(member @ values).ravel() for values in moments)
    squares = np.asarray(member @ moments[1] ** 2).ravel()
    area = largest_area(np.diff(member.indptr), n_up)
    spread = variance**2 / np.maximum(squares, 1e-12)
    columns = (variance / area**2, mean / area, spread)
    return np.log(np.maximum(np.column_stack(columns), 1e-12))


def compare(random: np.ndarray, random_noise: np.ndarray, values: np.ndarray, set_noise: np.ndarray):
    """Compare sets' entropies with those of random sets at equal noise.

    Parameters
    ----------
    random, random_noise
        (m,) entropies of random sets; (m, 3) from :func:`noise`.
    values, set_noise
        (T,) and (T, 3) of the sets.

    Returns
    -------
    Expected entropies (T,), residual standard deviation of random sets, and one-sided p-values (T,).
    """
    centre, scale = random_noise.mean(axis=0), random_noise.std(axis=0)
    scale[scale == 0] = 1.0
    # outside the range of the random sets, the nearest value within it is used
    inside = np.clip(set_noise, random_noise.min(axis=0), random_noise.max(axis=0))
    design, wanted = (_design((rows - centre) / scale) for rows in (random_noise, inside))
    weight = least_squares(design, random)
    expected, residual = wanted @ weight, random - design @ weight
    return expected, float(residual.std()), reference_pvalues(values - expected, residual)


def _design(x: np.ndarray) -> np.ndarray:
    """Return the terms of a quadratic polynomial without interactions."""
    return np.column_stack([np.ones(len(x)), x, x**2])
