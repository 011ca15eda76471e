"""The score statistic of coexpression written plainly, cells x genes in dense arrays."""

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.values import Values


def depth_of(totals):
    return totals / totals.mean()


def dense_weights(weights):
    """Return w of every cell and gene."""
    return weights.h[weights.group] / weights.size[:, None]


def dense_moments(x, s, w):
    """Return mean and variance of every gene in one set of cells under weights w."""
    s = s[:, None]
    mean = (s * x * w).sum(0) / (s**2 * w).sum(0)
    residual = x - s * mean
    variance = (s**2 * (residual**2 - s * mean) * w**2).sum(0) / (s**4 * w**2).sum(0)
    return mean, np.maximum(variance, 0)


def dense_scores(x, s, w, min_expected):
    """Return T, valid and the corrected correlation of all pairs of genes in one set of cells."""
    mean, variance = dense_moments(x, s, w)
    s = s[:, None]
    weighted = s * (x - s * mean) * w
    u = s * mean + s**2 * variance
    score = weighted.T @ weighted
    noise = (s**2 * w**2 * u).T @ (s**2 * w**2 * u)
    seen = (x > 0).sum(0)
    valid = (np.outer(seen, seen) / len(x) >= min_expected) & (noise > 0)
    t = np.where(valid, score / np.sqrt(np.where(noise > 0, noise, 1)) / np.sqrt(len(x)), 0)
    root = np.sqrt(np.outer(variance, variance))
    known = valid & (root > 0)
    r = np.where(known, score / ((s**2 * w).T @ (s**2 * w)) / np.where(known, root, 1), 0)
    return t, valid, np.clip(r, -1, 1)


def cscore_statistic(x, s, rounds=3):
    """Return z / sqrt(n) of CS-CORE (Su et al. 2023), whose weights are those of the set of cells itself."""
    w = 1 / (s[:, None] * np.ones(x.shape[1]))
    for _ in range(rounds):
        mean, variance = dense_moments(x, s, w)
        w = 1 / (s[:, None] * mean + s[:, None] ** 2 * variance)
    a, b = s[:, None] * (x - s[:, None] * mean) * w, s[:, None] ** 2 * w
    # under independence the variance of s r w is s^2 w, and that of the sum of products (s^2 w)'(s^2 w)
    return (a.T @ a) / np.sqrt(b.T @ b) / np.sqrt(len(x))


def made_study(seed=0, n_cells=900, n_genes=24, uneven=1.0, coupled=True):
    """Return (values, clusters, members): counts of uneven depth in nested clusters, some genes coupled."""
    rng = np.random.default_rng(seed)
    depth = np.exp(rng.normal(0, uneven / 2, n_cells))
    shared = rng.gamma(2, 0.5, size=(n_cells, 1))
    own = rng.gamma(3, 1 / 3, size=(n_cells, n_genes))
    rate = own * np.where((np.arange(n_genes) < n_genes // 3) & coupled, shared, 1)
    rate = rate * rng.gamma(1, 0.6, n_genes) * np.where(np.arange(n_cells) % 2, 1.0, 1.6)[:, None]
    x = rng.poisson(depth[:, None] * rate).astype(np.float32)
    totals = np.maximum(rng.poisson(1000 * depth), 1).astype(float)
    parent = np.zeros((7, n_cells), dtype=bool)
    cells = np.arange(n_cells)
    parent[0] = True
    parent[1], parent[2] = cells < 600, cells >= 600
    parent[3], parent[4] = cells < 300, (cells >= 300) & (cells < 580)
    parent[5] = (cells >= 600) & (cells < 640)
    parent[6] = (cells >= 100) & (cells < 500)  # overlaps two of its siblings
    clusters = pd.DataFrame(
        {
            "cluster": [f"c{i}" for i in range(7)],
            "parent": ["", "c0", "c0", "c1", "c1", "c2", "c1"],
            "n_cells": parent.sum(1),
        }
    )
    values = Values(sparse.csr_matrix(x), totals, "depth-log1p", float(np.median(totals)))
    return values, clusters, sparse.csr_matrix(parent.astype(np.int8))
