"""Figure of coexpression space and other spaces, with chance levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.maps import plain_ticks
from panscape.plot.names import PANELS, SPACES, space_label
from panscape.plot.palette import OKABE_ITO
from panscape.plot.style import DOUBLE, INK, new_figure, style
from panscape.plot.trajectory import _by_study, _empty
from panscape.plot.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Coexpression space beside other spaces"
_COLOURS = {"coexpression": OKABE_ITO[0], "expression": OKABE_ITO[1], "expression-pca": OKABE_ITO[1]}
_CONTROL, _NULL = "#7a7a7a", "#cfcfcf"


def plot_spaces(statistics: pd.DataFrame, panels: Sequence[tuple[str, str]] = PANELS) -> Figure:
    """Draw statistics of every space with their nulls: one panel per statistic, one row per space.

    Parameters
    ----------
    statistics
        Columns `space`, `statistic`, `value`, `low`, `high`, `null_mean`, `null_sd` of
        ``landscape/statistics.tsv``.
    panels
        (statistic, axis label) each; those without any value are left out.

    Returns
    -------
    A point is the observed value, the line through it its 95 % interval, the bar behind it the null's mean
    ± 2 standard deviations.
    """
    known = statistics[np.isfinite(statistics["value"])]
    panels = [(name, label) for name, label in panels if (known["statistic"] == name).any()]
    shown = known[known["statistic"].isin([name for name, _ in panels])]
    spaces = [space for space in dict.fromkeys([*SPACES, *shown["space"]]) if (shown["space"] == space).any()]
    with style():
        fig = new_figure(DOUBLE, 1.15 + 0.29 * max(len(spaces), 2))
        if not panels:
            return _empty(fig, TITLE, "There are no statistics to show.")
        fig.suptitle(TITLE, x=0.01, ha="left", fontsize=8.5, fontweight="bold")
        axes = fig.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for ax, (name, label) in zip(axes, panels, strict=True):
            _panel(ax, shown[shown["statistic"] == name].set_index("space"), spaces)
            ax.set_xlabel(label, fontsize=7)
        axes[0].set_yticks(range(len(spaces)), [space_label(space) for space in spaces])
        axes[0].set_ylim(len(spaces) - 0.4, -0.6)
        note = "    ".join(text for text in ("point: observed", *_what_is_drawn(shown)) if text)
        fig.supxlabel(note, x=0.99, ha="right", fontsize=6.5, color="#6b6b6b")
    return fig


def _what_is_drawn(shown: pd.DataFrame) -> list[str]:
    """Return the legend text of lines and bars that are drawn."""
    nulls = shown[np.isfinite(shown["null_mean"])]
    spread = nulls["statistic"].str.startswith("rho_").any()
    bar = "bar: null, mean ± 2 sd (absolute values for ρ)" if spread else "bar: by chance"
    return [
        "line: 95 % interval" if np.isfinite(shown["low"]).any() else "",
        bar if len(nulls) else "",
    ]


def _panel(ax: Axes, rows: pd.DataFrame, spaces: Sequence[str]) -> None:
    ax.axvline(0, color="#d9d9d9", linewidth=0.6, zorder=0)
    for place, space in enumerate(spaces):
        if space not in rows.index:
            continue
        row = rows.loc[space]
        if np.isfinite(row["null_mean"]):
            if np.isfinite(row["null_sd"]):
                ends = [row["null_mean"] - 2 * row["null_sd"], row["null_mean"] + 2 * row["null_sd"]]
                ax.plot(ends, [place, place], color=_NULL, linewidth=6, solid_capstyle="butt", zorder=1)
            else:
                ax.scatter(row["null_mean"], place, marker="|", s=60, linewidth=2, color=_NULL, zorder=1)
        if np.isfinite(row["low"]) and np.isfinite(row["high"]):
            colour = _COLOURS.get(space, _CONTROL)
            ax.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=1.0, zorder=2)
        ax.scatter(row["value"], place, s=26, color=_COLOURS.get(space, _CONTROL), zorder=3)
        text = f"{row['value']:.2f}".replace("-", "−")
        ax.annotate(
            text,
            (row["value"], place),
            (0, 6.5),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=6.5,
            color=INK,
            zorder=4,
        )
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.margins(x=0.2)


def plot_pairs_by_size(view: View) -> Figure:
    """Draw the number of surviving gene pairs of a cluster against its number of cells, by study.

    A strong dependence indicates that chance correlations of small clusters pass the threshold.
    """
    from matplotlib.ticker import NullLocator

    with style():
        fig = new_figure(DOUBLE * 0.72, 3.2)
        ax = fig.add_subplot()
        cells, pairs = view.values("n_cells"), view.values("n_pairs")
        known = np.isfinite(cells) & np.isfinite(pairs) & (cells > 0)
        _by_study(view, ax, cells, pairs, known, legend=True)
        if known.any():
            ax.set_xscale("log")
            if pairs[known].min() > 0:
                ax.set_yscale("log")
            else:
                ax.set_yscale("symlog", linthresh=1)
                ax.set_ylim(bottom=-0.3)
            for axis, values in ((ax.xaxis, cells[known]), (ax.yaxis, pairs[known])):
                low, high = values.min(), max(float(values.max()), 1.0)
                ticks = ([0.0] if low <= 0 else []) + plain_ticks(max(float(low), 1.0), high)
                axis.set_ticks(ticks, [f"{tick:,.10g}" for tick in ticks])
                axis.set_minor_locator(NullLocator())
        ax.set_xlabel(view.label("n_cells"))
        ax.set_ylabel(view.label("n_pairs"))
        ax.set_title("Coexpressed pairs against cluster size")
    return fig
