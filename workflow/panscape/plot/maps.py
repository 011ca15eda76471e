"""Maps of the landscape: clusters as points, their neighbourhoods as thin lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.figure_names import PSEUDOTIME
from panscape.plot.palette import SEQUENTIAL, SEQUENTIAL_2, categorical
from panscape.plot.style import (
    DOUBLE,
    GREY,
    LEGEND_ROWS,
    RASTER_ABOVE,
    colorbar_outside,
    legend_outside,
    new_figure,
    style,
)
from panscape.plot.view import AS_LABELS, LOGARITHMIC, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RIM = {"linewidths": 0.25, "edgecolors": "#40404090"}


def plot_map(view: View, column: str) -> Figure:
    """Draw the landscape coloured by a column of the clusters.

    Numbers get a colour bar (logarithmic for sizes and depths), labels a legend outside the map.
    Clusters without a value are grey, and a note gives their number and the reason.
    The area of a point grows with the number of cells of its cluster; small clusters lie on top.

    Parameters
    ----------
    view
        The landscape.
    column
        A column of ``view.obs``; if it is absent, the map is grey, with a note.
    """
    with style():
        labels = _labels_of(view, column)
        many = labels.nunique() > LEGEND_ROWS
        fig = new_figure(DOUBLE * (0.9 if many else 0.72), _height(view, labels))
        ax = fig.add_subplot()
        _frame(view, ax)
        ax.set_title(view.title(column))
        if is_labels(view.obs, column):
            missing = _draw_labels(view, ax, column)
        else:
            missing = _draw_numbers(view, fig, ax, column)
        if note := missing_note(column, int(missing), len(view.obs)):
            ax.text(0, -0.09, note, transform=ax.transAxes, fontsize=7, color="#6b6b6b", va="top")
    return fig


def _height(view: View, labels: pd.Series) -> float:
    """Return a height (inches) that suits the layout's shape and the length of the legend."""
    wide, high = np.maximum(np.ptp(view.xy, axis=0), 1e-9) if len(view.xy) else (1.0, 1.0)
    legend = 0.165 * min(labels.nunique(), LEGEND_ROWS) + 0.9
    return float(max(np.clip(4.0 * high / wide + 0.8, 2.5, 4.4), legend))


def _labels_of(view: View, column: str) -> pd.Series:
    """Return a column as text, empty where missing; the cluster of all cells has no resolution or level."""
    if not is_labels(view.obs, column):
        return pd.Series([""] * len(view.obs), dtype=object)
    values = view.obs[column].astype(object)
    rest = "all cells" if column in ("resolution", "level") else ""
    text = [
        rest if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)
        for value in values
    ]
    return pd.Series(text, dtype=object)


def is_labels(obs: pd.DataFrame, column: str) -> bool:
    """Return whether a column is drawn as categories."""
    if column not in obs:
        return False
    return column in AS_LABELS or not pd.api.types.is_numeric_dtype(obs[column].dtype)


def missing_note(column: str, missing: int, total: int) -> str:
    """Return the note about clusters without a value.

    Parameters
    ----------
    column
        Name of the column.
    missing, total
        Numbers of clusters without a value and of all.
    """
    if not missing:
        return ""
    count = f"{missing} of {total}" if missing < total else f"all {total}"
    if column == PSEUDOTIME:
        return f"Grey: {count} clusters, not connected to the root; they have no pseudotime."
    return f"Grey: {count} clusters without a value."


def _frame(view: View, ax: Axes) -> None:
    """Draw the edges and remove ticks, since the layout has no scale or direction."""
    from matplotlib.collections import LineCollection

    many = len(view.edges) > RASTER_ABOVE
    alpha = float(np.clip(250 / max(len(view.edges), 1), 0.03, 0.22))
    lines = LineCollection(
        list(view.xy[view.edges]), colors="#5a5a5a", alpha=alpha, linewidths=0.35, zorder=1, rasterized=many
    )
    ax.add_collection(lines)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xticks=[], yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_xlabel("layout 1 (ForceAtlas2, no unit)", fontsize=6.5, color="#6b6b6b", loc="left")
    ax.set_ylabel("layout 2", fontsize=6.5, color="#6b6b6b", loc="bottom")


def _areas(view: View) -> np.ndarray:
    """Return marker areas (points squared): 9 for the smallest cluster, up to 90 for the largest."""
    cells = np.nan_to_num(view.values("n_cells"), nan=1.0)
    root = np.sqrt(np.maximum(cells, 1.0))
    span = np.ptp(root)
    crowd = float(np.clip(np.sqrt(400 / max(len(root), 1)), 0.35, 1.0))
    return crowd * (9 + 81 * ((root - root.min()) / span if span else np.full(len(root), 0.3)))


def _draw_labels(view: View, ax: Axes, column: str) -> int:
    looks, codes = categorical(_labels_of(view, column), as_met=column == "study")
    areas = _areas(view)
    raster = len(codes) > RASTER_ABOVE
    _points(ax, view, codes < 0, areas, color=GREY, zorder=2, rasterized=raster)
    for code, look in enumerate(looks):
        _points(
            ax, view, codes == code, areas, color=look.colour, marker=look.marker, zorder=3, rasterized=raster
        )
    handles = [ax.scatter([], [], s=24, color=look.colour, marker=look.marker, **_RIM) for look in looks]
    legend_outside(ax, handles, [_shorten(look.label) for look in looks], title=view.title(column))
    return int((codes < 0).sum())


def _draw_numbers(view: View, fig: Figure, ax: Axes, column: str) -> int:
    from matplotlib.colors import LogNorm, Normalize

    values = view.values(column)
    log = column in LOGARITHMIC
    known = np.isfinite(values) & ((values > 0) | (not log))
    areas, raster = _areas(view), len(values) > RASTER_ABOVE
    _points(ax, view, ~known, areas, color=GREY, zorder=2, rasterized=raster)
    if known.any():
        low, high = float(values[known].min()), float(values[known].max())
        if low == high:
            low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
        norm = LogNorm(low, high) if log else Normalize(low, high)
        drawn = _points(
            ax,
            view,
            known,
            areas,
            values=values,
            cmap=SEQUENTIAL_2 if log else SEQUENTIAL,
            norm=norm,
            zorder=3,
            rasterized=raster,
        )
        bar = colorbar_outside(fig, ax, drawn, view.label(column))
        if log:
            bar.set_ticks(plain_ticks(low, high), labels=[f"{tick:,.10g}" for tick in plain_ticks(low, high)])
            bar.ax.minorticks_off()
        if column == PSEUDOTIME:
            _mark_root(view, ax, values)
    return int((~known).sum())


def plain_ticks(low: float, high: float) -> list[float]:
    """Return round ticks of a logarithmic scale.

    1-10-100 if it spans more than three decades, 1-2-5 if that gives three of them, else even round numbers.
    """
    from matplotlib.ticker import MaxNLocator

    steps = (1, 2, 5) if high / low <= 1000 else (1,)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    ticks = [tick for tick in ticks if low <= tick <= high]
    if len(ticks) < 3:
        ticks = [float(tick) for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]
    return ticks


def _mark_root(view: View, ax: Axes, values: np.ndarray) -> None:
    from matplotlib.patheffects import Normal, Stroke

    place = view.obs.index.get_loc(view.root) if view.root in view.obs.index else int(np.nanargmin(values))
    x, y = view.xy[place]
    ax.scatter(x, y, s=150, facecolors="none", edgecolors="#262626", linewidths=0.9, zorder=5)
    halo = [Stroke(linewidth=2, foreground="white"), Normal()]
    text = ax.annotate("root", (x, y), (10, 5), textcoords="offset points", fontsize=7.5, zorder=6)
    text.set_path_effects(halo)


def _points(ax: Axes, view: View, mask: np.ndarray, areas: np.ndarray, values=None, **look):
    order = np.flatnonzero(mask)
    order = order[np.argsort(-areas[order], kind="stable")]  # small clusters last, that is, on top
    if values is not None:
        look["c"] = values[order]
    return ax.scatter(*view.xy[order].T, s=areas[order], **_RIM, **look)


def _shorten(label: str, width: int = 26) -> str:
    return label if len(label) <= width else f"{label[: width - 1]}…"
