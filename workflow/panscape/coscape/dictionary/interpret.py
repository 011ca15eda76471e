"""Tables of entries: networks, centralities, markers, usage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.dictionary.confidence import edge_reliability, entry_reliability
from panscape.coscape.dictionary.entries import usage_by, weighted_mean
from panscape.coscape.dictionary.networks import all_centralities, gene_network, top_network
from panscape.coscape.dictionary.write import SavedDictionary


@dataclass(frozen=True)
class EntryTables:
    """Tables of a dictionary's entries.

    Attributes
    ----------
    entries
        entry, n_panclusters, share, pseudotime, stability, n_genes, n_edges, n_marker_edges, reliability,
        chance_share (fraction of edges by chance in the panclusters that use it), kept; entries set aside at
        the end.
    edges
        entry, gene_a, gene_b, weight, marker, reliability; heaviest first.
    markers
        Marker edges: entry, gene_a, gene_b, weight, reliability.
    centrality
        Centralities with the reliability of the gene's edges, weighted by weight.
    links
        Networks to draw: entry, gene_a, gene_b, hops, weight.
    usage
        entry, column, value, usage, expected, n_panclusters.
    fit
        Fit of the dictionary: measure, value (see :func:`fit_table`).
    """

    entries: pd.DataFrame
    edges: pd.DataFrame
    markers: pd.DataFrame
    centrality: pd.DataFrame
    links: pd.DataFrame
    usage: pd.DataFrame
    fit: pd.DataFrame


def fit_table(saved: SavedDictionary) -> pd.DataFrame:
    """Return the explained fraction and the size of the data: `measure`, `value`.

    ``explained``: fraction of the square of the coexpression, 0 to 1; numbers of ``panclusters`` and
    ``pairs``; ``pairs_possible`` among the genes analysed; ``genes`` with an edge in a kept entry.
    """
    inside = np.unique(saved.edges.indices)
    n = len(saved.genes)
    rows = {
        "explained": 1 - saved.error,
        "panclusters": len(saved.panclusters),
        "pairs": saved.entries.shape[1],
        "pairs_possible": n * (n - 1) // 2,
        "genes": len(np.union1d(saved.gene_a[inside], saved.gene_b[inside])),
        "genes_possible": n,
    }
    return pd.DataFrame({"measure": list(rows), "value": list(map(float, rows.values()))})


def entry_tables(
    saved: SavedDictionary,
    obs: pd.DataFrame,
    columns: Sequence[str],
    *,
    agreement: Sequence[np.ndarray] = (),
    size: Sequence[np.ndarray] = (),
    chance: pd.DataFrame | None = None,
    top_genes: int = 10,
) -> EntryTables:
    """Return the tables of a dictionary.

    Parameters
    ----------
    saved
        The dictionary.
    obs
        The landscape's panclusters, indexed by name.
    columns
        Columns of `obs` to summarise usage by; missing columns are ignored.
    agreement, size
        (K, E) sums of the studies, see :func:`split_half`; None gives no reliabilities.
    chance
        cluster, share (fraction of chance edges) of all studies, see :class:`StudyConfidence`.
    top_genes
        Genes drawn per entry.
    """
    edge_values, entry_values = _reliability(saved, agreement, size)
    edges = _edge_table(saved, edge_values)
    centrality = all_centralities(saved.edges, saved.names, saved.gene_a, saved.gene_b)
    centrality = centrality.merge(_gene_reliability(edges), on=["entry", "gene"], how="left")
    markers = edges.loc[edges["marker"], ["entry", "gene_a", "gene_b", "weight", "reliability"]]
    table = saved.table.copy()
    table["n_genes"] = [int((centrality["entry"] == name).sum()) for name in saved.names]
    table["n_edges"] = np.diff(saved.edges.indptr)
    table["n_marker_edges"] = [int((markers["entry"] == name).sum()) for name in saved.names]
    table["reliability"] = entry_values
    table["chance_share"] = np.nan
    if chance is not None:
        share = chance.set_index("cluster")["share"].reindex(saved.panclusters).to_numpy(dtype=float)
        table["chance_share"] = weighted_mean(saved.usage, share)
    aside = saved.aside.rename_axis("entry").reset_index()
    entries = pd.concat([table.assign(kept=True), aside.assign(kept=False)], ignore_index=True)
    known = [name for name in columns if name in obs]
    usage = usage_by(saved.usage, saved.names, obs.loc[list(saved.panclusters)], known)
    links = _links(saved, centrality, top_genes)
    return EntryTables(entries, edges, markers, centrality, links, usage, fit_table(saved))


def _reliability(saved: SavedDictionary, agreement, size) -> tuple[sparse.csr_matrix | None, np.ndarray]:
    """Return reliabilities at the edges (CSR like ``saved.edges``) and of entries."""
    if not len(agreement):
        return None, np.full(len(saved.names), np.nan)
    agreement, size = sum(agreement), sum(size)
    columns = saved.edge_columns()
    dense = edge_reliability(agreement, size)
    entries = entry_reliability(saved.edges[:, columns].toarray(), agreement, size)
    at = saved.edges.copy()
    row = np.repeat(np.arange(at.shape[0]), np.diff(at.indptr))
    at.data = dense[row, np.searchsorted(columns, at.indices)]
    return at, entries


def _edge_table(saved: SavedDictionary, reliability: sparse.csr_matrix | None) -> pd.DataFrame:
    edges = saved.edges
    row = np.repeat(np.arange(edges.shape[0]), np.diff(edges.indptr))
    owners = np.bincount(edges.indices, minlength=edges.shape[1])
    table = pd.DataFrame(
        {
            "entry": np.asarray(saved.names, dtype=object)[row],
            "gene_a": saved.gene_a[edges.indices],
            "gene_b": saved.gene_b[edges.indices],
            "weight": edges.data,
            "marker": owners[edges.indices] == 1,
            "reliability": np.nan if reliability is None else reliability.data,
        }
    )
    order = ["entry", "weight", "gene_a", "gene_b"]
    return table.sort_values(order, ascending=[True, False, True, True], ignore_index=True)


def _gene_reliability(edges: pd.DataFrame) -> pd.DataFrame:
    """Return the mean reliability of each gene's edges, weighted by weight: entry, gene, reliability."""
    ends = pd.concat(
        [
            edges.rename(columns={end: "gene"})[["entry", "gene", "weight", "reliability"]]
            for end in ("gene_a", "gene_b")
        ]
    )
    ends = ends[np.isfinite(ends["reliability"])]
    ends = ends.assign(product=ends["weight"] * ends["reliability"])
    sums = ends.groupby(["entry", "gene"], sort=False)[["product", "weight"]].sum()
    return (sums["product"] / sums["weight"]).rename("reliability").reset_index()


def _links(saved: SavedDictionary, centrality: pd.DataFrame, top_genes: int) -> pd.DataFrame:
    tables = []
    for row, name in enumerate(saved.names):
        ranked = centrality[centrality["entry"] == name]
        if len(ranked):
            graph = gene_network(saved.edges, row, saved.gene_a, saved.gene_b)
            table = top_network(graph, ranked, genes=top_genes)
            table.insert(0, "entry", name)
            tables.append(table)
    columns = ["entry", "gene_a", "gene_b", "hops", "weight"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
