"""Whether the paper's claim holds: panclusters recover known networks better than plain alternatives do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from panscape.coscape.overlap.paired import KnownEdges, paired_difference
from panscape.coscape.overlap.targets import CLAIMED
from panscape.data.edge_lists import Graph, Network, graph_of, shared_genes
from panscape.seeds import derive

COMPARED = ["network", "target", "baseline", "edges", "shared", "shared_other", "difference", "se", "pvalue"]
VERDICTS = [
    "network",
    "target",
    "verdict",
    "edges",
    "best_baseline",
    "shared",
    "shared_baseline",
    "difference",
    "se",
    "pvalue",
    "baselines",
]
LEVEL = 0.05


def compare_targets(
    targets: Mapping[str, Graph],
    networks: Sequence[Network],
    genes: Sequence[str],
    *,
    seed: int = 0,
    **options: Any,
) -> pd.DataFrame:
    """Compare the graphs from panclusters with every baseline, at the largest number of edges of both.

    Parameters
    ----------
    targets
        Name -> graph on `genes`, with weights; those of :data:`CLAIMED` are compared with all others.
    networks
        Known networks.
    genes
        The genes analysed.
    seed
        Seed of the step.
    **options
        `rewirings`, `tries_per_edge` and `threads` of
        :func:`panscape.coscape.overlap.scores.rewired_null`.

    Returns
    -------
    network, target, baseline, edges (of each), and the results of
    :func:`panscape.coscape.overlap.paired.paired_difference`. Pairs without an edge are left out.

    Raises
    ------
    UserError
        If a network has none of the genes.
    """
    rows = []
    for network in networks:
        shared = shared_genes(network, genes)
        cut = {name: graph.within(shared) for name, graph in targets.items()}
        own = derive(seed, network.name, "verdict")
        edges = KnownEdges.of(graph_of(network.pairs, genes), list(cut.values()), seed=own, **options)
        claimed = [name for name in CLAIMED if name in cut]
        for name, other in product(claimed, [label for label in cut if label not in CLAIMED]):
            count = min(cut[name].n_edges, cut[other].n_edges)
            if count:
                one, two = cut[name].heaviest(count), cut[other].heaviest(count)
                head = {"network": network.name, "target": name, "baseline": other, "edges": count}
                rows.append(head | paired_difference(one, two, edges, seed=own))
    return pd.DataFrame(rows, columns=COMPARED)


def verdicts(compared: pd.DataFrame) -> pd.DataFrame:
    """Say of every network and graph from panclusters whether the claim holds.

    Parameters
    ----------
    compared
        Of :func:`compare_targets`.

    Returns
    -------
    network, target, verdict (``holds``: above every baseline, each with p < .05; ``fails``: below one, with
    p < .05 over their number; else ``open``); of the comparison with the smallest difference in standard
    errors: edges, best_baseline, shared, shared_baseline (numbers of known edges), difference, se, pvalue;
    baselines: of each, name, difference, its standard error and number of edges, joined by ";".

    Examples
    --------
    >>> row = ["known", "panclusters", "all-cells", 200, 60, 20, 40.0, 10.0, 0.0001]
    >>> verdicts(pd.DataFrame([row], columns=COMPARED))["verdict"].tolist()
    ['holds']
    """
    rows = []
    for (network, target), part in compared.groupby(["network", "target"], sort=False):
        up = part["difference"] > 0
        found = part["pvalue"] < LEVEL
        below = ~up & (part["pvalue"] < LEVEL / len(part))
        verdict = "holds" if (up & found).all() else "fails" if below.any() else "open"
        size = part["se"].where(part["se"] > 0, np.inf)
        least = part.loc[(part["difference"] / size).idxmin()]
        each = [
            f"{row.baseline} {row.difference:+.1f} ± {row.se:.1f} at {row.edges}" for row in part.itertuples()
        ]
        rows.append(
            {
                "network": network,
                "target": target,
                "verdict": verdict,
                "edges": least["edges"],
                "best_baseline": least["baseline"],
                "shared": least["shared"],
                "shared_baseline": least["shared_other"],
                "difference": least["difference"],
                "se": least["se"],
                "pvalue": least["pvalue"],
                "baselines": ";".join(each),
            }
        )
    return pd.DataFrame(rows, columns=VERDICTS)
