"""A simulated atlas with types, platforms and time, for the benchmarks of UniCoord."""

import numpy as np
import pandas as pd
from scipy import sparse

DEPTHS = {"P0": 0.5, "P1": 1.0, "P2": 2.0}


def simulate(n=20_000, genes=3000, types=8, seed=0, depth=4000.0, effects=True):
    """Return AnnData of counts: types x platforms x time, each with its own gene-wise effects.

    Types mark 4 % of the genes each, a platform shifts all genes a little and has half or twice the depth,
    time moves a fifth of the genes along smooth curves. var and varm hold the effects (logarithms of rates).
    """
    import anndata

    rng = np.random.default_rng(seed)
    base = rng.normal(0, 1.3, genes)
    kind, platform, time = rng.integers(types, size=n), rng.integers(3, size=n), rng.random(n)
    of_type, of_platform = np.zeros((types, genes)), rng.normal(0, 0.35, (3, genes))
    for k in range(types):
        marks = rng.choice(genes, genes // 25, replace=False)
        of_type[k, marks] = rng.normal(1.2, 0.4, len(marks))
    moving = rng.choice(genes, genes // 5, replace=False)
    slope = np.zeros(genes)
    slope[moving] = rng.choice([-1, 1], len(moving)) * rng.uniform(0.5, 1.5, len(moving))
    total = depth * np.array(list(DEPTHS.values()))[platform] * rng.lognormal(0, 0.25, n)
    blocks = []
    for start in range(0, n, 2000):
        rows = slice(start, start + 2000)
        log = base + of_type[kind[rows]] + of_platform[platform[rows]] + np.outer(time[rows] - 0.5, slope)
        rate = np.exp(log)
        rate *= (total[rows] / rate.sum(axis=1))[:, None]
        blocks.append(sparse.csr_matrix(rng.poisson(rate).astype(np.float32)))
    obs = pd.DataFrame(
        {"cell_type": [f"T{k}" for k in kind], "platform": np.array(list(DEPTHS))[platform], "time": time},
        index=[f"c{at}" for at in range(n)],
    )
    var = pd.DataFrame({"base": base, "slope": slope}, index=[f"G{at:04d}" for at in range(genes)])
    effects = {"type": of_type.T, "platform": of_platform.T}
    return anndata.AnnData(sparse.vstack(blocks, format="csr"), obs=obs, var=var, varm=effects)


def expectation(cells, target):
    """Return the true mean (n, G) of log1p(count / total * target) of simulated cells at their own totals."""
    from scipy.stats import poisson

    kind = cells.obs["cell_type"].str[1:].astype(int).to_numpy()
    platform = cells.obs["platform"].str[1:].astype(int).to_numpy()
    time = cells.obs["time"].to_numpy()
    log = cells.var["base"].to_numpy() + cells.varm["type"].T[kind] + cells.varm["platform"].T[platform]
    share = np.exp(log + np.outer(time - 0.5, cells.var["slope"].to_numpy()))
    share /= share.sum(axis=1, keepdims=True)
    total = np.asarray(cells.X.sum(axis=1)).ravel()
    rates, counts = np.concatenate([[0], np.geomspace(1e-4, 1500, 500)]), np.arange(2000)
    chance = poisson.pmf(counts, rates[:, None])
    result = np.empty_like(share)
    for at, (chosen, n) in enumerate(zip(share, total, strict=True)):
        means = chance @ np.log1p(counts * (target / n))
        result[at] = np.interp(np.sqrt(chosen * n), np.sqrt(rates), means)
    return result


LABELS = [
    {"name": "cell_type", "kind": "discrete"},
    {"name": "platform", "kind": "discrete"},
    {"name": "time", "kind": "continuous"},
]
