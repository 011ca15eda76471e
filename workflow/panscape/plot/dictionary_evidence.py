"""Figures of the confidence in a dictionary and of its gene sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TERMS = 4  # gene sets named per entry
BLUE, ORANGE = "#0072B2", "#D55E00"


def plot_confidence(edges: pd.DataFrame, chance: pd.DataFrame, names: list[str]) -> Figure:
    """Draw the reliability of every entry's edges, and the fraction of edges by chance against cluster size.

    Parameters
    ----------
    edges
        Edges with their reliability.
    chance
        The same of permuted data.
    names
        Names of the entries.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    from panscape.plot.style import DOUBLE, new_figure, style

    with style():
        fig = new_figure(DOUBLE, max(2.6, 1.2 + 0.17 * len(names)))
        ax, other = fig.add_subplot(1, 2, 1), fig.add_subplot(1, 2, 2)
        values = [
            part[np.isfinite(part)]
            for part in (
                edges.loc[edges["entry"] == name, "reliability"].to_numpy(dtype=float) for name in names
            )
        ]
        shown = [(name, part) for name, part in zip(names, values, strict=True) if len(part)]
        if shown:
            ax.boxplot(
                [part for _, part in shown],
                orientation="horizontal",
                tick_labels=[name for name, _ in shown],
                showfliers=False,
                widths=0.6,
                medianprops={"color": ORANGE},
            )
            ax.invert_yaxis()
        ax.axvline(0, color="#b8b8b8", linewidth=0.6, zorder=0)
        ax.set(xlabel="reliability of edges (split halves)", title="Do the edges return?")
        other.scatter(chance["n_cells"], chance["share"], s=8, color=BLUE, alpha=0.6, linewidths=0)
        other.set(
            xscale="log",
            ylim=(-0.03, 1.03),
            xlabel="cells of the pancluster",
            ylabel="fraction of its edges that pass by chance",
            title="Edges by chance",
        )
        other.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        other.xaxis.set_major_formatter("{x:.0f}")
        other.xaxis.set_minor_formatter(NullFormatter())
    return fig


def plot_enrichment(enrichment: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Draw the best groups of gene sets of every entry: -log10 p, dark where the FDR is below .05.

    Parameters
    ----------
    enrichment
        entry, term, pvalue, fdr, representative.
    labels
        Label of each entry, in their order.
    """
    from panscape.plot.style import DOUBLE, new_figure, plain_text, style

    best = enrichment[enrichment["representative"].astype(str) == "True"]
    best = best.sort_values(["entry", "pvalue"]).groupby("entry", sort=False).head(TERMS)
    best = pd.concat([best[best["entry"] == name] for name in labels]) if len(best) else best
    with style():
        fig = new_figure(DOUBLE, max(1.6, 0.8 + 0.16 * len(best)))
        ax = fig.add_subplot()
        if best.empty:
            ax.text(0.5, 0.5, "no gene set below the nominal p", ha="center", transform=ax.transAxes)
            ax.set_axis_off()
            return fig
        score = -np.log10(np.maximum(best["pvalue"].to_numpy(dtype=float), 1e-300))
        sure = best["fdr"].to_numpy(dtype=float) < 0.05
        place = np.arange(len(best))
        ax.barh(place, score, color=np.where(sure, BLUE, "#b8d4e6"), height=0.7)
        ax.set_yticks(place, _named(best, labels, plain_text))
        ax.invert_yaxis()
        ax.set(xlabel="-log10 p (dark: FDR below .05)", title="Gene sets of the entries, one per group")
    return fig


def _named(best: pd.DataFrame, labels: Mapping[str, str], plain: Callable[[str], str]) -> list[str]:
    """Return a name per bar, that of the entry at its first bar only."""
    first = ~best["entry"].duplicated()
    return [
        f"{plain(labels[row.entry])}   {_short(row.term)}" if new else _short(row.term)
        for row, new in zip(best.itertuples(), first, strict=True)
    ]


def _short(term: str, max_letters: int = 58) -> str:
    term = str(term).replace("_", " ")
    return term if len(term) <= max_letters else f"{term[: max_letters - 1]}…"
