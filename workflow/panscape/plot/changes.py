"""Figure of gene networks before and after a reconfiguration, compared with measured ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.style import DOUBLE, RASTER_ABOVE, colorbar_outside, new_figure, plain_text, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_network_changes(pairs: dict[str, pd.DataFrame], scores: pd.DataFrame) -> Figure:
    """Draw correlations of gene pairs after against before, predicted and measured, for each scenario.

    Parameters
    ----------
    pairs
        Scenario -> before, after, there.
    scores
        scenario, measure, value.
    """
    value = scores.set_index(["scenario", "measure"])["value"]
    with style():
        fig = new_figure(DOUBLE, 0.2 + 2.7 * max(len(pairs), 1))
        axes = fig.subplots(max(len(pairs), 1), 2, squeeze=False)
        for (left, right), (name, table) in zip(axes, pairs.items(), strict=False):
            drawn = _cloud(left, table, "after")
            left.set(xlabel="correlation before (measured)", ylabel="correlation after (model output)")
            left.set_title(plain_text(name))
            if table["there"].notna().any():
                drawn = _cloud(right, table, "there")
                agreement = value.get((name, "r"), np.nan)
                limit = value.get((name, "r_noise"), np.nan)
                right.set(xlabel="correlation before (measured)", ylabel="in measured cells there")
                right.set_title(f"changes agree with r = {agreement:.2f} (noise allows {limit:.2f})")
            else:
                right.set_axis_off()
                right.text(0, 0.5, "no measured cells to compare with", fontsize=7.5)
            if drawn is not None:
                colorbar_outside(fig, right, drawn, "gene pairs")
    return fig


def _cloud(ax: Axes, table: pd.DataFrame, column: str):
    """Draw pairs as hexagons coloured by their number; return the mappable for a colour bar."""
    from matplotlib.colors import LogNorm

    ax.plot([-1, 1], [-1, 1], color="#6b6b6b", linewidth=0.7, linestyle="--", zorder=0)
    ticks = (-1, -0.5, 0, 0.5, 1)
    ax.set(xlim=(-1, 1), ylim=(-1, 1), xticks=ticks, yticks=ticks)
    if table.empty:
        return None
    return ax.hexbin(
        table["before"],
        table[column],
        gridsize=45,
        extent=(-1, 1, -1, 1),
        norm=LogNorm(1, max(len(table) / 20, 10)),
        cmap="cividis",
        mincnt=1,
        linewidths=0.1,
        rasterized=len(table) > RASTER_ABOVE,
    )
