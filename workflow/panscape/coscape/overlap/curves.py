"""Overlap with known networks at equal numbers of edges, and what follows for the paper's claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from panscape.coscape.overlap.scores import overlap_score, standing
from panscape.data.edge_lists import Graph, Network, graph_of, shared_genes
from panscape.graph.rewire import adjacency_bits, count_shared, rewire
from panscape.log import Progress
from panscape.seeds import derive

CURVES = ["network", "target", "edges", "observed", "null_mean", "null_sd", "z", "pvalue", "fold"]
VERDICTS = ["network", "verdict", "edges", "z", "best_baseline", "z_baseline", "baselines"]
FEWEST = 50  # edges of the first point of a curve
STEP = 2.0  # ratio of the numbers of edges of two points
APART = 2.0  # difference of two z, each with standard deviation 1 by chance, that counts (1.4 by chance)


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
            scores = _against_rewired(known, [part for _, part in parts], network.name, seed, **options)
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
    known: Graph,
    parts: Sequence[Graph],
    name: str,
    seed: int,
    *,
    rewirings: int,
    tries_per_edge: int,
    threads,
) -> list[dict[str, float]]:
    """Score graphs against rewirings of the known network, which all of them share."""
    n_genes = len(known.genes)

    def shared(edges: np.ndarray) -> list[int]:
        bits, n_words = adjacency_bits(edges, n_genes)
        return [count_shared(part.edges, bits, n_words) for part in parts]

    def one(index: int) -> list[int]:
        tries = tries_per_edge * known.n_edges
        return shared(rewire(known.edges, n_genes, tries=tries, seed=derive(seed, name, "known", index)))

    with ThreadPoolExecutor(max(1, threads)) as pool:
        null = np.array(list(pool.map(one, range(rewirings))), dtype=float).reshape(rewirings, len(parts))
    return [standing(value, null[:, at]) for at, value in enumerate(shared(known.edges))]


def verdicts(curves: pd.DataFrame, main: str) -> pd.DataFrame:
    """Say of every network whether the paper's claim holds: panclusters overlap more than any baseline.

    Every baseline is compared with `main` at the largest number of edges that both have. It is above, below
    or level, as z differs by more than :data:`APART` or not.

    Parameters
    ----------
    curves
        Of :func:`overlap_curves`.
    main
        Name of the panclusters' target.

    Returns
    -------
    network, verdict (``holds``: above all baselines; ``fails``: below one; else ``open``; ``none``: no
    baseline to compare with), and of the comparison with the smallest difference edges, z, best_baseline and
    z_baseline; baselines: of each, name, difference of z and number of edges, joined by ";".

    Examples
    --------
    >>> curves = pd.DataFrame(
    ...     {"network": "known", "target": ["panclusters", "all-cells"], "edges": 100, "z": [9.0, 5.0]}
    ... )
    >>> verdicts(curves, "panclusters")["verdict"].tolist()
    ['holds']
    """
    rows = []
    for network, part in curves.dropna(subset=["z"]).groupby("network", sort=False):
        mine = part[part["target"] == main].set_index("edges")["z"]
        compared = []
        for name, other in part[part["target"] != main].groupby("target", sort=False):
            both = other.set_index("edges")["z"]
            common = both.index.intersection(mine.index)
            if len(common):
                most = common.max()
                compared.append((mine[most] - both[most], str(name), int(most), mine[most], both[most]))
        if not compared:
            rows.append((network, "none", 0, np.nan, "", np.nan, ""))
            continue
        least = min(compared)
        verdict = "holds" if least[0] > APART else "fails" if least[0] < -APART else "open"
        each = ";".join(f"{name} {gap:+.1f} at {count}" for gap, name, count, _, _ in compared)
        rows.append((network, verdict, least[2], least[3], least[1], least[4], each))
    return pd.DataFrame(rows, columns=VERDICTS)
