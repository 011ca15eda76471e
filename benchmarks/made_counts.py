"""Counts for the benchmarks: cell types in lineages, gene modules within them, Poisson noise."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.counts import CountsWriter


def write_counts(path: Path, n_cells: int, n_genes: int, density: float, seed: int = 0) -> list[str]:
    """Write a counts.h5ad with about `density` non-zero values and return its genes."""
    rng = np.random.default_rng(seed)
    n_lineages, n_types, n_modules = 6, 30, 40
    base = rng.normal(0, 1.2, n_genes)
    lineage = rng.normal(0, 0.7, (n_lineages, n_genes))
    profile = base + lineage[rng.integers(0, n_lineages, n_types)] + rng.normal(0, 0.5, (n_types, n_genes))
    module = np.where(rng.random((n_modules, n_genes)) < 0.03, 0.8, 0.0)
    share = rng.dirichlet(np.full(n_types, 1.5))
    level = _level(profile, density)
    genes = [f"gene{i}" for i in range(n_genes)]
    totals = np.empty(n_cells)
    with CountsWriter(path, n_genes) as writer:
        for start in range(0, n_cells, 4096):
            n = min(4096, n_cells - start)
            kind = rng.choice(n_types, n, p=share)
            log_rate = profile[kind] + rng.normal(size=(n, n_modules)) @ module + level
            log_rate += rng.normal(0, 0.3, (n, 1))
            counts = sparse.csr_matrix(rng.poisson(np.exp(log_rate)).astype(np.float32))
            totals[start : start + n] = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1)
            writer.append(counts)
        obs = pd.DataFrame({"study": "made", "n_counts": totals}, index=[f"cell{i}" for i in range(n_cells)])
        writer.finish(obs, pd.DataFrame(index=genes))
    return genes


def _level(profile: np.ndarray, density: float) -> float:
    """Return the shift of the log rates that gives the wanted share of non-zero counts."""
    low, high = -20.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        # modules and depth widen the rates a little; the mean type stands for all
        if (1 - np.exp(-np.exp(profile + 0.35 + middle))).mean() < density:
            low = middle
        else:
            high = middle
    return low
