"""Binomial thinning of counts: cells as they would have been at a lower depth."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def thin(
    counts: sparse.csr_matrix, totals: np.ndarray, fraction: float, rng: np.random.Generator
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return counts of which each molecule is kept with the same probability.

    Parameters
    ----------
    counts
        CSR (n, F), not negative. Fractions (of ambient correction or multi-mapping) are rounded up or down at
        random, without bias.
    totals
        (n,) counts of the cells over all genes, at least those of the F genes.
    fraction
        Probability, in (0, 1]; 1 returns the counts unchanged.
    rng
        Random number generator.

    Returns
    -------
    CSR float32 (n, F) of whole numbers without stored zeros, and float64 (n,) totals of the thinned cells:
    genes that are not among the F are thinned in sum.

    Raises
    ------
    ValueError
        If the fraction is not in (0, 1].

    Examples
    --------
    >>> counts = sparse.csr_matrix(np.array([[100.0, 0.0], [0.0, 300.0]]))
    >>> few, totals = thin(counts, np.array([200.0, 300.0]), 0.5, np.random.default_rng(0))
    >>> few.toarray().tolist(), totals.tolist()
    ([[51.0, 0.0], [0.0, 149.0]], [108.0, 149.0])
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"the fraction {fraction} is not in (0, 1]")
    if fraction == 1:
        return counts, np.asarray(totals, dtype=float)
    result = counts.astype(np.float32)
    whole = np.floor(counts.data.astype(np.float64))
    rest = counts.data - whole
    if rest.any():
        whole += rng.random(len(whole)) < rest
    result.data = rng.binomial(whole.astype(np.int64), fraction).astype(np.float32)
    others = np.maximum(np.rint(totals - np.asarray(counts.sum(axis=1)).ravel()), 0).astype(np.int64)
    result.eliminate_zeros()
    return result, np.asarray(result.sum(axis=1), dtype=float).ravel() + rng.binomial(others, fraction)
