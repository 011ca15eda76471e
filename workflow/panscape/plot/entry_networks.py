"""Figure of the networks of a dictionary's entries."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from panscape.plot.palette import OKABE_ITO

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS, COLUMNS = 9, 3
"""Entries that are drawn, and how many side by side."""
EDGES = 2  # drawn per gene, on average


def plot_networks(
    links: pd.DataFrame, centrality: pd.DataFrame, labels: Mapping[str, str], shares: pd.Series
) -> Figure:
    """Draw the most central genes of the most used entries, with their strongest edges.

    Parameters
    ----------
    links
        entry, gene_a, gene_b, hops, weight of the edges.
    centrality
        entry, gene, betweenness.
    labels
        Label of each entry, in their order.
    shares
        Fraction of usage by entry: the nine with most are drawn.
    """
    from panscape.plot.style import DOUBLE, new_figure, plain_text, style

    names = most_used(shares.reindex(list(labels)))
    with style():
        rows = max(-(-len(names) // COLUMNS), 1)
        fig = new_figure(DOUBLE, 2.4 * rows)
        for at, name in enumerate(names):
            ax = fig.add_subplot(rows, COLUMNS, at + 1)
            of_entry = links[links["entry"] == name]
            table = centrality[centrality["entry"] == name]
            there = {*of_entry["gene_a"], *of_entry["gene_b"]}
            genes = [gene for gene in table["gene"] if gene in there] or list(table["gene"].head(1))
            _draw(ax, strongest(of_entry, genes), table.set_index("gene")["betweenness"].reindex(genes))
            ax.set_title(fill(plain_text(labels[name]), 32), fontsize=7)
    return fig


def most_used(shares: pd.Series, count: int = PANELS) -> list[str]:
    """Return the entries with most usage, in the order of the series.

    Examples
    --------
    >>> most_used(pd.Series([0.2, 0.5, 0.3], index=["01", "02", "03"]), 2)
    ['02', '03']
    """
    most = set(shares.sort_values(ascending=False, kind="stable").index[:count])
    return [str(name) for name in shares.index if name in most]


def strongest(links: pd.DataFrame, genes: list[str]) -> Any:
    """Return a networkx graph of the edges that are drawn: a maximum spanning tree and the heaviest others.

    Parameters
    ----------
    links
        gene_a, gene_b, hops (1: an edge, 2: a common neighbour), weight.
    genes
        Nodes of the graph.

    Examples
    --------
    >>> links = pd.DataFrame({"gene_a": ["A", "A"], "gene_b": ["B", "C"], "hops": 1, "weight": [2.0, 1.0]})
    >>> sorted(strongest(links, ["A", "B", "C"]).edges)
    [('A', 'B'), ('A', 'C')]
    """
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(genes)
    for link in links.sort_values("weight", ascending=False, kind="stable").itertuples():
        # a common neighbour joins parts of the graph that no edge does
        weight = float(link.weight) if link.hops == 1 else 0.0
        graph.add_edge(link.gene_a, link.gene_b, weight=weight, hops=int(link.hops))
    tree = networkx.maximum_spanning_tree(graph)
    edges = (edge for edge in graph.edges(data=True) if edge[2]["hops"] == 1 and not tree.has_edge(*edge[:2]))
    others = sorted(edges, key=lambda edge: -edge[2]["weight"])
    tree.add_edges_from(others[: max(EDGES * len(genes) - tree.number_of_edges(), 0)])
    return tree


def _draw(ax: Axes, graph: Any, betweenness: pd.Series) -> None:
    """Draw a graph: widths of edges by weight, sizes of genes by centrality."""
    from matplotlib.patheffects import withStroke

    from panscape.plot.style import INK, plain_text

    genes, halo = list(betweenness.index), [withStroke(linewidth=1.4, foreground="white")]
    at = _places(graph, genes)
    edges = list(graph.edges(data=True))
    weights = [edge["weight"] for _, _, edge in edges if edge["hops"] == 1]
    low, high = (min(weights), max(weights)) if weights else (0.0, 0.0)
    span = max(high - low, 1e-12)
    for first, second, edge in edges:
        ends = np.array([at[first], at[second]]).T
        if edge["hops"] == 1:
            width = 0.4 + 2.2 * (edge["weight"] - low) / span
            ax.plot(*ends, color=OKABE_ITO[0], linewidth=width, alpha=0.7, zorder=1)
        else:
            ax.plot(*ends, color="#b8b8b8", linewidth=0.6, linestyle=":", zorder=0)
    central = np.nan_to_num(betweenness.to_numpy(float))
    size = 14 + 55 * central / max(central.max(initial=0), 1e-12)
    ax.scatter(*np.array([at[gene] for gene in genes]).T, s=size, color=OKABE_ITO[5], zorder=2, linewidths=0)
    for gene, points in zip(genes, size, strict=True):
        shift = (0, 2 + np.sqrt(points) / 2)
        ax.annotate(
            plain_text(gene), at[gene], shift, textcoords="offset points", fontsize=6, color=INK,
            ha="center", va="bottom", zorder=3, path_effects=halo,
        )  # fmt: skip
    ax.set(xlim=(-1.35, 1.35), ylim=(-1.15, 1.35), xticks=[], yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)


def _places(graph: Any, genes: list[str]) -> dict[str, np.ndarray]:
    """Return places from -1 to 1 at which distances are those of steps in the graph (Kamada and Kawai)."""
    import networkx

    if len(genes) < 2:
        return dict.fromkeys(genes, np.zeros(2))
    places = networkx.kamada_kawai_layout(graph, weight=None)
    xy = np.array([places[gene] for gene in genes])
    xy = xy - (xy.min(axis=0) + xy.max(axis=0)) / 2
    # rounded, so that the last bits of the optimiser's arithmetic move no point
    xy = np.round(xy / np.maximum(np.abs(xy).max(axis=0), 1e-9), 3)
    return dict(zip(genes, xy, strict=True))
