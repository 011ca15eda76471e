"""How much the scores of gene sets vary over cells, beside random sets of the same noise.

The UniCoord paper keeps sets whose entropy is beyond that of permutations, but does not say how entropy is
binned nor what is permuted (permuting a set's scores over cells leaves their entropy as it is). Here genes
are permuted: the null is sets of random genes. A set of highly expressed genes varies more than one of rare
genes by noise alone, so random sets give the entropy to expect at a set's noise. Entropy is high where cells
differ by degrees or in halves; a set that is active in few cells only has a low one, which is why this test
does not decide where there are classes.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.stats.permutation import reference_pvalues
from panscape.stats.singular import least_squares
from panscape.unicoord.features.aucell import largest_area

STEPS = 4  # histogram bins per standard deviation of the random sets' scores


def entropies(scores: np.ndarray, width: float) -> np.ndarray:
    """Return the entropy (nats) of each column's histogram with bins of a width that start at 0.

    A fixed width makes it grow with the spread of the scores: by log 2 where the spread doubles.
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
    """Return a quarter of the typical standard deviation over cells of random sets' scores (n, m)."""
    return float(np.sqrt(np.square(scores.std(axis=0, dtype=np.float64)).mean())) / STEPS


def gene_moments(weights: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return (G,) means and variances of the genes' weights over cells."""
    n = weights.shape[0]
    mean = np.asarray(weights.sum(axis=0, dtype=np.float64)).ravel() / n
    square = np.asarray(weights.multiply(weights).sum(axis=0, dtype=np.float64)).ravel() / n
    return mean, np.maximum(square - mean**2, 0)


def noise(member: sparse.csr_matrix, moments: tuple[np.ndarray, np.ndarray], n_up: int) -> np.ndarray:
    """Return (T, 3) what a set's entropy depends on apart from what its genes do together.

    The logarithms of the variance that its score would have if its genes were independent, of its mean score,
    and of the number of genes that the variance is spread over.

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
    (T,) expected entropy, standard deviation of random sets about theirs, (T,) one-sided p.
    """
    centre, scale = random_noise.mean(axis=0), random_noise.std(axis=0)
    scale[scale == 0] = 1.0
    # beyond what random sets reach, the nearest that they do reach says what to expect
    inside = np.clip(set_noise, random_noise.min(axis=0), random_noise.max(axis=0))
    design, wanted = (_design((rows - centre) / scale) for rows in (random_noise, inside))
    weight = least_squares(design, random)
    expected, residual = wanted @ weight, random - design @ weight
    return expected, float(residual.std()), reference_pvalues(values - expected, residual)


def _design(x: np.ndarray) -> np.ndarray:
    """Return the terms of a square polynomial without products."""
    return np.column_stack([np.ones(len(x)), x, x**2])
