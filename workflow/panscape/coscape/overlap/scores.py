"""Overlap of graphs with known networks, tested against degree-preserving nulls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from panscape.data.edge_lists import Graph, Network, graph_of, shared_genes
from panscape.graph.rewire import adjacency_bits, count_shared, rewire
from panscape.log import Progress, logger
from panscape.seeds import derive
from panscape.stats.permutation import permutation_pvalue

COLUMNS = [
    "network",
    "target",
    "matched",
    "genes",
    "edges",
    "network_edges",
    "observed",
    "null_mean",
    "null_sd",
    "z",
    "pvalue",
    "fold",
    "density_ratio",
    "rewirings",
    "rewired",
]
REWIRED = ("coexpression", "known")

SUPPORT = ["gene_a", "gene_b", "weight", "n_networks", "networks", "n_baselines", "only_here"]


def overlap_score(
    target: Graph,
    known: Graph,
    *,
    rewirings: int = 100,
    tries_per_edge: int = 10,
    rewired: str = "coexpression",
    seed: int = 0,
    threads: int = 1,
) -> dict[str, float]:
    """Test the number of common edges of two graphs against degree-preserving rewiring of one.

    Parameters
    ----------
    target, known
        Graphs on the same genes, both restricted to the genes of the network by the caller.
    rewirings
        Null graphs, >= 2.
    tries_per_edge
        Number of attempted swaps per edge.
    rewired
        Graph to rewire: ``"coexpression"`` (the target), which preserves the degrees of the target, or
        ``"known"`` (published), which preserves those of the known network.
    seed
        Seed of the step.
    threads
        Number of threads; the result does not depend on it.

    Returns
    -------
    observed; null_mean, null_sd (ddof 1); z (NaN if the null does not vary); pvalue: (1 + nulls with at
    least the observed overlap) / (1 + rewirings); fold: observed / null_mean.

    Examples
    --------
    >>> from panscape.data.edge_lists import graph_of
    >>> genes = [f"g{i}" for i in range(12)]
    >>> clique = graph_of([(a, b) for a in genes[:5] for b in genes[:5] if a < b], genes)
    >>> score = overlap_score(clique, clique, rewirings=20)
    >>> score["observed"]
    10
    """
    n_genes = len(target.genes)
    if rewired not in REWIRED:
        raise ValueError(f"rewired {rewired!r}: one of {', '.join(REWIRED)}")
    moved, fixed = (target, known) if rewired == "coexpression" else (known, target)
    bits, n_words = adjacency_bits(fixed.edges, n_genes)
    null = rewired_null(
        moved,
        lambda edges: count_shared(edges, bits, n_words),
        rewirings=rewirings,
        tries_per_edge=tries_per_edge,
        seed=seed,
        threads=threads,
    )
    return standing(count_shared(moved.edges, bits, n_words), null)


def rewired_null(
    graph: Graph,
    measure: Callable[[np.ndarray], Any],
    *,
    rewirings: int,
    tries_per_edge: int,
    seed: int,
    threads: int = 1,
) -> np.ndarray:
    """Measure random graphs with the degrees of a graph.

    Every rewiring starts from the graph with a separate random stream, so they are independent.

    Parameters
    ----------
    graph
        The graph.
    measure
        Function of the edges, int32 (E, 2), of a random graph; it returns a number or an array.
    rewirings
        Number of random graphs.
    tries_per_edge
        Number of attempted swaps per edge.
    seed
        Seed of the rewirings.
    threads
        Number of threads; the result does not depend on it.

    Returns
    -------
    float64 (rewirings, ...), the results.
    """
    n_genes, tries = len(graph.genes), tries_per_edge * graph.n_edges

    def one(index: int) -> Any:
        return measure(rewire(graph.edges, n_genes, tries=tries, seed=derive(seed, "rewire", index)))

    with ThreadPoolExecutor(max(1, threads)) as pool:
        return np.array(list(pool.map(one, range(rewirings))), dtype=float)


def standing(observed: int, null: np.ndarray) -> dict[str, float]:
    """Return an observed overlap beside those of null graphs, see :func:`overlap_score`.

    Parameters
    ----------
    observed
        Number of common edges.
    null
        The same of every null graph.
    """
    mean, spread = float(null.mean()), float(null.std(ddof=1))
    return {
        "observed": observed,
        "null_mean": mean,
        "null_sd": spread,
        "z": (observed - mean) / spread if spread > 0 else np.nan,
        "pvalue": permutation_pvalue(observed, null),
        "fold": observed / mean if mean > 0 else np.nan,
    }


def overlap_table(
    targets: Mapping[str, Graph],
    networks: Sequence[Network],
    genes: Sequence[str],
    *,
    rewirings: int = 100,
    tries_per_edge: int = 10,
    rewired: str = "coexpression",
    seed: int = 0,
    threads: int = 1,
) -> pd.DataFrame:
    """Score every target graph against every known network, in full and cut to a common size.

    Both graphs are restricted to the genes of the network. For the matched rows every target is cut to its
    heaviest edges (within those genes), as many as the smallest non-empty target has, because z increases
    with the number of edges.

    Parameters
    ----------
    targets
        Name -> graph on `genes`, with weights.
    networks
        Known networks.
    genes
        The genes analysed.
    rewirings, tries_per_edge, rewired
        Null model, see :func:`overlap_score`.
    seed
        Seed of the step.
    threads
        Number of threads; the result does not depend on it.

    Returns
    -------
    network, target, matched (bool), genes (shared), edges (of the target), network_edges, observed,
    null_mean, null_sd, z, pvalue, fold, density_ratio (observed over expected for random edges among the
    shared genes; a uniform null overstates the overlap), rewirings, rewired.

    Raises
    ------
    UserError
        If a network has none of the genes.
    """
    rows = []
    inside = {network.name: shared_genes(network, genes) for network in networks}
    progress = Progress("overlaps", 2 * len(networks) * len(targets))
    for network in networks:
        shared = inside[network.name]
        count = int(shared.sum())
        known = graph_of(network.pairs, genes)
        cut = {name: graph.within(shared) for name, graph in targets.items()}
        sizes = [graph.n_edges for graph in cut.values() if graph.n_edges]
        logger.info("%s: %d of %d genes, %d edges", network.name, count, len(genes), known.n_edges)
        for matched in (False, True):
            for name, graph in cut.items():
                part = graph.heaviest(min(sizes)) if matched and sizes else graph
                score = overlap_score(
                    part,
                    known,
                    rewirings=rewirings,
                    tries_per_edge=tries_per_edge,
                    rewired=rewired,
                    seed=derive(seed, network.name, name),
                    threads=threads,
                )
                chance = part.n_edges * known.n_edges / max(count * (count - 1) / 2, 1)
                rows.append(
                    {
                        "network": network.name,
                        "target": name,
                        "matched": matched,
                        "genes": count,
                        "edges": part.n_edges,
                        "network_edges": known.n_edges,
                        **score,
                        "density_ratio": score["observed"] / chance if chance else np.nan,
                        "rewirings": rewirings,
                        "rewired": rewired,
                    }
                )
                progress.add()
    return pd.DataFrame(rows, columns=COLUMNS)


def supported_edges(
    targets: Mapping[str, Graph], networks: Sequence[Network], genes: Sequence[str], *, main: str
) -> pd.DataFrame:
    """List the edges of the main target that are in known networks, and their baselines.

    Parameters
    ----------
    targets
        Name -> graph on `genes`; `main` is one of them, the others are baselines.
    networks
        Known networks.
    genes
        The genes analysed.
    main
        Name of the target whose edges are listed.

    Returns
    -------
    gene_a, gene_b, weight, n_networks, networks (joined by ";"), n_baselines, only_here (no baseline has the
    edge), for edges in at least one network; by decreasing n_networks, then only_here, then weight.
    """
    graph = targets[main]
    if graph.n_edges == 0 or not networks:
        return pd.DataFrame(columns=SUPPORT)
    n_genes = len(genes)
    code = graph.edges[:, 0].astype(np.int64) * n_genes + graph.edges[:, 1]

    def holds(other: Graph) -> np.ndarray:
        return np.isin(code, other.edges[:, 0].astype(np.int64) * n_genes + other.edges[:, 1])

    known = np.array([holds(graph_of(n.pairs, genes)) for n in networks], dtype=bool).reshape(
        len(networks), -1
    )
    also = np.array([holds(g) for name, g in targets.items() if name != main], dtype=bool).reshape(
        -1, len(code)
    )
    names = np.array([network.name for network in networks], dtype=object)
    table = pd.DataFrame(
        {
            "gene_a": graph.genes[graph.edges[:, 0]],
            "gene_b": graph.genes[graph.edges[:, 1]],
            "weight": graph.weight if graph.weight is not None else 1.0,
            "n_networks": known.sum(axis=0),
            "networks": [";".join(names[column]) for column in known.T],
            "n_baselines": also.sum(axis=0),
            "only_here": ~also.any(axis=0),
        }
    )
    table = table[table["n_networks"] > 0]
    keys = ["n_networks", "only_here", "weight", "gene_a", "gene_b"]
    return table.sort_values(keys, ascending=[False, False, False, True, True], ignore_index=True)
