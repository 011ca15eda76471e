"""Test of the homogeneity of metacells."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.coem.metacells.embed import variable_genes
from panscape.stats.decomposition import symmetric_eigenvalues

FEATURES = 500
CLIP = 10.0  # limit of residuals, so that a single count of a rare gene has little influence
MIN_MEAN = 0.02  # counts per cell; rarer genes are uninformative within a metacell


def homogeneity(
    counts: sparse.csr_matrix,
    label: np.ndarray,
    *,
    features: int = FEATURES,
    permutations: int = 20,
    quantile: float = 0.99,
    excess: float = 1.1,
    seed: int = 0,
) -> pd.DataFrame:
    """Score the homogeneity of every metacell against a permutation null.

    Counts of a metacell are compared with their expectation from its total and each cell's depth; the leading
    eigenvalue of the residuals' covariance between cells measures the strongest coordinated difference. The
    null permutes each gene's residuals over the metacell's cells, which preserves every gene's distribution
    and removes coordination between genes.

    The question and the null are those of mcRigor (Liu and Li 2025), which compares the correlations of genes
    within a metacell with those of permuted cells. The statistic differs (an eigenvalue of depth-corrected
    residuals instead of mcRigor's divergence score), and so does the threshold: it is not an implementation.

    Parameters
    ----------
    counts
        CSR raw counts, cells x genes (or peaks).
    label
        Metacell of each cell.
    features
        Number of most variable features used.
    permutations
        Permutations per metacell.
    quantile
        A metacell is dubious if its eigenvalue exceeds this quantile of the nulls of all metacells (each
        divided by its mean) ...
    excess
        ... and is at least this many times its null mean, so that a large number of genes alone does not make
        a metacell dubious.
    seed
        Seed of the permutations.

    Returns
    -------
    DataFrame by metacell: n_cells, leading (eigenvalue / mean of its null, 1: chance), rigor (its inverse, at
    most 1; higher is better), pvalue (of the pooled null), dubious. NaN and not dubious under 5 cells.

    Examples
    --------
    >>> counts = sparse.csr_matrix(np.random.default_rng(0).poisson(1.0, (40, 30)))
    >>> homogeneity(counts, np.repeat([0, 1], 20))["n_cells"].tolist()
    [20, 20]
    """
    chosen = variable_genes(counts, features)
    depth = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1e-12)
    values = sparse.csr_matrix(counts[:, chosen])
    k = int(label.max()) + 1
    ratio, null = np.full(k, np.nan), []
    order = np.argsort(label, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(label, minlength=k))])
    for m in range(k):
        rows = order[bounds[m] : bounds[m + 1]]
        if len(rows) < 5:
            continue
        residual = residuals(values[rows].toarray(), depth[rows])
        if residual.shape[1] < 10:
            continue
        rng = seeds.stream(seed, "rigor", m)
        observed = leading(residual)
        drawn = [leading(rng.permuted(residual, axis=0)) for _ in range(permutations)]
        ratio[m] = observed / np.mean(drawn)
        null.append(np.array(drawn) / np.mean(drawn))
    pooled = np.sort(np.concatenate(null)) if null else np.ones(1)
    above = len(pooled) - np.searchsorted(pooled, ratio, side="left")
    pvalue = np.where(np.isnan(ratio), np.nan, (above + 1) / (len(pooled) + 1))
    dubious = (ratio > np.quantile(pooled, quantile)) & (ratio >= excess)
    return pd.DataFrame(
        {
            "n_cells": np.diff(bounds),
            "leading": ratio,
            "rigor": np.minimum(1 / ratio, 1.0),
            "pvalue": pvalue,
            "dubious": dubious,
        }
    )


def residuals(counts: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return Pearson residuals of a metacell's counts from their expectation given gene and depth.

    Parameters
    ----------
    counts
        Dense, cells x features.
    depth
        Total counts of the cells over all features.

    Returns
    -------
    Cells x features that are not too rare, clipped to +-10, centred by feature.
    """
    total = counts.sum(axis=0)
    keep = total >= MIN_MEAN * len(counts)
    mean = np.outer(depth, total[keep] / depth.sum())
    residual = np.clip((counts[:, keep] - mean) / np.sqrt(mean + 1e-12), -CLIP, CLIP)
    return residual - residual.mean(axis=0)


def leading(residual: np.ndarray) -> float:
    """Return the largest eigenvalue of R R' for cells x features R."""
    small = residual @ residual.T if residual.shape[0] <= residual.shape[1] else residual.T @ residual
    return float(symmetric_eigenvalues(small)[0])
