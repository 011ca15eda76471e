"""Maps of lines by network similarity, and tests of their association with phenotypes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.sivae.networks.phenotype import Phenotype
from panscape.stats.decomposition import signs, symmetric_eigen
from panscape.stats.permutation import permutation_pvalue
from panscape.stats.ranks import centred_ranks, spearman_rows

TESTS = ("permanova", "mantel", "pc1")


def coordinates(similarity: np.ndarray, dimensions: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates of lines whose distances approximate ``sqrt(K_ii + K_jj - 2 K_ij)``.

    The eigenvectors of the double-centred similarity, scaled by the roots of their eigenvalues: kernel PCA of
    a kernel, classical scaling (PCoA) of the corresponding distance for any other similarity. Negative
    eigenvalues are dropped. The largest entry of each axis is positive.

    Returns
    -------
    coordinates
        (L, at most `dimensions`).
    share
        Fraction of the sum of positive eigenvalues, per axis.
    """
    n = len(similarity)
    if n < 2:
        return np.zeros((n, 0)), np.zeros(0)
    values, vectors = symmetric_eigen(double_centre(similarity))
    good = values > 1e-12 * max(values[0], 1e-300)
    total = values[good].sum()
    values, vectors = values[good][:dimensions], vectors[:, good][:, :dimensions]
    axes = vectors * signs(vectors) * np.sqrt(values)
    return axes, values / total if total > 0 else values


def double_centre(similarity: np.ndarray) -> np.ndarray:
    """Return the doubly centred similarity, the Gram matrix about the centroid."""
    centred = similarity - similarity.mean(axis=0, keepdims=True)
    return centred - centred.mean(axis=1, keepdims=True)


def distances(similarity: np.ndarray) -> np.ndarray:
    """Return ``sqrt(K_ii + K_jj - 2 K_ij)``."""
    diagonal = np.diagonal(similarity)
    return np.sqrt(np.maximum(diagonal[:, None] + diagonal[None, :] - 2 * similarity, 0.0))


def associate(
    similarity: np.ndarray, phenotype: Phenotype, *, permutations: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Test whether lines of similar phenotype have similar networks by permutation.

    permanova
        Pseudo-F of the phenotype (numbers: one slope; groups: their means) in the distances of lines
        (Anderson 2001, McArdle and Anderson 2001).
    mantel
        Spearman's correlation of the lines' distances with their differences in phenotype (groups: 0 if
        equal, 1 if not).
    pc1
        |Spearman's rho| of the first axis of :func:`coordinates` with the phenotype; for more than two
        groups the fraction of its variance between groups.

    Parameters
    ----------
    similarity
        (L, L); only lines with a phenotype are used.
    phenotype
        See :func:`read_phenotype`.
    permutations
        Maximum number of label permutations (all labellings if these are fewer, see
        :meth:`Phenotype.shuffled`); p = (1 + those at least as large) / (1 + their number).
    rng
        Random number generator of the permutations.

    Returns
    -------
    test, value, null_mean, null_sd, pvalue, n, spread (standard deviation of the similarities of different
    lines: near 0 the kernel does not distinguish lines).
    """
    kernel = similarity[np.ix_(phenotype.known, phenotype.known)]
    shuffled = np.concatenate([phenotype.values[None], phenotype.shuffled(permutations, rng)])
    spread = float(kernel[np.triu_indices(phenotype.n, 1)].std())
    rows = []
    tests = {
        "permanova": _permanova(kernel, shuffled, phenotype),
        "mantel": _mantel(kernel, shuffled, phenotype),
        "pc1": _pc1(kernel, shuffled, phenotype),
    }
    for test in TESTS:
        observed, null = tests[test][0], tests[test][1:]
        known = np.isfinite(observed)
        rows.append(
            {
                "test": test,
                "value": observed,
                "null_mean": null.mean() if len(null) and known else np.nan,
                "null_sd": null.std() if len(null) and known else np.nan,
                "pvalue": permutation_pvalue(observed, null, tolerance=1e-9 * abs(observed)),
                "n": phenotype.n,
                "spread": spread,
            }
        )
    return pd.DataFrame(rows)


def _permanova(kernel: np.ndarray, shuffled: np.ndarray, phenotype: Phenotype) -> np.ndarray:
    """Return pseudo-F of every row of phenotypes."""
    gram, n = double_centre(kernel), phenotype.n
    if phenotype.kind == "continuous":
        design = (shuffled - shuffled.mean(axis=1, keepdims=True))[:, :, None]
        design = design / np.sqrt(np.square(design).sum(axis=1, keepdims=True))
    else:  # orthonormal: group indicators divided by the square root of their sizes
        codes = np.arange(len(phenotype.groups))
        design = (shuffled[:, :, None] == codes).astype(float)
        design /= np.sqrt(design.sum(axis=1, keepdims=True))
    q = 1 if phenotype.kind == "continuous" else len(phenotype.groups) - 1
    between = np.einsum("pik,pik->p", np.einsum("ij,pjk->pik", gram, design, optimize=True), design)
    total = np.trace(gram)
    free = n - 1 - q
    with np.errstate(invalid="ignore", divide="ignore"):
        within = total - between
        return (
            np.where(total > 1e-12 * n, (between / q) / (within / free), np.nan)
            if free > 0
            else np.full(len(shuffled), np.nan)
        )


def _mantel(kernel: np.ndarray, shuffled: np.ndarray, phenotype: Phenotype) -> np.ndarray:
    upper = np.triu_indices(phenotype.n, 1)
    apart = centred_ranks(distances(kernel)[upper])
    rows = []
    for start in range(0, len(shuffled), 500):  # bounds the memory of pairs of lines x permutations
        block = shuffled[start : start + 500]
        gap = np.abs(block[:, upper[0]] - block[:, upper[1]])
        if phenotype.kind == "groups":
            gap = (gap > 0).astype(float)
        rows.append(spearman_rows(gap, apart))
    return np.concatenate(rows)


def _pc1(kernel: np.ndarray, shuffled: np.ndarray, phenotype: Phenotype) -> np.ndarray:
    first, _ = coordinates(kernel, 1)
    if not first.shape[1]:
        return np.full(len(shuffled), np.nan)
    if phenotype.testable:
        return np.abs(spearman_rows(first.T, shuffled))[0]
    axis = centred_ranks(first[:, 0])
    between = np.zeros(len(shuffled))
    for code in range(len(phenotype.groups)):
        inside = shuffled == code
        between += np.square(inside @ axis) / inside.sum(axis=1)
    return between / np.square(axis).sum()
