"""Gene network of each entry: centralities, marker edges and links for figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse


def gene_network(edges: sparse.csr_matrix, row: int, gene_a: np.ndarray, gene_b: np.ndarray):
    """Return an entry's network as an igraph graph with vertex ``name`` and edge ``weight``.

    Only genes with an edge are vertices.

    Parameters
    ----------
    edges
        CSR (K, P).
    row
        Position of the entry.
    gene_a, gene_b
        (P,) genes of the pairs.
    """
    import igraph

    part = edges[[row]]
    first, second = gene_a[part.indices], gene_b[part.indices]
    names, codes = np.unique(np.concatenate([first, second]).astype(str), return_inverse=True)
    graph = igraph.Graph(n=len(names), edges=codes.reshape(2, -1).T, directed=False)
    graph.vs["name"] = names.tolist()
    graph.es["weight"] = part.data.tolist()
    return graph


def centralities(graph) -> pd.DataFrame:
    """Return the centralities of every gene of a network, most central first.

    Returns
    -------
    gene; betweenness: fraction of shortest paths of other gene pairs that pass through the gene, unweighted,
    in [0, 1] (as ``networkx.betweenness_centrality``; Coscape paper); degree; strength: sum of edge
    weights; harmonic: mean of inverse distances, in [0, 1]; eigenvector: weighted, largest is 1.
    """
    import warnings

    count = graph.vcount()
    with warnings.catch_warnings():  # disconnected networks are common here
        warnings.filterwarnings("ignore", message=".*[Ee]igenvector")
        eigen = graph.eigenvector_centrality(weights="weight") if count > 1 else 0.0
    pairs = (count - 1) * (count - 2) / 2
    between = np.asarray(graph.betweenness(directed=False)) / max(pairs, 1)
    table = pd.DataFrame(
        {
            "gene": graph.vs["name"],
            "betweenness": between,
            "degree": graph.degree(),
            "strength": graph.strength(weights="weight"),
            "harmonic": graph.harmonic_centrality() if count > 1 else 0.0,
            "eigenvector": eigen,
        }
    )
    return table.sort_values(
        ["betweenness", "degree", "strength", "gene"],
        ascending=[False, False, False, True],
        ignore_index=True,
    )


def all_centralities(
    edges: sparse.csr_matrix, names: Sequence[str], gene_a: np.ndarray, gene_b: np.ndarray
) -> pd.DataFrame:
    """Return :func:`centralities` of every entry, with the column ``entry`` in front.

    Parameters
    ----------
    edges
        CSR (K, P).
    names
        K entry names.
    gene_a, gene_b
        (P,) genes of the pairs.
    """
    tables = []
    for row, name in enumerate(names):
        if edges[[row]].nnz:
            table = centralities(gene_network(edges, row, gene_a, gene_b))
            table.insert(0, "entry", name)
            tables.append(table)
    if tables:
        return pd.concat(tables, ignore_index=True)
    columns = ["entry", "gene", "betweenness", "degree", "strength", "harmonic", "eigenvector"]
    return pd.DataFrame({column: [] for column in columns})


def marker_edges(
    edges: sparse.csr_matrix, names: Sequence[str], gene_a: np.ndarray, gene_b: np.ndarray
) -> pd.DataFrame:
    """Return the edges that are specific to one entry, by decreasing weight within each entry.

    Parameters
    ----------
    edges
        CSR (K, P), positive where an entry has an edge.
    names
        K entry names.
    gene_a, gene_b
        (P,) genes of the pairs.

    Returns
    -------
    entry, gene_a, gene_b, weight.
    """
    present = edges.tocoo()
    owners = np.bincount(present.col, minlength=edges.shape[1])
    single = owners[present.col] == 1
    row, pair, weight = present.row[single], present.col[single], present.data[single]
    order = np.lexsort((pair, -weight, row))
    row, pair, weight = row[order], pair[order], weight[order]
    return pd.DataFrame(
        {
            "entry": np.asarray(names, dtype=object)[row],
            "gene_a": gene_a[pair],
            "gene_b": gene_b[pair],
            "weight": weight,
        }
    )


def marker_genes(markers: pd.DataFrame) -> pd.DataFrame:
    """Return the genes of each entry's marker edges with the number of those edges: entry, gene, edges."""
    ends = pd.concat(
        [markers[["entry", end]].set_axis(["entry", "gene"], axis=1) for end in ("gene_a", "gene_b")]
    )
    table = ends.value_counts(["entry", "gene"]).rename("marker_edges").reset_index()
    return table.sort_values(
        ["entry", "marker_edges", "gene"], ascending=[True, False, True], ignore_index=True
    )


def top_network(graph, table: pd.DataFrame, *, genes: int = 10) -> pd.DataFrame:
    """Return the links among the most central genes, for drawing.

    Two genes are linked by an edge (hops 1) or a common neighbor (hops 2), as in the Coscape paper.

    Parameters
    ----------
    graph
        From :func:`gene_network`.
    table
        Its :func:`centralities`.
    genes
        Number of genes.

    Returns
    -------
    gene_a, gene_b, hops (1 or 2), weight (0 where hops is 2).
    """
    top = table["gene"].head(genes).tolist()
    position = {name: i for i, name in enumerate(graph.vs["name"])}
    index = [position[name] for name in top]
    distance = np.asarray(graph.distances(index, index))
    rows = []
    for i in range(len(top)):
        for j in range(i + 1, len(top)):
            if distance[i, j] in (1, 2):
                direct = distance[i, j] == 1
                weight = graph.es[graph.get_eid(index[i], index[j])]["weight"] if direct else 0.0
                rows.append((top[i], top[j], int(distance[i, j]), weight))
    return pd.DataFrame(rows, columns=["gene_a", "gene_b", "hops", "weight"])
