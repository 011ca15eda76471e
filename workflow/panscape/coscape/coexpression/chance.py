"""Number of gene pairs that pass the threshold by chance, from permuted cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.corrected import permuted_edges
from panscape.coscape.coexpression.correlation import shrink_correlations
from panscape.coscape.coexpression.settings import CORRECTED, CoexpressionSettings
from panscape.coscape.coexpression.shuffle import place_rows, shuffle_rows
from panscape.coscape.coexpression.values import CHUNK_CELLS, Values
from panscape.log import Progress, logger
from panscape.stats.count_weights import Weights
from panscape.stats.sparse_ranks import tied_ranks

WORK = 2e10  # multiplications spent on one cluster's null
SAMPLED_WORK = 2e9  # multiplications for one cluster if only a few are sampled
SAMPLED = 12  # sampled clusters per study
MIN_GENES = 50  # with fewer genes the fraction of pairs is too noisy
DEPTH_STRATA = 4
COLUMNS = ["cluster", "n_cells", "edges", "chance", "share"]


def shrinker(settings: CoexpressionSettings) -> Callable[[np.ndarray, int], np.ndarray] | None:
    """Return the shrinkage function (r, n_cells) -> r of the settings, or None."""
    if settings.shrinkage == "none":
        return None
    return lambda r, n: shrink_correlations(r, n, settings.shrinkage, settings.shrinkage_strength)


def sampled_chance(
    values: Values,
    clusters: pd.DataFrame,
    members: sparse.csr_matrix,
    settings: CoexpressionSettings,
    rng: np.random.Generator,
    *,
    weights: Weights | None = None,
    sampled: int = SAMPLED,
) -> pd.Series:
    """Count pairs that pass by chance in a sample of clusters of all sizes.

    Parameters
    ----------
    values
        Values of the analysed genes.
    clusters, members
        The panclusters: one row each with `cluster`; CSR (n_clusters, n_cells).
    settings
        Settings of the correlations.
    rng
        Random number generator of the permutations.
    weights
        Weights of the counts, for the corrected estimator.
    sampled
        Maximum number of clusters, evenly spaced in the order of their sizes.

    Returns
    -------
    Pairs that pass after the cells were permuted, indexed by the rows of the clusters, the smallest cluster
    first. With `settings.max_pairs`, which decides how many pairs pass, they are NaN.
    """
    order = np.lexsort((clusters["cluster"].to_numpy(), np.diff(members.indptr)))
    rows = order[np.unique(np.linspace(0, len(order) - 1, min(sampled, len(order))).round().astype(int))]
    chance = np.zeros(len(rows))
    if settings.max_pairs:  # the number of pairs is fixed
        return pd.Series(np.nan, index=rows)
    for place, row in enumerate(rows):
        cells = members.indices[members.indptr[row] : members.indptr[row + 1]]
        if settings.estimator == CORRECTED and weights is not None:
            chance[place] = corrected_chance(values, weights, cells, settings, rng, work=SAMPLED_WORK)
            continue
        n_genes = values.counts.shape[1]
        used = _sampled_genes(n_genes, len(cells), SAMPLED_WORK, rng)
        # only these genes of a large cluster are in memory
        blocks = (cells[at : at + CHUNK_CELLS] for at in range(0, len(cells), CHUNK_CELLS))
        part = sparse.vstack([values.normalised(block, used) for block in blocks], format="csr")
        chance[place] = (
            _scale(n_genes, len(used))
            * chance_edges(
                part,
                sparse.csr_matrix(np.ones((1, len(cells)))),
                eta=settings.eta,
                depth=values.totals[cells],
                rng=rng,
                method=settings.estimator,
                shrink=shrinker(settings),
                work=np.inf,
                compiled=values.large,
            )[0]
        )
    return pd.Series(chance, index=rows)


def chance_table(clusters: pd.DataFrame, chance: pd.Series, edges: np.ndarray) -> pd.DataFrame:
    """Compare sampled clusters with chance, and log the typical share.

    Parameters
    ----------
    clusters
        The panclusters: columns `cluster`, `n_cells`.
    chance
        From :func:`sampled_chance`.
    edges
        (n_clusters,) pairs of two genes that pass in each cluster.

    Returns
    -------
    Columns :data:`COLUMNS`: cluster, n_cells, edges, chance, share (chance / edges, at most 1; NaN without
    edges), in the order of `chance`.
    """
    rows = chance.index.to_numpy()
    table = add_chance_columns(clusters.iloc[rows], edges[rows], chance.to_numpy())
    if chance.notna().any():
        logger.info(
            "by chance (permuted cells): %.0f %% of the pairs of a typical cluster, %d clusters tried",
            100 * table["share"].median(),
            len(table),
        )
    return table


def edges_per_cluster(matrix: sparse.csr_matrix, pairs: pd.DataFrame) -> np.ndarray:
    """Return how many pairs of two genes pass in each cluster, int (n_clusters,).

    Parameters
    ----------
    matrix
        CSR (n_clusters, n_pairs), 0 where a pair does not pass.
    pairs
        Table with gene_a and gene_b of its columns, including diagonal pairs.
    """
    # subtracts the few diagonal columns; copying the others would double the memory
    diagonal = np.flatnonzero(pairs["gene_a"].to_numpy() == pairs["gene_b"].to_numpy())
    return np.diff(matrix.indptr) - np.diff(sparse.csr_matrix(matrix[:, diagonal]).indptr)


def add_chance_columns(clusters: pd.DataFrame, edges: np.ndarray, chance: np.ndarray) -> pd.DataFrame:
    """Return the table of edges and chance edges, columns :data:`COLUMNS`.

    Parameters
    ----------
    clusters
        Columns `cluster`, `n_cells`.
    edges, chance
        (n_clusters,) numbers of pairs that pass, and expected by chance.
    """
    ratio = np.divide(chance, edges, out=np.full(len(edges), np.nan), where=edges > 0)
    table = clusters[["cluster", "n_cells"]].assign(edges=edges, chance=chance, share=np.minimum(ratio, 1))
    return table[COLUMNS].reset_index(drop=True)


def chance_edges(
    values: sparse.csr_matrix,
    members: sparse.csr_matrix,
    *,
    eta: float,
    depth: np.ndarray,
    rng: np.random.Generator,
    method: str = "pearson",
    depth_strata: int = DEPTH_STRATA,
    shrink=None,
    work: float = WORK,
    compiled: bool = False,
) -> np.ndarray:
    """Count the edges of every cluster that pass the threshold when its cells are permuted.

    Each gene's values are shuffled independently among the cells of the cluster, within strata of similar
    depth: only size, sparsity and depth can make pairs pass. In clusters too large for all pairs within
    the work limit a random subset of the genes is used and the count scaled up.

    Parameters
    ----------
    values
        CSR (n_cells, n_genes), normalised.
    members
        CSR (n_clusters, n_cells).
    eta
        Threshold on absolute correlation.
    depth
        (n_cells,) total counts.
    rng
        Random number generator of the permutations.
    method
        ``"pearson"`` or ``"spearman"``.
    depth_strata
        Strata of equal size by depth; 1 permutes over all cells of the cluster. Fewer are used where a
        stratum would have less than ten cells.
    shrink
        Function (r, n_cells) -> r applied before the threshold, or None.
    work
        Maximum multiplications per cluster, above which genes are sampled.
    compiled
        Use compiled loops, which takes less time for many cells; the permutations are other ones.

    Returns
    -------
    (n_clusters,) expected number of off-diagonal edges by chance.
    """
    members = sparse.csr_matrix(members)
    n_genes = values.shape[1]
    result = np.zeros(members.shape[0])
    progress = Progress("clusters", members.shape[0]) if members.shape[0] > 1 else None
    for row in range(members.shape[0]):
        cells = members.indices[members.indptr[row] : members.indptr[row + 1]]
        used = _sampled_genes(n_genes, len(cells), work, rng)
        part = sparse.csr_matrix(values[cells])
        if len(used) < n_genes:
            part = sparse.csr_matrix(part[:, used])
        if method == "spearman":
            part = tied_ranks(part)
        if compiled:
            dense = place_rows(part, depth[cells], depth_strata, rng)
        else:
            dense = part.T.toarray(order="C").astype(np.float32, copy=False)
            dense = shuffle_rows(dense, depth[cells], depth_strata, rng)
        passing = _passing(dense, eta, shrink)
        result[row] = passing * _scale(n_genes, len(used))
        if progress:
            progress.add()
    return result


def corrected_chance(
    values: Values,
    weights: Weights,
    cells: np.ndarray,
    settings: CoexpressionSettings,
    rng: np.random.Generator,
    *,
    depth_strata: int = DEPTH_STRATA,
    work: float = WORK,
) -> float:
    """Count the edges of a cluster by the corrected estimator when its cells are permuted.

    Parameters
    ----------
    values, weights
        Counts of the study and their weights.
    cells
        Positions of the cluster's cells.
    settings
        Settings of the correlations.
    rng, depth_strata, work
        As in :func:`chance_edges`.

    Returns
    -------
    Expected number of off-diagonal edges by chance.
    """
    n_genes = values.counts.shape[1]
    used = _sampled_genes(n_genes, len(cells), work, rng)
    dense = values.counts[cells][:, used].T.toarray(order="C")
    counts = shuffle_rows(dense, values.totals[cells], depth_strata, rng).T
    here = replace(weights.reordered(used), size=weights.size[cells], group=weights.group[cells])
    edges = permuted_edges(counts, values.totals[cells], here, settings)
    return edges * _scale(n_genes, len(used))


def _sampled_genes(n_genes: int, n_cells: int, work: float, rng: np.random.Generator) -> np.ndarray:
    """Return random genes, ascending, all of whose pairs are within the work limit."""
    number = int(min(n_genes, max(np.sqrt(work / max(n_cells, 1)), MIN_GENES)))
    return np.arange(n_genes) if number == n_genes else np.sort(rng.choice(n_genes, number, replace=False))


def _scale(n_genes: int, n_used: int) -> float:
    """Return the ratio of the numbers of pairs of all genes and of those used."""
    return n_genes * (n_genes - 1) / max(n_used * (n_used - 1), 1)


def _passing(dense: np.ndarray, eta: float, shrink) -> int:
    """Count off-diagonal pairs of rows whose absolute correlation reaches eta; `dense` is overwritten."""
    n_cells = dense.shape[1]
    if n_cells < 3:
        return 0
    dense -= dense.mean(axis=1, dtype=np.float64, keepdims=True).astype(np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", dense, dense, dtype=np.float64))
    varies = length > 1e-6 * np.sqrt(n_cells)
    dense /= np.where(varies, length, np.inf)[:, None].astype(np.float32)
    r = dense @ dense.T
    if shrink is not None:
        r = shrink(r, n_cells)
    strong = np.abs(r) >= eta
    return int(strong.sum() - np.diagonal(strong).sum()) // 2
