"""Small made-up atlases for the tests of UniCoord."""

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

LABELS = [
    {"name": "cell_type", "kind": "discrete"},
    {"name": "platform", "kind": "discrete"},
    {"name": "time", "kind": "continuous"},
]
QUICK = {
    "n_genes": 0, "n_epochs": 4, "min_steps": 120, "n_latent": 5, "n_components": 20, "n_hidden": [32],
    "ensemble": 2, "n_hidden_decoder": [32], "batch_size": 64, "held_out": 0.2, "validation": 0.15,
    "dropout": 0.1,
}  # fmt: skip


def atlas(n=600, genes=120, types=4, seed=0, lineages=2):
    """Return counts of types on two platforms along time; var has the slope of each gene."""
    rng = np.random.default_rng(seed)
    kind, platform, time = rng.integers(types, size=n), rng.integers(2, size=n), rng.random(n)
    log = np.tile(rng.normal(0.5, 0.7, genes), (n, 1))
    for k in range(types):
        log[kind == k, k * 10 : k * 10 + 10] += 2.0
    log[:, 50:80] += 0.8 * platform[:, None]
    slope = np.zeros(genes)
    slope[80:110] = 2.5
    log += (time[:, None] - 0.5) * slope
    rate = np.exp(log)
    rate *= (400 * (1 + platform) * rng.lognormal(0, 0.2, n) / rate.sum(axis=1))[:, None]
    obs = pd.DataFrame(
        {
            "cell_type": [f"T{k}" for k in kind],
            "lineage": [f"L{k % lineages}" for k in kind],
            "platform": [f"P{p}" for p in platform],
            "time": time,
        },
        index=[f"cell{i}" for i in range(n)],
    )
    var = pd.DataFrame({"slope": slope}, index=[f"G{j}" for j in range(genes)])
    return anndata.AnnData(sparse.csr_matrix(rng.poisson(rate).astype(np.float32)), obs=obs, var=var)
