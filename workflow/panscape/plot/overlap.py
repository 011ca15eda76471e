"""Figures of the overlap with known networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN = 60  # maximum number of edges drawn


def draw_overlap(
    zscores: pd.DataFrame, curves: pd.DataFrame, edges: pd.DataFrame, *, min_networks: int = 2
) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of the overlap's figures.

    Parameters
    ----------
    zscores
        From `panscape.coscape.overlap.scores.overlap_table`.
    curves
        From `panscape.coscape.overlap.curves.overlap_curves`.
    edges
        From `panscape.coscape.overlap.scores.supported_edges`.
    min_networks
        Minimum number of known networks that contain a drawn edge.
    """
    yield "zscores", plot_zscores(zscores)
    yield "curves", plot_curves(curves)
    yield "supported-edges", plot_supported(edges, min_networks)


def plot_zscores(zscores: pd.DataFrame) -> Figure:
    """Draw z of every target per network: all edges (left) and equal numbers of edges (right)."""
    from panscape.plot.palette import OKABE_ITO
    from panscape.plot.style import DOUBLE, legend_outside, new_figure, style

    networks, targets = list(dict.fromkeys(zscores["network"])), list(dict.fromkeys(zscores["target"]))
    with style():
        fig = new_figure(DOUBLE, 1.4 + 0.14 * len(networks) * len(targets))
        for panel, matched in enumerate((False, True)):
            ax = fig.add_subplot(1, 2, panel + 1)
            part = zscores[zscores["matched"].astype(str) == str(matched)].set_index(["network", "target"])[
                "z"
            ]
            bars = []
            for i, target in enumerate(targets):
                place = np.arange(len(networks)) + (i - (len(targets) - 1) / 2) * 0.8 / len(targets)
                value = [part.get((network, target), np.nan) for network in networks]
                colour = OKABE_ITO[i % len(OKABE_ITO)]
                bars.append(ax.barh(place, value, height=0.8 / len(targets), color=colour))
            ax.axvspan(-1.96, 1.96, color="#e6e6e6", zorder=0)
            ax.set_yticks(range(len(networks)), networks if panel == 0 else [""] * len(networks))
            ax.invert_yaxis()
            ax.set(
                xlabel="z against degree-preserving graphs",
                title="Same number of edges" if matched else "All edges",
            )
        legend_outside(ax, bars, targets)
    return fig


def plot_curves(curves: pd.DataFrame) -> Figure:
    """Draw z of the heaviest edges of every target by their number, a panel per network."""
    from matplotlib.ticker import NullFormatter

    from panscape.plot.palette import OKABE_ITO
    from panscape.plot.style import DOUBLE, legend_outside, new_figure, style

    networks, targets = list(dict.fromkeys(curves["network"])), list(dict.fromkeys(curves["target"]))
    columns = min(max(len(networks), 1), 3)
    rows = -(-max(len(networks), 1) // columns)
    with style():
        fig = new_figure(DOUBLE, 0.5 + 1.9 * rows)
        axes = [fig.add_subplot(rows, columns, at + 1) for at in range(max(len(networks), 1))]
        lines: list = []
        for at, (ax, network) in enumerate(zip(axes, networks, strict=False)):
            part = curves[curves["network"] == network]
            ax.axhspan(-1.96, 1.96, color="#e6e6e6", zorder=0)
            for number, target in enumerate(targets):
                line = part[part["target"] == target].sort_values("edges")
                colour = OKABE_ITO[number % len(OKABE_ITO)]
                drawn = ax.plot(
                    line["edges"], line["z"], color=colour, marker="o", markersize=2.5, linewidth=1
                )
                lines += drawn if at == 0 else []
            ax.set_xscale("log")
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.set(title=network, xlabel="heaviest edges")
            if at % columns == 0:
                ax.set_ylabel("z")
        if lines:
            legend_outside(axes[min(columns, len(networks)) - 1], lines, targets)
    return fig


def plot_supported(edges: pd.DataFrame, min_networks: int = 2) -> Figure:
    """Draw the strongest edges that only panclustering finds and several networks contain."""
    import igraph

    from panscape.plot.style import DOUBLE, INK, new_figure, style

    supported = edges[(edges["only_here"].astype(str) == "True") & (edges["n_networks"] >= min_networks)]
    shown = supported.head(DRAWN)
    with style():
        fig = new_figure(DOUBLE, 4.6 if len(shown) else 1.2)
        ax = fig.add_subplot()
        ax.set_axis_off()
        ax.set_title(
            f"{len(supported)} edges only panclustering finds, in {min_networks} or more known networks"
        )
        if shown.empty:
            return fig
        graph = igraph.Graph.TupleList(shown[["gene_a", "gene_b"]].itertuples(index=False), directed=False)
        seed = [
            [np.cos(i), np.sin(i) * (1 + i % 3)] for i in range(graph.vcount())
        ]  # fixed, for reproducible figures
        xy = np.array(graph.layout_kamada_kawai(seed=seed).coords)
        place = dict(zip(graph.vs["name"], xy, strict=True))
        for edge in shown.itertuples():
            (x1, y1), (x2, y2) = place[edge.gene_a], place[edge.gene_b]
            ax.plot([x1, x2], [y1, y2], color="#0072B2", linewidth=0.5 * edge.n_networks, alpha=0.7, zorder=1)
        ax.scatter(*xy.T, s=10, color="#D55E00", zorder=2, linewidths=0)
        for gene, (x, y) in place.items():
            ax.annotate(gene, (x, y), (2, 2), textcoords="offset points", fontsize=6, color=INK)
    return fig
