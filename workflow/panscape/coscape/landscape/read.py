"""Reading what the stages before have written about one study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.landscape.annotate import annotate
from panscape.coscape.landscape.combine import Study
from panscape.data.files import read_csr, read_tsv
from panscape.errors import fail

NAMES = {"cluster": str, "study": str, "parent": str, "duplicates": str}


def read_study(
    name: str,
    *,
    counts: str | Path,
    clusters: str | Path,
    members: str | Path,
    matrices: str | Path,
    pairs: str | Path,
    expression: str | Path,
) -> Study:
    """Read a study's clusters, their coexpression and expression, and annotate them by their cells.

    Parameters
    ----------
    name
        Study id.
    counts
        ``counts.h5ad``; only its table of cells is read.
    clusters, members
        ``clusters.tsv`` and ``members.npz``.
    matrices, pairs
        ``matrices.npz`` and ``pairs.tsv``.
    expression
        ``expression.h5ad``; its genes give the order of the pairs.

    Raises
    ------
    UserError
        If the files do not belong together.
    """
    import anndata
    import h5py
    from anndata.io import read_elem

    table = read_tsv(clusters, dtype=NAMES)
    with h5py.File(counts) as file:
        cells = read_elem(file["obs"])
    inside = read_csr(members)
    table = annotate(table, inside, cells)
    dense = anndata.read_h5ad(expression)
    if list(dense.obs_names) != list(table["cluster"]):
        raise fail(str(expression), "its clusters are not those of clusters.tsv", "delete both, run again")
    genes = np.asarray(dense.var_names, dtype=object)
    return Study(
        name,
        table,
        read_csr(matrices),
        pair_positions(read_tsv(pairs, dtype=str), genes, str(pairs)),
        genes,
        _array(dense.X),
        _array(dense.layers["mean"]),
        _array(dense.layers["detection"]),
        inside,
        cells,
    )


def pair_positions(pairs: pd.DataFrame, genes: np.ndarray, where: str = "pairs") -> np.ndarray:
    """Return the positions of the genes of each pair, int64 (n_pairs, 2), first <= second.

    Parameters
    ----------
    pairs
        Columns `gene_a`, `gene_b`.
    genes
        Gene names.
    where
        Named in the error.

    Raises
    ------
    UserError
        If a gene is unknown.
    """
    index = pd.Index(genes)
    found = np.stack([index.get_indexer(pairs[name]) for name in ("gene_a", "gene_b")], axis=1)
    if (found < 0).any():
        unknown = pairs.to_numpy()[found < 0][0]
        raise fail(where, f"gene {unknown} is not among the selected genes", "delete the file, run again")
    return np.sort(found.astype(np.int64), axis=1)


def _array(values) -> np.ndarray:
    dense = values.toarray() if sparse.issparse(values) else np.asarray(values)
    return dense.astype(np.float32, copy=False)
