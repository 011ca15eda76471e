"""Small landscapes with a known order, made without the other stages."""

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.landscape import Study


def study(name="one", clusters=20, genes=12, seed=0, ages=(0.0, 10.0), cells=200, detection=0.5):
    """Return a study whose pairs fade in and out along age; every cluster is distinct."""
    rng = np.random.default_rng([seed, len(name), ord(name[0])])
    age = np.sort(rng.uniform(*ages, size=clusters))
    first, second = np.triu_indices(genes)
    shared = np.random.default_rng(7).uniform(0, 10, size=len(first))
    r = 0.9 * np.exp(-((age[:, None] - shared[None, :]) ** 2) / 8) + 0.02 * rng.normal(
        size=(clusters, len(first))
    )
    r[np.abs(r) < 0.3] = 0
    r[:, first == second] = 1
    matrix = sparse.csr_matrix(r.astype(np.float32))
    used = np.flatnonzero(np.diff(matrix.tocsc().indptr))
    table = pd.DataFrame(
        {
            "cluster": [f"{name}-r1-l0-c{at}" for at in range(clusters)],
            "study": name,
            "resolution": 1.0,
            "level": 0.0,
            "parent": f"{name}-all",
            "n_cells": cells + np.arange(clusters),
            "multiplicity": 1 + np.arange(clusters) % 3,
            "age": age,
            "n_counts": rng.uniform(1000, 2000, size=clusters),
        }
    )
    offset = 5 * np.random.default_rng([seed, ord(name[0])]).normal(size=genes)
    mean = 3 + 0.1 * age[:, None] * np.linspace(-1, 1, genes) + 0.01 * rng.normal(size=(clusters, genes))
    return Study(
        name,
        table,
        matrix[:, used],
        np.stack([first, second], axis=1)[used],
        np.array([f"g{at}" for at in range(genes)], dtype=object),
        (np.abs(mean + offset)).astype(np.float32),
        mean.astype(np.float32),
        np.full((clusters, genes), detection, dtype=np.float32),
    )
