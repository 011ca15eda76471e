"""Genes and gene pairs that change along pseudotime."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from panscape.landscape._columns import sparse_column_correlations, spearman_columns
from panscape.landscape._combine import Combined
from panscape.landscape._measured import over_measured_genes, over_measured_pairs
from panscape.landscape._statistics import (
    benjamini_hochberg,
    correlation_pvalues,
)


@over_measured_genes
def rank_genes(data: Combined, pseudotime: np.ndarray) -> pd.DataFrame:
    """Rank genes by the correlation of their expression with pseudotime over clusters.

    Parameters
    ----------
    data
        With `mean` (mean normalised log expression of each cluster) and `detection`.
    pseudotime
        (n_clusters,), NaN where there is none.

    Returns
    -------
    Columns `gene`, `rho` (Spearman), `pvalue` (t approximation), `fdr` (Benjamini-Hochberg), `rho_within`
    (Spearman of ranks within each study, pooled: free of differences between studies), `detection` (mean
    share of expressing cells); strongest first, genes without variation last.
    """
    table = pd.DataFrame({"gene": data.genes})
    usable = np.flatnonzero(np.isfinite(pseudotime))
    missing = np.full(len(data.genes), np.nan)
    if data.mean is None or len(usable) < 3:
        return table.assign(rho=missing, pvalue=missing, fdr=missing, rho_within=missing, detection=missing)
    values, time = data.mean[usable], pseudotime[usable]
    rho = spearman_columns(values, time)
    study = data.clusters["study"].to_numpy()[usable]
    within = spearman_columns(_ranks_within(values, study), _ranks_within(time[:, None], study)[:, 0])
    table = table.assign(
        rho=rho,
        **_tested(rho, len(usable)),
        rho_within=within,
        detection=missing if data.detection is None else data.detection[usable].mean(axis=0),
    )
    return _strongest_first(table)


@over_measured_pairs
def rank_pairs(
    data: Combined, pseudotime: np.ndarray, *, method: str = "spearman", listed: int = 10_000
) -> pd.DataFrame:
    """Rank gene pairs by the correlation of their coexpression with pseudotime over clusters.

    Parameters
    ----------
    data
        Clusters and coexpression; diagonal pairs are left out.
    pseudotime
        (n_clusters,), NaN where there is none.
    method
        ``"spearman"`` or ``"pearson"`` (released code).
    listed
        Pairs to return, strongest first; 0: all. The fdr counts all pairs that vary.

    Returns
    -------
    Columns `gene_a`, `gene_b`, `rho`, `pvalue`, `fdr`, `n_clusters` (clusters in which the pair survives).
    """
    columns = np.flatnonzero(~data.diagonal)
    usable = np.flatnonzero(np.isfinite(pseudotime))
    rho = np.full(len(columns), np.nan)
    matrix = data.matrix[usable][:, columns]
    if len(usable) >= 3:
        rho = sparse_column_correlations(matrix, pseudotime[usable], method=method)
    first, second = data.pairs[columns].T
    table = pd.DataFrame(
        {
            "gene_a": data.genes[first],
            "gene_b": data.genes[second],
            "rho": rho,
            **_tested(rho, len(usable)),
            "n_clusters": np.bincount(matrix.indices, minlength=len(columns)),
        }
    )
    table = _strongest_first(table)
    return table.head(listed) if listed else table


def _tested(rho: np.ndarray, n: int) -> dict[str, np.ndarray]:
    pvalue = correlation_pvalues(rho, n)
    return {"pvalue": pvalue, "fdr": benjamini_hochberg(pvalue)}


def _strongest_first(table: pd.DataFrame) -> pd.DataFrame:
    order = np.argsort(-table["rho"].abs().fillna(-1).to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _ranks_within(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return ranks within each group, from 0 to 1 about a mean of 1/2; a group of one is neutral."""
    found = np.empty(values.shape)
    for group in np.unique(groups):
        inside = groups == group
        found[inside] = (rankdata(values[inside], axis=0) - 0.5) / inside.sum()
    return found
