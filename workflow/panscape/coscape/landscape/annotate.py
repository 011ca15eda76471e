"""Annotation of clusters by the ages, labels and depth of their cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.errors import fail
from panscape.log import logger
from panscape.stats.means import cluster_means


def annotate_clusters(
    clusters: pd.DataFrame, members: sparse.csr_matrix, cells: pd.DataFrame
) -> pd.DataFrame:
    """Add means of numeric and dominant labels of other cell columns to a table of clusters.

    Parameters
    ----------
    clusters
        One row per cluster.
    members
        CSR (clusters, cells), 1 where a cell belongs to a cluster.
    cells
        One row per cell. Numeric columns give the mean over the cells with a value (NaN if none), exactly
        equal for clusters with equal values (:func:`cluster_means`); others the most frequent label (ties:
        first in alphabetical order) and its fraction among the labelled cells as ``{column}_purity``.

    Returns
    -------
    A copy of `clusters` with the new columns; `study` and columns already in `clusters` are not changed.

    Raises
    ------
    UserError
        If the numbers of clusters or cells do not match.

    Examples
    --------
    >>> cells = pd.DataFrame({"age": [1.0, 3.0, 5.0], "cell_type": ["a", "a", "b"]})
    >>> members = sparse.csr_matrix([[1, 1, 1], [1, 1, 0]])
    >>> table = annotate_clusters(pd.DataFrame({"cluster": ["lab-all", "lab-c0"]}), members, cells)
    >>> table["age"].tolist(), table["cell_type"].tolist()
    ([3.0, 2.0], ['a', 'a'])
    """
    if members.shape != (len(clusters), len(cells)):
        raise fail(
            "members.npz",
            f"{members.shape[0]} clusters x {members.shape[1]} cells, but the tables have "
            f"{len(clusters)} and {len(cells)}",
            "run the clustering of this study again: its cells have changed",
        )
    inside = sparse.csr_matrix(members, dtype=np.float64)
    added = {}
    for name in cells.columns:
        if name in clusters.columns:
            if name != "study":
                logger.warning("cell column %s is skipped: clusters already have a column of that name", name)
            continue
        column = cells[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            added[name] = cluster_means(inside, column.to_numpy(dtype=np.float64, na_value=np.nan))
        else:
            added[name], added[f"{name}_purity"] = _dominant(inside, column)
    return clusters.assign(**added)


def _dominant(inside: sparse.csr_matrix, column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    codes, names = pd.factorize(column.astype("object").where(column.notna()), sort=False)
    order = np.argsort(names.astype(str), kind="stable")
    names = names.astype(str)[order]
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    known = np.flatnonzero(codes >= 0)
    one_hot = sparse.csr_matrix(
        (np.ones(len(known)), (known, position[codes[known]])), shape=(len(codes), len(names))
    )
    if len(names) == 0:
        return np.full(inside.shape[0], "", dtype=object), np.full(inside.shape[0], np.nan)
    count = (inside @ one_hot).toarray()
    total = count.sum(axis=1)
    label = np.where(total > 0, names.astype(object)[count.argmax(axis=1)], "")
    purity = np.divide(count.max(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)
    return label, purity
