"""Figure of pseudotime with its intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from panscape.coscape.landscape.placement import HIGH, LOW, PLACED, PLACEMENT, UNCERTAIN
from panscape.plot.figure_names import PSEUDOTIME
from panscape.plot.palette import categorical
from panscape.plot.style import DOUBLE, INK, new_figure, plain_text, style
from panscape.plot.trajectory import footnote
from panscape.plot.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3  # panels in a row
MANY = 150  # clusters of a study above which marks and lines are thinner


def plot_intervals(view: View) -> Figure:
    """Draw the pseudotime of every cluster with its interval against age, a panel per study.

    Parameters
    ----------
    view
        The landscape, with the intervals and placements of ``pseudotime.tsv`` in `obs`.
    """
    time, age = view.values(PSEUDOTIME), view.values("age")
    shown = np.isfinite(time) & np.isfinite(age)
    uncertain = (view.obs[PLACEMENT].astype(str) == UNCERTAIN).to_numpy()
    with style():
        studies = view.obs["study"] if "study" in view.obs else ["all"] * len(view.obs)
        looks, codes = categorical(studies, as_met=True)
        across = min(ACROSS, len(looks))
        down = -(-len(looks) // across)
        fig = new_figure(DOUBLE if across > 1 else DOUBLE * 0.6, 0.6 + 2.1 * down)
        axes = fig.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for number, (ax, look) in enumerate(zip(axes, looks, strict=False)):
            inside = shown & (codes == number)
            _panel(ax, age, time, view.values(LOW), view.values(HIGH), inside, uncertain, look.colour)
            rest = int((uncertain & inside).sum())
            note = f"{int(inside.sum())} clusters" + (f"\n{rest} {UNCERTAIN}" if rest else "")
            ax.set_title(plain_text(look.label))
            ax.text(1, 0.02, note, transform=ax.transAxes, fontsize=6.5, ha="right", va="bottom")
        for ax in axes[len(looks) :]:
            ax.set_axis_off()
        axes[0].set_ylim(-0.03, 1.03)
        _legend(axes[0])
        fig.supylabel(view.label(PSEUDOTIME), fontsize=8)
        label = view.label("age")
        text = f"Mean {label[0].lower()}{label[1:]}"
        for ax in axes[max(len(looks) - across, 0) : len(looks)]:
            ax.set_xlabel(text)
            ax.tick_params(labelbottom=True)
        if not shown.all():
            footnote(
                fig, f"Not shown: {int((~shown).sum())} of {len(shown)} clusters without pseudotime or age."
            )
    return fig


def _panel(ax: Axes, age, time, low, high, inside, uncertain, colour: str) -> None:
    thin = inside.sum() > MANY
    known = inside & np.isfinite(low) & np.isfinite(high)
    for chosen, pattern in ((known & ~uncertain, "solid"), (known & uncertain, (0, (2, 1.5)))):
        ax.vlines(
            age[chosen],
            low[chosen],
            high[chosen],
            color=colour,
            linewidth=0.5 if thin else 0.9,
            linestyle=pattern,
            alpha=0.6,
            zorder=2,
        )
    size = 6 if thin else 13
    firm, loose = inside & ~uncertain, inside & uncertain
    ax.scatter(age[firm], time[firm], s=size, color=colour, marker="o", linewidths=0, zorder=3)
    ax.scatter(
        age[loose],
        time[loose],
        s=size * 1.4,
        facecolors="white",
        edgecolors=colour,
        marker="D",
        linewidths=0.8,
        zorder=4,
    )


def _legend(ax: Axes) -> None:
    firm = ax.scatter([], [], s=13, color=INK, marker="o", linewidths=0)
    loose = ax.scatter([], [], s=18, facecolors="white", edgecolors=INK, marker="D", linewidths=0.8)
    (line,) = ax.plot([], [], color=INK, linewidth=0.9)
    ax.figure.legend(
        [firm, loose, line],
        [PLACED, UNCERTAIN, "95 % interval"],
        loc="outside upper right",
        ncols=3,
    )
