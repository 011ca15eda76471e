"""Sensitivity of the landscape to the choices that it depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from panscape.coscape.landscape.varied import CONFIGURED, GRID

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_INCHES = 0.17
MEASURES = {"rho_configured": "with the configured order", "rho_age": "with age"}


def plot_sensitivity(table: pd.DataFrame) -> Figure:
    """Draw what other choices do to the order of the clusters.

    Parameters
    ----------
    table
        From :func:`panscape.coscape.landscape.sensitivity.sensitivity_table`.

    Returns
    -------
    With thresholds: rho of pseudotime with age against the number of neighbours, one line per threshold.
    Otherwise: a row per changed choice with the rho of its pseudotime with the configured one and with age.
    """
    return _lines(table[table["varied"] == GRID]) if (table["varied"] == GRID).any() else _rows(table)


def _lines(table: pd.DataFrame) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(4.2, 3.0), layout="constrained")
    axes = figure.add_subplot()
    lines = table.groupby("eta", sort=True)
    for at, (threshold, rows) in enumerate(lines):
        rows = rows.sort_values("neighbours")
        colour = str(0.75 - 0.75 * at / max(lines.ngroups - 1, 1))  # greys: darker is stricter
        axes.plot(
            rows["neighbours"], rows["rho_age"], "o-", ms=3, lw=1.2, color=colour, label=f"{threshold:g}"
        )
    axes.axhline(0, color="0.85", lw=0.6, zorder=0)
    axes.set_xlabel("neighbours")
    axes.set_ylabel("Spearman ρ, pseudotime with age")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(title="threshold of |r|", frameon=False, fontsize=7, title_fontsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _rows(table: pd.DataFrame) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 1.0 + ROW_INCHES * len(table)), layout="constrained")
    axes = figure.add_subplot()
    place = pd.Series(range(len(table)), index=table.index)
    styles = (("o", "0.2"), ("D", "#c44e00"))
    for (name, label), (marker, colour) in zip(MEASURES.items(), styles, strict=True):
        rows = table[table[name].notna()]
        if name == "rho_configured":
            rows = rows[rows["varied"] != CONFIGURED]
        if len(rows):
            axes.plot(rows[name], place[rows.index], marker, ms=4, color=colour, label=label)
    _name_rows(axes, table)
    low = min(table[list(MEASURES)].min().min(), 1.0)
    axes.set_xlim(min(0.0, low) - 0.02, 1.02)
    axes.set_xlabel("Spearman ρ of pseudotime")
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=7)
    return figure


def _name_rows(axes: Axes, table: pd.DataFrame) -> None:
    """Label the rows by what was changed, with a line between kinds of changes."""
    labels = [
        varied if not str(value) else f"{varied}: {value}"
        for varied, value in zip(table["varied"], table["value"].fillna(""), strict=True)
    ]
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    kinds = table["varied"].to_numpy()
    for at in range(1, len(kinds)):
        if kinds[at] != kinds[at - 1]:
            axes.axhline(at - 0.5, color="0.9", lw=0.6, zorder=0)
    axes.grid(axis="x", color="0.93", lw=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
