"""Figures of projected panclusters: their place on the reference's map and their predicted age."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from panscape.plot.view import View

_AGE, _PSEUDOTIME = "age", "dpt_pseudotime"
_EDGE_MARKER = {"low": "v", "high": "^", "both": "D"}


def draw_projection(
    projected: pd.DataFrame, landscape: str | Path, *, units: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure): the map of the reference with the new panclusters, and their predicted values.

    Parameters
    ----------
    projected
        ``projected.tsv``, see :func:`panscape.coscape.project.collection.project_stack`.
    landscape
        ``landscape.h5ad`` of the reference.
    units
        Unit of each column that has one, e.g. ``{"age": "days"}``.
    """
    from panscape.plot.view import read_view

    view = read_view(landscape, units=units)
    yield "map", plot_places(view, projected)
    yield "values", plot_values(projected, units or {})


def plot_places(view: View, projected: pd.DataFrame) -> Figure:
    """Draw the reference's panclusters in grey and the new ones on top, a colour per study."""
    from matplotlib.collections import LineCollection

    from panscape.plot.palette import colours
    from panscape.plot.style import DOUBLE, GREY, legend_outside, new_figure, style

    with style():
        wide, high = np.maximum(np.ptp(view.xy, axis=0), 1e-9)
        fig = new_figure(DOUBLE * 0.75, float(np.clip(4.0 * high / wide + 0.8, 2.5, 4.4)))
        ax = fig.add_subplot()
        lines = LineCollection(list(view.xy[view.edges]), colors="#5a5a5a", alpha=0.1, linewidths=0.3)
        ax.add_collection(lines)
        handles = [ax.scatter(*view.xy.T, s=14, c=GREY, linewidths=0)]
        shade = colours(sorted(projected["study"].unique()))
        for study, part in projected.groupby("study", sort=True):
            look = {"s": 16, "color": shade[study], "linewidths": 0.25, "edgecolors": "#40404090"}
            handles.append(ax.scatter(part["x"], part["y"], **look))
        legend_outside(ax, handles, ["reference", *sorted(shade)], title="Study")
        ax.set(xticks=[], yticks=[], title="Projected panclusters on the reference's map")
        ax.set_aspect("equal", adjustable="datalim")
        ax.spines[["left", "bottom"]].set_visible(False)
    return fig


def plot_values(projected: pd.DataFrame, units: Mapping[str, str]) -> Figure:
    """Draw predicted ages (pseudotimes where the reference has no ages) with their intervals.

    Against the known age if there is one, else in order.
    """
    from panscape.plot.style import SINGLE, new_figure, style

    column = _AGE if _AGE in projected and projected[_AGE].notna().any() else _PSEUDOTIME
    with style():
        fig = new_figure(SINGLE * 1.35, 3.3)
        ax = fig.add_subplot()
        if column not in projected or projected[column].isna().all():
            ax.text(0.5, 0.5, "the reference has no ages", ha="center", transform=ax.transAxes)
            ax.set_axis_off()
            return fig
        known = column == _AGE and "age_known" in projected and projected["age_known"].notna().any()
        table = projected if known else projected.sort_values(column, ignore_index=True)
        at = (table["age_known"] if known else table.index.to_series()).to_numpy(dtype=float)
        _draw_intervals(ax, at, table, column)
        unit = f" ({units[column]})" if units.get(column) else ""
        if known:
            ends = [np.nanmin(at), np.nanmax(at)]
            ax.plot(ends, ends, color="#b8b8b8", linewidth=0.8, zorder=0)
        what = "age" if column == _AGE else "pseudotime"
        ax.set(
            xlabel=f"age of the cells{unit}" if known else "panclusters, in order",
            ylabel=f"predicted {what}{unit}",
            title=f"Predicted {what} of projected panclusters",
        )
    return fig


def _draw_intervals(ax, at: np.ndarray, table: pd.DataFrame, column: str) -> None:
    """Draw points and bars; at the end of the reference, a marker that points to the open side."""
    from panscape.plot.palette import OKABE_ITO

    value, low, high = table[[column, f"{column}_low", f"{column}_high"]].to_numpy(dtype=float).T
    edge = table[f"{column}_edge"].fillna("").astype(str).to_numpy()
    labels = {"": "within the reference", "low": "or lower", "high": "or higher", "both": "open"}
    handles = []
    for name, label in labels.items():
        inside = edge == name
        if not inside.any():
            continue
        bars = np.nan_to_num(np.maximum(np.stack([value - low, high - value]), 0))[:, inside]
        look = {"fmt": _EDGE_MARKER.get(name, "o"), "markersize": 3.5, "elinewidth": 0.4, "alpha": 0.75}
        colour = OKABE_ITO[1] if name else OKABE_ITO[0]
        handles.append(ax.errorbar(at[inside], value[inside], yerr=bars, color=colour, label=label, **look))
    if len(handles) > 1:
        ax.legend(handles=handles, loc="best", fontsize=7)
