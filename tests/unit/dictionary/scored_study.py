"""A simulated study with planted modules, its clusters and the dictionary of these modules."""

from dataclasses import dataclass

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.cells import MemoryCounts
from panscape.coscape.dictionary.write import ASIDE, SavedDictionary

GENES, MODULES, SIZE, KNOWN = 240, 4, 12, 8


@dataclass(frozen=True)
class ScoredStudy:
    """Counts, clusters and their cells, dictionary, activity (cells x modules), module of each gene or -1."""

    counts: MemoryCounts
    clusters: pd.DataFrame
    members: sparse.csr_matrix
    saved: SavedDictionary
    activity: np.ndarray
    module: np.ndarray


def dictionary(genes, known, panclusters, usage, names):
    """Return a dictionary whose entries are cliques of `known` (lists of gene positions)."""
    pairs = [(a, b, k) for k, part in enumerate(known) for i, a in enumerate(part) for b in part[i + 1 :]]
    first, second, row = np.array(pairs).T
    edges = sparse.csr_matrix((np.ones(len(row)), (row, np.arange(len(row)))), shape=(len(known), len(row)))
    var = pd.DataFrame({"gene_a": genes[first], "gene_b": genes[second]}).set_axis(
        [str(i) for i in range(len(row))]
    )
    data = anndata.AnnData(edges, obs=pd.DataFrame(index=names), var=var)
    data.layers["edges"] = edges
    data.obsm["usage"] = usage.T
    data.uns = {"panclusters": panclusters, "genes": genes, ASIDE: pd.DataFrame(), "error": 0.2}
    return SavedDictionary(data)


def scored_study(seed, cells=1500, coupled=0.8, repressed=1):
    """Draw cells of three clusters; 8 of the 12 genes of each module are known to the dictionary.

    Module 0 represses the last genes, of which there are `repressed`.
    """
    rng = np.random.default_rng(seed)
    module = np.full(GENES, -1)
    module[: MODULES * SIZE] = np.repeat(np.arange(MODULES), SIZE)
    label = rng.integers(3, size=cells)
    activity = rng.standard_normal((cells, MODULES))
    log = rng.normal(-1.0, 0.7, GENES) + rng.normal(0, 0.6, (3, GENES))[label]
    noise = rng.standard_normal((cells, GENES))
    inside = module >= 0
    log[:, inside] += np.sqrt(coupled) * activity[:, module[inside]] + np.sqrt(1 - coupled) * noise[:, inside]
    log[:, -repressed:] -= 0.9 * activity[:, [0]]
    depth = np.exp(rng.normal(0, 0.5, cells))
    counts = sparse.csr_matrix(rng.poisson(np.exp(log) * depth[:, None]).astype(np.float32))
    genes = np.array([f"G{i:03d}" for i in range(GENES)], dtype=object)
    obs = pd.DataFrame({"kind": label.astype(str)}, index=[f"c{i}" for i in range(cells)])
    members = sparse.csr_matrix(np.vstack([np.ones(cells), *(label == i for i in range(3))]).astype(float))
    names = ["s-all", "s-0", "s-1", "s-2"]
    clusters = pd.DataFrame({"cluster": names, "study": "s", "parent": [None, *["s-all"] * 3]})
    known = [list(np.flatnonzero(module == k)[:KNOWN]) for k in range(MODULES)]
    usage = np.ones((4, MODULES))
    saved = dictionary(genes, known, names, usage, [f"entry-{k + 1:02d}" for k in range(MODULES)])
    memory = MemoryCounts(counts, obs, pd.DataFrame(index=genes))
    return ScoredStudy(memory, clusters, members, saved, activity, module)
