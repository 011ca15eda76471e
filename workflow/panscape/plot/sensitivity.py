"""Sensitivity of the landscape to the threshold and the number of neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_sensitivity(table: pd.DataFrame) -> Figure:
    """Draw rho of pseudotime with age against the number of neighbours, one line per threshold.

    Parameters
    ----------
    table
        From :func:`panscape.coscape.landscape.sensitivity.sensitivity_table`.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(4.2, 3.0), layout="constrained")
    axes = figure.add_subplot()
    lines = table.groupby("eta", sort=True, dropna=False)
    for at, (threshold, rows) in enumerate(lines):
        rows = rows.sort_values("neighbours")
        colour = str(0.75 - 0.75 * at / max(lines.ngroups - 1, 1))  # greys: darker is stricter
        label = "none" if pd.isna(threshold) else f"{threshold:g}"
        axes.plot(rows["neighbours"], rows["rho_age"], "o-", ms=3, lw=1.2, color=colour, label=label)
    axes.axhline(0, color="0.85", lw=0.6, zorder=0)
    axes.set_xlabel("neighbours")
    axes.set_ylabel("Spearman ρ, pseudotime with age")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(title="threshold of |r|", frameon=False, fontsize=7, title_fontsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
