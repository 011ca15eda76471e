"""Genes and gene pairs that change along pseudotime."""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma

import numpy as np
import pandas as pd

from panscape.coscape.landscape.columns import (
    centred_within,
    sparse_column_correlations,
    sparse_within_correlations,
)
from panscape.coscape.landscape.combine import Combined
from panscape.coscape.landscape.measured import over_measured_genes, over_measured_pairs
from panscape.stats.fdr import benjamini_hochberg
from panscape.stats.ranks import correlation_pvalues, spearman_rows

LEVEL = 0.05  # tests that cannot reach it are not performed


@over_measured_genes
def rank_genes(data: Combined, pseudotime: np.ndarray, leaves: np.ndarray | None = None) -> pd.DataFrame:
    """Rank genes by the correlation of their expression with pseudotime over clusters.

    Parameters
    ----------
    data
        With `mean` (mean normalised log expression of each cluster) and `detection`.
    pseudotime
        (n_clusters,), NaN where unknown.
    leaves
        Positions of disjoint clusters, see :class:`Independent`; None for no p-values.

    Returns
    -------
    Columns `gene`, `rho` (Spearman over all clusters), `pvalue` and `fdr` (Benjamini-Hochberg) of
    `rho_disjoint`, `rho_within` (Spearman of ranks within studies, pooled, which removes differences between
    studies), `rho_disjoint` (the same over disjoint clusters), `n_disjoint` (their number), `detection` (mean
    fraction of expressing cells); strongest first, genes without variation last.
    """
    table = pd.DataFrame({"gene": data.genes})
    usable = np.flatnonzero(np.isfinite(pseudotime))
    missing = np.full(len(data.genes), np.nan)
    if data.mean is None or len(usable) < 3:
        names = ("rho", "pvalue", "fdr", "rho_within", "rho_disjoint")
        return table.assign(**dict.fromkeys(names, missing), n_disjoint=0, detection=missing)
    values, time = data.mean[usable], pseudotime[usable]
    study = data.clusters["study"].to_numpy()[usable]
    apart = Independent.of(data, pseudotime, leaves)
    disjoint = missing
    if apart.testable:
        ranks = centred_within(data.mean[apart.rows], apart.study)
        disjoint = _correlated(ranks, apart.weight())
    table = table.assign(
        rho=spearman_rows(values.T, time),
        **apart.tested(disjoint),
        rho_within=_correlated(centred_within(values, study), centred_within(time[:, None], study)[:, 0]),
        rho_disjoint=disjoint,
        n_disjoint=apart.number,
        detection=missing if data.detection is None else data.detection[usable].mean(axis=0),
    )
    return _strongest_first(table)


@over_measured_pairs
def rank_pairs(
    data: Combined,
    pseudotime: np.ndarray,
    leaves: np.ndarray | None = None,
    *,
    method: str = "spearman",
    listed: int = 10_000,
) -> pd.DataFrame:
    """Rank gene pairs by the correlation of their coexpression with pseudotime over clusters.

    Parameters
    ----------
    data
        Clusters and coexpression; diagonal pairs are left out.
    pseudotime
        (n_clusters,), NaN where unknown.
    leaves
        As in :func:`rank_genes`.
    method
        ``"spearman"`` or ``"pearson"`` (released code).
    listed
        Number of pairs to return, strongest first; 0 for all. The FDR is over all variable pairs.

    Returns
    -------
    Columns `gene_a`, `gene_b`, `rho`, `pvalue`, `fdr`, `n_clusters` (clusters in which the pair survives),
    `rho_disjoint`, `n_disjoint`; p-values as in :func:`rank_genes`.
    """
    columns = np.flatnonzero(~data.diagonal)
    usable = np.flatnonzero(np.isfinite(pseudotime))
    rho = np.full(len(columns), np.nan)
    matrix = data.matrix[usable][:, columns]
    if len(usable) >= 3:
        rho = sparse_column_correlations(matrix, pseudotime[usable], method=method)
    apart = Independent.of(data, pseudotime, leaves)
    disjoint = np.full(len(columns), np.nan)
    if apart.testable:
        disjoint = sparse_within_correlations(
            data.matrix[apart.rows][:, columns], apart.time, apart.study, method=method
        )
    first, second = data.pairs[columns].T
    table = pd.DataFrame(
        {
            "gene_a": data.genes[first],
            "gene_b": data.genes[second],
            "rho": rho,
            **apart.tested(disjoint),
            "n_clusters": np.bincount(matrix.indices, minlength=len(columns)),
            "rho_disjoint": disjoint,
            "n_disjoint": apart.number,
        }
    )
    table = _strongest_first(table)
    return table.head(listed) if listed else table


@dataclass(frozen=True)
class Independent:
    """Disjoint clusters, over which a correlation with pseudotime can be tested.

    Null hypothesis: within each study, the expression of the gene (or coexpression of the pair) in a cluster
    is independent of the cluster's pseudotime, and disjoint clusters are independent. Nested clusters are not
    independent and are excluded.

    Parameters
    ----------
    rows
        Positions of the clusters, without studies with fewer than 2.
    study, time
        (n_rows,): study and pseudotime of these clusters.
    """

    rows: np.ndarray
    study: np.ndarray
    time: np.ndarray

    @classmethod
    def of(cls, data: Combined, pseudotime: np.ndarray, leaves: np.ndarray | None) -> Independent:
        """Select the disjoint clusters with a pseudotime.

        Parameters
        ----------
        data
            Clusters of all studies.
        pseudotime
            (n_clusters,), NaN where unknown.
        leaves
            Positions of disjoint clusters; None: no tests.
        """
        rows = np.empty(0, dtype=np.int64) if leaves is None else leaves[np.isfinite(pseudotime[leaves])]
        study = data.clusters["study"].to_numpy()[rows]
        names, count = np.unique(study, return_counts=True)
        several = np.isin(study, names[count > 1])
        return cls(rows[several], study[several], pseudotime[rows[several]])

    @property
    def number(self) -> int:
        """Return the number of clusters."""
        return len(self.rows)

    @property
    def attainable(self) -> float:
        """Return the smallest attainable two-sided p-value over orders of the clusters within studies."""
        counts = np.unique(self.study, return_counts=True)[1]
        return float(2 * np.exp(-sum(lgamma(count + 1) for count in counts)))

    @property
    def testable(self) -> bool:
        """Return whether a p-value of 0.05 is attainable and pseudotime varies within studies."""
        return self.attainable <= LEVEL and bool(np.any(self.weight() != 0))

    def weight(self) -> np.ndarray:
        """Return the centred ranks of pseudotime within studies, (n_rows,)."""
        return centred_within(self.time[:, None], self.study)[:, 0]

    def tested(self, rho: np.ndarray) -> dict[str, np.ndarray]:
        """Return `pvalue` and `fdr` of correlations within studies, NaN where undefined."""
        pvalue = np.full(len(rho), np.nan)
        if self.testable:
            freedom = self.number - len(np.unique(self.study)) - 1
            pvalue = correlation_pvalues(rho, freedom, self.attainable)
        return {"pvalue": pvalue, "fdr": benjamini_hochberg(pvalue)}


def _correlated(ranks: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the correlation of each centred column with centred weights; NaN for constant columns."""
    scale = np.sqrt((ranks**2).sum(axis=0) * (weight @ weight))
    rho = np.full(ranks.shape[1], np.nan)
    return np.divide(weight @ ranks, scale, out=rho, where=scale > 1e-12).clip(-1, 1)


def _strongest_first(table: pd.DataFrame) -> pd.DataFrame:
    order = np.argsort(-table["rho"].abs().fillna(-1).to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)
