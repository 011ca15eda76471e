"""Graphs to score: the dictionary's networks, the best pairs of panclusters, and baselines without them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.overlap.baselines import (
    clusters_at_resolution,
    correlation_of_shared,
    pooled_correlation,
    strong_pairs,
)
from panscape.data.edge_lists import Graph, graph_of
from panscape.log import logger

if TYPE_CHECKING:
    from panscape.coscape.landscape.combine import Combined

MAIN = "panclusters"  # the union of the dictionary's networks, as in the paper
MEAN = "mean-correlation"  # the pairs of genes most correlated within panclusters on average
CLAIMED = (MAIN, MEAN)  # graphs from all panclusters; the others are baselines


def union_graph(
    edges: sparse.csr_matrix, gene_a: np.ndarray, gene_b: np.ndarray, genes: Sequence[str]
) -> Graph:
    """Return the union of the entries' networks, each edge with its largest weight.

    Parameters
    ----------
    edges
        CSR (K, P).
    gene_a, gene_b
        (P,) genes of the pairs.
    genes
        The genes analysed.
    """
    heaviest = np.asarray(edges.max(axis=0).todense()).ravel() if edges.shape[0] else np.zeros(len(gene_a))
    used = np.flatnonzero(heaviest > 0)
    return graph_of(zip(gene_a[used], gene_b[used], strict=True), genes, heaviest[used].tolist())


def mean_graph(combined: Combined, count: int) -> Graph:
    """Return the pairs of genes with the largest mean correlation over panclusters.

    Correlations below the threshold of the coexpression count as 0; every pancluster whose study measures
    both genes counts once. On islets of mice, this overlaps known networks more than the mean of the absolute
    correlation, means weighted by cells and the noise-corrected signal do.

    Parameters
    ----------
    combined
        Panclusters of all studies.
    count
        Number of pairs; fewer if fewer have a positive mean.
    """
    first, second = combined.pairs.T
    total = np.asarray(combined.matrix.sum(axis=0), dtype=float).ravel()
    number: np.ndarray | int = max(combined.matrix.shape[0], 1)
    if (measured := combined.measured) is not None:
        both = measured.astype(np.float32)
        number = np.maximum((both.T @ both)[first, second], 1)
    mean = np.where(first == second, 0, total / number)
    chosen = np.flatnonzero(mean > 0)
    chosen = np.sort(chosen[np.argsort(-mean[chosen], kind="stable")[:count]])
    edges = np.stack([first[chosen], second[chosen]], axis=1).astype(np.int32)
    return Graph(np.asarray(combined.genes, dtype=object), edges, mean[chosen])


def baseline_graphs(
    stack, k: int, settings, *, resolutions: Sequence[float], seed: int = 0, threads: int = 1
) -> dict[str, Graph]:
    """Learn a dictionary of the same size from the panclusters of each single resolution.

    Rarely used entries are kept, because a single resolution has fewer panclusters.

    Parameters
    ----------
    stack
        :class:`panscape.coscape.dictionary.stack.Stack` of all panclusters.
    k
        Number of entries; fewer where a resolution has fewer panclusters.
    settings
        :class:`panscape.coscape.dictionary.settings.DictionarySettings`.
    resolutions
        Resolutions of the community detection; those without panclusters are skipped with a warning.
    seed
        Seed of the step.
    threads
        Number of threads; the result does not depend on it.
    """
    from dataclasses import replace

    from panscape.coscape.dictionary.fit_stack import learn_stack

    graphs = {}
    for resolution in resolutions:
        part = stack.rows(clusters_at_resolution(stack.origin, resolution))
        usable = int((np.diff(part.data.indptr) > 0).sum())
        if usable == 0:
            logger.warning("overlap.resolutions: no pancluster with edges at %g", resolution)
            continue
        single = replace(settings, min_panclusters=1)
        _, result = learn_stack(part, min(k, usable), single, seed, threads)
        name = f"resolution-{resolution:g}"
        graphs[name] = union_graph(result.edges, stack.gene_a, stack.gene_b, stack.genes)
        logger.info("%s: %d panclusters, %d edges", name, len(part.obs), graphs[name].n_edges)
    return graphs


def all_cells_graph(
    studies: Iterable[sparse.csr_matrix],
    genes: Sequence[str],
    eta: float,
    block: int = 4096,
    measured: Sequence[np.ndarray] | None = None,
    fewest: int = 0,
) -> Graph:
    """Correlate all genes over all cells of all studies together and keep the strong pairs.

    Parameters
    ----------
    studies
        Iterable of CSR (cells, genes) with normalised values, one per study.
    genes
        Genes of the columns; with `measured` the genes of all studies.
    eta
        Threshold on absolute correlation.
    block
        Number of cells converted to dense at a time.
    measured
        bool (n_genes,) of each study: mask of the genes in its columns; two genes are correlated over the
        cells of the studies that measure both.
    fewest
        Number of pairs that are kept even if they are weaker.
    """
    cut = ((study[s : s + block] for s in range(0, study.shape[0], block)) for study in studies)
    if measured is None:
        correlation = pooled_correlation(chain.from_iterable(cut), len(genes))
    else:
        places = (np.flatnonzero(flags) for flags in measured)
        correlation = correlation_of_shared(zip(places, cut, strict=True), len(genes))
    pairs, weight = strong_pairs(correlation, eta, fewest)
    logger.info("all cells: %d pairs with |r| >= %g", (weight >= eta).sum(), eta)
    return Graph(np.asarray(genes, dtype=object), pairs, weight)


def graph_table(graphs: Mapping[str, Graph], thresholds: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Return graphs as one table: target, gene_a, gene_b, weight, curve_only.

    A graph without edges has one row with its name only.

    Parameters
    ----------
    graphs
        Name -> graph with weights.
    thresholds
        Name -> smallest weight of the edges of the graph itself; weaker ones (`curve_only`) only continue
        the curve over numbers of edges.
    """
    tables = []
    for name, graph in graphs.items():
        ends = graph.genes[graph.edges]
        table = pd.DataFrame({"gene_a": ends[:, 0], "gene_b": ends[:, 1], "weight": graph.weight})
        table = (
            table if len(table) else pd.DataFrame({"gene_a": [None], "gene_b": [None], "weight": [np.nan]})
        )
        table.insert(0, "target", name)
        table["curve_only"] = table["weight"] < (thresholds or {}).get(name, -np.inf)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def table_graphs(table: pd.DataFrame, genes: Sequence[str], *, curve_only: bool = False) -> dict[str, Graph]:
    """Return the graphs of a table of :func:`graph_table`, including targets without edges.

    Parameters
    ----------
    table
        Of :func:`graph_table`.
    genes
        The genes analysed.
    curve_only
        Whether to include edges that only continue a curve.
    """
    graphs = {}
    for name in dict.fromkeys(table["target"]):
        part = table[(table["target"] == name) & table["gene_a"].notna()]
        if not curve_only:
            part = part[part["curve_only"].astype(str) != "True"]
        graphs[name] = graph_of(
            zip(part["gene_a"], part["gene_b"], strict=True), genes, part["weight"].to_numpy(dtype=float)
        )
    return graphs
