"""Statistics restricted to the genes and pairs that each study measures.

A gene that a study does not measure has no value there: NaN in `detection`, no stored value in the matrix.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.landscape.combine import Combined
from panscape.graph.measured import Measured
from panscape.stats.fdr import benjamini_hochberg


def measured_genes(data: Combined) -> Measured | None:
    """Return a mask of the genes that each cluster measures; None if all measure all."""
    measured = data.measured
    if measured is None:
        return None
    columns, group = np.unique(measured, axis=0, return_inverse=True)
    return Measured(group.reshape(-1), columns)


def measured_pairs(data: Combined, pairs: np.ndarray) -> Measured | None:
    """Return a mask of the gene pairs that each cluster measures; None if all measure all."""
    genes = measured_genes(data)
    if genes is None:
        return None
    return Measured(genes.group, genes.columns[:, pairs[:, 0]] & genes.columns[:, pairs[:, 1]])


def over_measured_genes(rank: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """Restrict a ranking of genes along pseudotime to the clusters that measure each gene.

    Parameters
    ----------
    rank
        Function (data, pseudotime, leaves) -> table with `gene`, `rho`, `pvalue`, `fdr` of complete data.

    Returns
    -------
    The function for any data. If some clusters do not measure some genes, it is called once for each set of
    genes measured by the same clusters, and the false discovery rate is computed over all genes.
    """

    @functools.wraps(rank)
    def ranked(
        data: Combined, pseudotime: np.ndarray, leaves: np.ndarray | None = None, **kwargs
    ) -> pd.DataFrame:
        measured = measured_genes(data)
        if measured is None:
            return rank(data, pseudotime, leaves, **kwargs)
        tables = [
            rank(_of_genes(data, rows, genes), pseudotime[rows], _inside(leaves, rows), **kwargs)
            for rows, genes in measured.patterns()
        ]
        return _together(tables)

    return ranked


def over_measured_pairs(rank: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """Restrict a ranking of gene pairs to the clusters that measure both genes.

    Parameters
    ----------
    rank
        Function (data, pseudotime, leaves, listed=N) -> table with `rho`, `pvalue`, `fdr` of complete data,
        the N strongest rows (0: all).

    Returns
    -------
    As :func:`over_measured_genes`.
    """

    @functools.wraps(rank)
    def ranked(
        data: Combined,
        pseudotime: np.ndarray,
        leaves: np.ndarray | None = None,
        *,
        listed: int = 10_000,
        **kwargs,
    ) -> pd.DataFrame:
        measured = measured_pairs(data, data.pairs)
        if measured is None:
            return rank(data, pseudotime, leaves, listed=listed, **kwargs)
        columns = sparse.csc_matrix(data.matrix)
        bare = replace(data, expression=None, mean=None, detection=None, scores=None)
        tables = []
        for rows, pairs in measured.patterns():
            part = sparse.csr_matrix(columns[:, pairs])[rows]
            part_data = replace(bare, clusters=data.clusters.iloc[rows], matrix=part, pairs=data.pairs[pairs])
            tables.append(rank(part_data, pseudotime[rows], _inside(leaves, rows), listed=0, **kwargs))
        table = _together(tables)
        return table.head(listed) if listed else table

    return ranked


def _inside(leaves: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """Return the positions of `leaves` in a subset of rows."""
    return None if leaves is None else np.flatnonzero(np.isin(rows, leaves))


def _of_genes(data: Combined, rows: np.ndarray, genes: np.ndarray) -> Combined:
    """Return a subset of clusters and genes, without pairs."""
    dense = {
        name: None if (part := getattr(data, name)) is None else part[np.ix_(rows, genes)]
        for name in ("expression", "mean", "detection")
    }
    return Combined(
        data.clusters.iloc[rows].reset_index(drop=True),
        sparse.csr_matrix((len(rows), 0), dtype=np.float32),
        np.empty((0, 2), dtype=np.int64),
        data.genes[genes],
        **dense,
    )


def _together(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate tables, strongest first, with the false discovery rate over all rows."""
    table = pd.concat(tables, ignore_index=True)
    table["fdr"] = benjamini_hochberg(table["pvalue"].to_numpy(dtype=np.float64))
    order = np.argsort(-table["rho"].abs().fillna(-1).to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)
