"""Studies of planted cell types for the tests beside this file."""

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.counts import CountsWriter


def draw(n_cells=400, n_genes=60, n_types=4, seed=0):
    """Return (counts, type of each cell); the types are well apart."""
    rng = np.random.default_rng(seed)
    profile = rng.gamma(0.4, 2, (n_types, n_genes))
    kind = np.sort(rng.integers(0, n_types, n_cells))
    depth = rng.lognormal(0, 0.3, n_cells)
    return rng.poisson(profile[kind] * depth[:, None] + 0.02).astype(np.float32), kind


def write(path, counts, study="lab"):
    n_cells, n_genes = counts.shape
    genes = [f"g{i}" for i in range(n_genes)]
    totals = np.maximum(counts.sum(axis=1), 1)
    obs = pd.DataFrame({"study": study, "n_counts": totals}, index=[f"c{i}" for i in range(n_cells)])
    with CountsWriter(path, n_genes) as writer:
        writer.append(sparse.csr_matrix(counts))
        writer.finish(obs, pd.DataFrame(index=genes))
    return genes


def check_tree(table, members, min_cells):
    """Assert everything that must hold for the clusters of any study."""
    sets = [frozenset(members[row].indices) for row in range(len(table))]
    assert len(set(sets)) == len(sets)  # no set of cells twice
    assert len(sets[0]) == members.shape[1] and table["parent"].iloc[0] == ""
    assert table["cluster"].is_unique
    assert list(table["n_cells"]) == [len(cells) for cells in sets]
    assert (table["n_cells"].iloc[1:] >= min_cells).all()
    assert members.data.dtype == np.int8 and (members.data == 1).all() and members.has_canonical_format
    row_of = {name: row for row, name in enumerate(table["cluster"])}
    for row in range(1, len(table)):
        above = row_of[table["parent"].iloc[row]]
        assert above < row
        assert sets[row] < sets[above]
    counted = table["duplicates"].map(lambda text: len(text.split(";")) if text else 0)
    assert list(table["multiplicity"]) == list(counted + 1)
