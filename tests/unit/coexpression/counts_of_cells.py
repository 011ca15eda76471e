"""Small studies and their clusters for the tests beside this file."""

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.counts import CountsWriter


def modules(n_cells, n_genes, seed=0, density=1.0):
    """Counts whose genes share factors, so that strong and weak correlations of both signs occur."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n_cells, 4)) @ rng.normal(size=(4, n_genes)) * 0.8
    return rng.poisson(np.exp(factors + rng.normal(-0.5, 1, n_genes)) * density).astype(np.float32)


def write(path, counts, extra=0.0):
    """Write counts.h5ad; `extra` counts per cell are those of genes that are not in the file."""
    n_cells, n_genes = counts.shape
    genes = [f"g{i}" for i in range(n_genes)]
    obs = pd.DataFrame(
        {"study": "lab", "n_counts": counts.sum(axis=1) + extra}, index=[f"c{i}" for i in range(n_cells)]
    )
    with CountsWriter(path, n_genes) as writer:
        writer.append(sparse.csr_matrix(counts))
        writer.finish(obs, pd.DataFrame(index=genes))
    return genes


def clusters_of(sets):
    """Return (clusters, members) of {name: (parent, cells)}."""
    n_cells = max(max(cells) for _, cells in sets.values()) + 1
    table = pd.DataFrame({"cluster": list(sets), "parent": [parent for parent, _ in sets.values()]})
    rows = np.concatenate([np.full(len(cells), row) for row, (_, cells) in enumerate(sets.values())])
    cells = np.concatenate([np.sort(cells) for _, cells in sets.values()])
    members = sparse.csr_matrix((np.ones(len(cells), np.int8), (rows, cells)), shape=(len(sets), n_cells))
    return table, members


def nested(n_cells, seed=0):
    """Clusters of two resolutions that cut the cells differently, one of them two levels deep."""
    rng = np.random.default_rng(seed)
    fine, other = rng.integers(0, 4, n_cells), rng.integers(0, 3, n_cells)
    sets = {"lab-all": ("", np.arange(n_cells))}
    sets |= {f"a{c}": ("lab-all", np.flatnonzero(fine // 2 == c)) for c in range(2)}
    sets |= {f"b{c}": (f"a{c // 2}", np.flatnonzero(fine == c)) for c in range(3)}
    sets |= {f"c{c}": ("lab-all", np.flatnonzero(other == c)) for c in range(3)}
    sets["tiny"] = ("b0", np.flatnonzero(fine == 0)[:12])
    return clusters_of(sets)
