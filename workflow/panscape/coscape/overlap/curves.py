"""Overlap with known networks by number of edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from panscape.coscape.overlap.scores import overlap_score, rewired_null, standing
from panscape.data.edge_lists import Graph, Network, graph_of, shared_genes
from panscape.graph.rewire import adjacency_bits, count_shared
from panscape.log import Progress
from panscape.seeds import derive

CURVES = ["network", "target", "edges", "observed", "null_mean", "null_sd", "z", "pvalue", "fold"]
FEWEST = 50  # edges of the first point of a curve
STEP = 2.0  # ratio of the numbers of edges of two points


def edge_counts(sizes: Sequence[int]) -> list[int]:
    """Return the numbers of edges at which graphs are compared: powers of two, and the smallest graph's.

    Parameters
    ----------
    sizes
        Numbers of edges of the graphs.

    Examples
    --------
    >>> edge_counts([500, 180])
    [50, 100, 180, 200, 400, 500]
    """
    largest = max(sizes, default=0)
    count = 1 + int(np.log(max(largest / FEWEST, 1)) / np.log(STEP))
    points = {round(FEWEST * STEP**at) for at in range(count)} | set(sizes)
    return sorted(point for point in points if 0 < point <= largest)


def overlap_curves(
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
    """Score the heaviest edges of every target graph against every known network, by number of edges.

    Because z grows with the number of edges, targets are compared where they have as many. With
    ``rewired="known"`` the rewired networks are the same for all targets and numbers of edges.

    Parameters
    ----------
    targets
        Name -> graph on `genes`, with weights.
    networks
        Known networks.
    genes
        The genes analysed.
    rewirings, tries_per_edge, rewired
        Null model, see :func:`panscape.coscape.overlap.scores.overlap_score`.
    seed
        Seed of the step.
    threads
        Number of threads; the result does not depend on it.

    Returns
    -------
    network, target, edges, and observed, null_mean, null_sd, z, pvalue, fold as in
    :func:`panscape.coscape.overlap.scores.overlap_table`; one row per number of edges of
    :func:`edge_counts` that the target has.

    Raises
    ------
    UserError
        If a network has none of the genes.
    """
    rows: list[dict] = []
    progress = Progress("curves", len(networks))
    for network in networks:
        shared, known = shared_genes(network, genes), graph_of(network.pairs, genes)
        cut = {name: graph.within(shared) for name, graph in targets.items()}
        counts = edge_counts([graph.n_edges for graph in cut.values()])
        parts = [
            (name, graph.heaviest(count))
            for name, graph in cut.items()
            for count in counts
            if count <= graph.n_edges
        ]
        options: dict[str, Any] = {
            "rewirings": rewirings,
            "tries_per_edge": tries_per_edge,
            "threads": threads,
        }
        if rewired == "known":
            own = derive(seed, network.name, "known")
            scores = _against_rewired(known, [part for _, part in parts], own, **options)
        else:
            scores = [
                overlap_score(part, known, seed=derive(seed, network.name, name, part.n_edges), **options)
                for name, part in parts
            ]
        head = [{"network": network.name, "target": name, "edges": part.n_edges} for name, part in parts]
        rows += [one | score for one, score in zip(head, scores, strict=True)]
        progress.add()
    return pd.DataFrame(rows, columns=CURVES)


def _against_rewired(
    known: Graph, parts: Sequence[Graph], seed: int, **options: Any
) -> list[dict[str, float]]:
    """Score graphs against rewirings of the known network, which all of them share."""

    def shared(edges: np.ndarray) -> list[int]:
        bits, n_words = adjacency_bits(edges, len(known.genes))
        return [count_shared(part.edges, bits, n_words) for part in parts]

    null = rewired_null(known, shared, seed=seed, **options).reshape(-1, len(parts))
    return [standing(value, null[:, at]) for at, value in enumerate(shared(known.edges))]
