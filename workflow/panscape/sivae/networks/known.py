"""Enrichment of known interactions among the edges of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.sivae.networks.read import Collection
from panscape.sivae.networks.similarity import edge_codes

if TYPE_CHECKING:
    from panscape.data.edge_lists import Network


def enrichment_of_edges(
    adjacency: sparse.csr_matrix, genes: Sequence[str] | np.ndarray, network: Network, *, level: float = 0.95
) -> dict[str, float]:
    """Return the odds ratio of known interactions among the edges of a graph.

    Pairs of shared genes are cross-tabulated: edge or not, known or not. The interval is Woolf's, on the log
    odds ratio with one half added to each cell (Haldane and Anscombe). It assumes independent pairs and is
    too narrow if a few hubs dominate the overlap.

    Parameters
    ----------
    adjacency
        (G, G), symmetric; any nonzero entry is an edge.
    genes
        Names of the G genes.
    network
        From :func:`panscape.data.edge_lists.read_network`.
    level
        Confidence level of the interval.

    Returns
    -------
    genes (shared), pairs, edges, known, shared, expected (shared by chance), odds_ratio, low, high, pvalue
    (one-sided, hypergeometric).

    Raises
    ------
    UserError
        If the network has none of the genes.
    """
    from scipy.stats import hypergeom, norm

    from panscape.data.edge_lists import shared_genes

    names = np.asarray(genes, dtype=object)
    inside = shared_genes(network, list(genes))
    count = int(inside.sum())
    edges = edge_codes(sparse.csr_matrix(adjacency)[inside][:, inside])
    place = {gene: at for at, gene in enumerate(names[inside])}
    known = {
        min(place[a], place[b]) * count + max(place[a], place[b])
        for a, b in network.pairs
        if a in place and b in place
    }
    pairs = count * (count - 1) // 2
    both = int(np.isin(edges, np.fromiter(known, dtype=np.int64, count=len(known))).sum())
    cells = (
        np.array([both, len(edges) - both, len(known) - both, pairs - len(edges) - len(known) + both]) + 0.5
    )
    log = np.log(cells[0] * cells[3] / (cells[1] * cells[2]))
    reach = norm.ppf((1 + level) / 2) * np.sqrt((1 / cells).sum())
    return {
        "genes": count,
        "pairs": pairs,
        "edges": len(edges),
        "known": len(known),
        "shared": both,
        "expected": len(edges) * len(known) / max(pairs, 1),
        "odds_ratio": float(np.exp(log)),
        "low": float(np.exp(log - reach)),
        "high": float(np.exp(log + reach)),
        "pvalue": float(hypergeom.sf(both - 1, pairs, len(known), len(edges))) if pairs else float("nan"),
    }


def known_table(collection: Collection, models: Sequence[str], networks: Sequence[Network]) -> pd.DataFrame:
    """Return the odds ratio of known interactions among the edges of each line's bins.

    Columns: line, bin, model, network, then those of :func:`enrichment_of_edges`.

    Parameters
    ----------
    collection
        All lines.
    models
        Names of the models.
    networks
        Known interactions.
    """
    rows = []
    for at, file in enumerate(collection.files):
        for model in models:
            bins = collection.whole(at)
            for name, graph in zip(bins, file.graphs(model, bins), strict=True):
                for network in networks:
                    labels = {"line": file.name, "bin": name, "model": model, "network": network.name}
                    rows.append(labels | enrichment_of_edges(graph, collection.genes, network))
    return pd.DataFrame(rows)
