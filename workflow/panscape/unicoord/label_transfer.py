"""Transfer of labels from panclusters to cells: pseudotime of the landscape, usage of the dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data import files
from panscape.data.counts import Counts

PSEUDOTIME = "dpt_pseudotime"


def cell_values(members: sparse.csr_matrix, sizes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return for each cell the value of its smallest pancluster.

    Parameters
    ----------
    members
        (panclusters, cells) of ones.
    sizes
        (panclusters,) numbers of cells.
    values
        (panclusters, d), NaN where a pancluster has none.

    Returns
    -------
    (cells, d): of each cell's smallest pancluster with values, the mean over equally small ones; NaN where
    there is none.

    Examples
    --------
    >>> members = sparse.csr_matrix(np.array([[1, 1, 1], [0, 1, 0]]))
    >>> cell_values(members, np.array([3, 1]), np.array([[0.5], [0.9]])).ravel().tolist()
    [0.5, 0.9, 0.5]
    """
    result = np.full((members.shape[1], values.shape[1]), np.nan)
    usable = np.isfinite(values).all(axis=1)
    for size in np.unique(sizes[usable])[::-1]:  # smaller ones overwrite larger ones
        rows = np.flatnonzero(usable & (sizes == size))
        part = members[rows]
        count = np.asarray(part.sum(axis=0)).ravel()
        inside = count > 0
        result[inside] = (part.T @ values[rows])[inside] / count[inside, None]
    return result


def transfer_labels(
    studies: Sequence[str],
    counts: Sequence[str | Path],
    clusters: Sequence[str | Path],
    members: Sequence[str | Path],
    *,
    landscape: str | Path | None = None,
    dictionary: str | Path | None = None,
) -> pd.DataFrame:
    """Return a table of cell labels from the landscape and the dictionary.

    Parameters
    ----------
    studies, counts, clusters, members
        Names and files of the studies, in one order.
    landscape
        ``landscape.h5ad``, for pseudotime.
    dictionary
        ``dictionary.h5ad``, for the usage of its entries.

    Returns
    -------
    cell, study, then ``dpt_pseudotime`` and a column per entry.
    """
    values = []
    if landscape is not None:
        obs = files.read_h5ad(landscape, backed=True).obs
        values.append(obs[[PSEUDOTIME]].astype(float))
    if dictionary is not None:
        saved = files.read_h5ad(dictionary)
        usage = np.asarray(saved.obsm["usage"], dtype=np.float64).T
        names = [str(name) for name in saved.uns["panclusters"]]
        values.append(pd.DataFrame(usage, index=names, columns=saved.obs_names))
    every = pd.concat(values, axis=1) if values else pd.DataFrame()
    parts = []
    for study, path, table, matrix in zip(studies, counts, clusters, members, strict=True):
        rows = files.read_tsv(table, dtype={"cluster": str, "parent": str})
        cluster_values = every.reindex(rows["cluster"]).to_numpy(dtype=np.float64)
        given = cell_values(files.read_csr(matrix), rows["n_cells"].to_numpy(), cluster_values)
        part = pd.DataFrame(given, columns=every.columns)
        part.insert(0, "study", study)
        part.insert(0, "cell", Counts(path).cells)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
