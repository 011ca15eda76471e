"""Panclusters made of known networks, for the tests of the dictionary."""

import numpy as np
from scipy import sparse


def planted(seed, *, n=240, genes=160, modules=6, size=12, noise=0.02):
    """Return (panclusters x pairs CSR, planted entries of norm 1, usage, first gene, second gene)."""
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(genes, 1)
    owner = np.full(genes, -1)
    owner[: modules * size] = np.repeat(np.arange(modules), size)
    inside = (owner[first] == owner[second]) & (owner[first] >= 0)
    entries = np.zeros((modules, len(first)))
    entries[owner[first[inside]], np.flatnonzero(inside)] = rng.uniform(0.5, 1, inside.sum())
    usage = np.where(rng.random((n, modules)) < 0.35, rng.uniform(0.5, 1, (n, modules)), 0)
    values = usage @ entries
    values[values > 0] += 0.05 * rng.standard_normal((values > 0).sum())
    values[values < 0.3] = 0
    false = (rng.random(values.shape) < noise) & (values == 0)
    values[false] = rng.uniform(0.3, 0.5, false.sum())
    entries /= np.linalg.norm(entries, axis=1)[:, None]
    return sparse.csr_matrix(values), entries, usage, first, second
