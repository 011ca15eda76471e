"""Figure of the networks of a dictionary's entries."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.palette import OKABE_ITO

if TYPE_CHECKING:
    from igraph import Graph
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


def strongest(links: pd.DataFrame, genes: list[str]) -> Graph:
    """Return a graph of the edges that are drawn: a maximum spanning tree and the heaviest others.

    Parameters
    ----------
    links
        gene_a, gene_b, hops (1: an edge, 2: a common neighbour), weight.
    genes
        Nodes of the graph.

    Returns
    -------
    igraph.Graph with `name` of vertices, `hops` and `weight` of edges.

    Examples
    --------
    >>> links = pd.DataFrame({"gene_a": ["A", "A"], "gene_b": ["B", "C"], "hops": 1, "weight": [2.0, 1.0]})
    >>> strongest(links, ["A", "B", "C"]).get_edgelist()
    [(0, 1), (0, 2)]
    """
    import igraph

    place = {gene: at for at, gene in enumerate(genes)}
    rows = links.sort_values("weight", ascending=False, kind="stable")
    ends = list(zip(rows["gene_a"].map(place), rows["gene_b"].map(place), strict=True))
    # a common neighbour joins parts of the graph that no edge does
    direct = rows["hops"].to_numpy() == 1
    weights = np.where(direct, rows["weight"].to_numpy(float), 0.0)
    graph = igraph.Graph(n=len(genes), edges=ends)
    graph.vs["name"], graph.es["weight"], graph.es["hops"] = genes, list(weights), list(rows["hops"])
    tree = graph.spanning_tree(weights=list(-weights), return_tree=False)
    others = [edge for edge in np.flatnonzero(direct) if edge not in set(tree)]
    kept = sorted({*tree, *others[: max(EDGES * len(genes) - len(tree), 0)]})
    return graph.subgraph_edges([int(edge) for edge in kept], delete_vertices=False)


def _draw(ax: Axes, graph: Graph, betweenness: pd.Series) -> None:
    """Draw a graph: widths of edges by weight, sizes of genes by centrality."""
    from panscape.plot.style import INK, halo, plain_text

    genes = list(betweenness.index)
    xy = _places(graph)
    weights = [edge["weight"] for edge in graph.es if edge["hops"] == 1]
    low, high = (min(weights), max(weights)) if weights else (0.0, 0.0)
    span = max(high - low, 1e-12)
    for edge in graph.es:
        ends = xy[[edge.source, edge.target]].T
        if edge["hops"] == 1:
            width = 0.4 + 2.2 * (edge["weight"] - low) / span
            ax.plot(*ends, color=OKABE_ITO[0], linewidth=width, alpha=0.7, zorder=1)
        else:
            ax.plot(*ends, color="#b8b8b8", linewidth=0.6, linestyle=":", zorder=0)
    central = np.nan_to_num(betweenness.to_numpy(float))
    size = 14 + 55 * central / max(central.max(initial=0), 1e-12)
    ax.scatter(*xy.T, s=size, color=OKABE_ITO[5], zorder=2, linewidths=0)
    for gene, place, points, side in zip(genes, xy, size, _sides(xy, genes), strict=True):
        shift = (0, side * (2 + np.sqrt(points) / 2))
        ax.annotate(
            plain_text(gene), place, shift, textcoords="offset points", fontsize=6, color=INK,
            ha="center", va="bottom" if side > 0 else "top", zorder=3, path_effects=halo(),
        )  # fmt: skip
    ax.set(xlim=(-1.35, 1.35), ylim=(-1.15, 1.35), xticks=[], yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)


def _places(graph: Graph) -> np.ndarray:
    """Return places from -1 to 1 at which distances are those of steps in the graph (Kamada and Kawai)."""
    xy = np.array(graph.layout_kamada_kawai().coords).reshape(-1, 2)
    xy = xy - (xy.min(axis=0) + xy.max(axis=0)) / 2
    # rounded, so that the last bits of the optimiser's arithmetic move no point
    return np.round(xy / np.maximum(np.abs(xy).max(axis=0), 1e-9), 3)


def _sides(xy: np.ndarray, names: list[str]) -> list[int]:
    """Return for each point whether its name is above it (1) or, where that hides another, below (-1)."""
    taken = [(x - 0.05, x + 0.05, y - 0.04, y + 0.04) for x, y in xy]  # the points themselves
    sides = []
    for (x, y), name in zip(xy, names, strict=True):
        half = 0.028 * len(name)
        boxes = [(x - half, x + half, *sorted((y + 0.06 * side, y + 0.19 * side))) for side in (1, -1)]
        hidden = [
            sum(a < right and left < b and c < high and low < d for left, right, low, high in taken)
            for a, b, c, d in boxes
        ]
        best = int(hidden[1] < hidden[0])
        taken.append(boxes[best])
        sides.append(1 - 2 * best)
    return sides
