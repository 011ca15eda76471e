"""Figures of links between peaks and genes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.style import empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CIS, TRANS = "#0072B2", "#b8b8b8"
NOTHING = "There are no links: they need RNA, accessibility and the genes' places (metacells.genes)."

METHODS = {
    "coem": "COEM (learned), spectral",
    "pca_lsi": "PCA + LSI, spectral",
    "wnn": "weighted neighbours, spectral",
    "rna": "RNA only, spectral",
    "atac": "accessibility only, spectral",
    "kmeans": "k-means on the embedding",
    "archetypal": "archetypal analysis",
    "random": "random groups",
    "single cells": "single cells",
}
"""Method of grouping -> its name in figures, tables and claims."""


def plot_links(links: pd.DataFrame, evidence: pd.DataFrame) -> Figure:
    """Draw correlations within reach with their nulls, by method and by distance."""
    from panscape.plot.style import DOUBLE, new_figure, style

    if not len(links):
        return empty_figure(NOTHING)
    with style():
        fig = new_figure(DOUBLE, 2.7)
        ax = fig.add_subplot(1, 3, 1)
        bins = np.linspace(-1, 1, 41)
        for column, colour, label in (("trans", TRANS, "other chromosome"), ("r", CIS, "within reach")):
            values = links[column].dropna()
            if values.empty:  # all peaks are on one chromosome
                continue
            ax.hist(
                values,
                bins,
                density=True,
                histtype="step",
                color=colour,
                label=label,
                linewidth=1.3,
            )
        ax.axvline(0, ymax=0.85, color="#6b6b6b", linewidth=0.5)
        ax.set(xlabel="correlation of peak and gene", ylabel="density", title="All pairs")
        ax.margins(y=0.2)  # the legend is above the histograms
        ax.legend(loc="upper left", fontsize=6.5)
        _negative(fig.add_subplot(1, 3, 2), evidence)
        _by_distance(fig.add_subplot(1, 3, 3), links)
    return fig


def _negative(ax, evidence: pd.DataFrame) -> None:
    """Draw the fraction of negative correlations by method: within reach, and with other chromosomes."""
    value = evidence.set_index(["method", "measure"])["value"]
    methods = [name for name in dict.fromkeys(evidence["method"]) if (name, "negative") in value.index]
    for at, method in enumerate(methods):
        cis, trans = value[(method, "negative")], value[(method, "negative_trans")]
        ax.plot([cis, trans], [at, at], color="#d9d9d9", linewidth=1.2, zorder=0)
        ax.plot([cis], [at], "o", color=CIS, markersize=4.5)
        ax.plot([trans], [at], "o", color=TRANS, markersize=4.5)
    ax.axvline(0.5, color="#6b6b6b", linewidth=0.5, linestyle=":")
    titles = panel_titles(evidence)
    ax.set_yticks(range(len(methods)), [titles[method] for method in methods])
    ax.set_ylim(len(methods) - 0.5, -0.5)
    ax.set(xlabel="fraction below 0", title="Negative pairs")


def panel_titles(table: pd.DataFrame) -> dict[str, str]:
    """Return the title of each method in a figure; methods conditioned on labels are marked.

    Parameters
    ----------
    table
        Columns method and conditioned_on, as the metrics and the evidence have them.
    """
    column = table["conditioned_on"].fillna("")
    return {
        method: f"{METHODS.get(method, method)}\n(conditioned on {label})"
        if label
        else METHODS.get(method, method)
        for method, label in zip(table["method"], column, strict=True)
    }


def _by_distance(ax, links: pd.DataFrame, parts: int = 10) -> None:
    """Draw the fraction of pairs that are linked, by distance."""
    reach = links["distance"].abs()
    edges = np.linspace(0, max(float(reach.max()), 1.0), parts + 1)
    at = np.clip(np.digitize(reach, edges) - 1, 0, parts - 1)
    linked = links["found"].astype(str).eq("True").to_numpy()
    for sign, colour, label in ((1, CIS, "positive"), (-1, "#D55E00", "negative")):
        mine = linked & (np.sign(links["r"].to_numpy()) == sign)
        fraction = np.bincount(at, mine, minlength=parts) / np.maximum(np.bincount(at, minlength=parts), 1)
        ax.step(edges / 1000, [*fraction, fraction[-1]], where="post", color=colour, label=label)
    ax.set(xlabel="distance to the gene's start (kb)", ylabel="fraction of pairs linked", title="Links found")
    ax.set_ylim(bottom=0)
    ax.legend(fontsize=6.5)


def most_linked(links: pd.DataFrame) -> str | None:
    """Return the gene with the most links (ties: the strongest link), or else the strongest pair."""
    if not len(links):
        return None
    linked = links[links["found"].astype(str) == "True"]
    part = linked if len(linked) else links
    size = (
        part.groupby("gene")["r"].agg(["size", "max"])
        if len(linked)
        else part.groupby("gene")["r"].agg(["max"])
    )
    return str(size.sort_values(list(size.columns), ascending=False, kind="stable").index[0])


def plot_track(
    links: pd.DataFrame,
    places: pd.DataFrame | None,
    peaks: pd.DataFrame | None,
    *,
    gene: str | None = None,
    window: int = 100_000,
) -> Figure:
    """Draw a gene's surroundings: its start, the peaks within reach, and arcs for its links.

    Parameters
    ----------
    links
        From :func:`panscape.coem.links.links.link_peaks`.
    places, peaks
        Positions of genes and peaks.
    gene
        The gene; None selects the one with the most links.
    window
        Base pairs drawn on each side.
    """
    from matplotlib import colors
    from matplotlib.cm import ScalarMappable
    from matplotlib.patches import Arc, Rectangle

    from panscape.plot.palette import DIVERGING
    from panscape.plot.style import DOUBLE, INK, colorbar_outside, new_figure, plain_text, style

    if places is None or peaks is None or not len(links):
        return empty_figure(NOTHING)
    gene = gene or most_linked(links) or ""
    of_gene = links[links["gene"] == gene]
    if not len(of_gene) or gene not in places.index:
        return empty_figure(f"{gene} has no peak within reach that takes part in links.")
    place = places.loc[gene]
    tss, chrom = float(place["tss"]), str(place["chrom"])
    scale = colors.Normalize(-1, 1)
    palette = ScalarMappable(scale, DIVERGING)
    with style():
        fig = new_figure(DOUBLE, 2.6)
        ax = fig.add_subplot()
        highest = 0.0
        for row in of_gene.rename(columns={"found": "linked"}).sort_values("r").itertuples():
            start, end = int(peaks.at[row.peak, "start"]), int(peaks.at[row.peak, "end"])
            middle = (start + end) / 2
            linked = str(row.linked) == "True"
            width = max(end - start, window / 300)
            ax.add_patch(
                Rectangle((middle - width / 2, -0.06), width, 0.1, color=palette.to_rgba(row.r), linewidth=0)
            )
            if not linked:
                continue
            height = 0.25 + 0.75 * abs(middle - tss) / window
            highest = max(highest, height)
            ax.add_patch(
                Arc(
                    ((middle + tss) / 2, 0.05), abs(middle - tss) or window / 300, 2 * height, theta1=0,
                    theta2=180, color=palette.to_rgba(row.r), linewidth=0.6 + 1.2 * abs(row.r),
                )
            )  # fmt: skip
        direction = -1 if float(place.get("strand", 0) or 0) < 0 else 1
        ax.annotate(
            "", (tss + direction * window * 0.06, -0.18), (tss, -0.18),
            arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 1},
        )  # fmt: skip
        ax.plot([tss, tss], [-0.18, 0.05], color=INK, linewidth=1)
        ax.text(tss, -0.24, plain_text(gene), ha="center", va="top", fontsize=8, fontweight="bold")
        count = int((of_gene["found"].astype(str) == "True").sum())
        ax.set(xlim=(tss - window, tss + window), ylim=(-0.42, max(highest, 0.3) + 0.1), yticks=[])
        ax.spines["left"].set_visible(False)
        ax.set_title(f"{plain_text(gene)}: {count} of {len(of_gene)} peaks within reach are linked")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:,.0f}")
        ax.set_xlabel(f"{chrom} (kb)")
        colorbar_outside(fig, ax, palette, "correlation")
    return fig
