"""Volcano plots: what those of genes, entries and lines share, and that of genes along pseudotime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.palette import OKABE_ITO
from panscape.plot.style import DOUBLE, GREY, INK, RASTER_ABOVE, new_figure, plain_text, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

FDR = 0.05
NAMED = 8  # genes with a name on each side
_APART = 0.055  # of the height, between names


def evidence(pvalues: ArrayLike) -> np.ndarray:
    """Return heights of points: -log10 of p (or false discovery rates), at most 300.

    Examples
    --------
    >>> evidence([0.01, 0.0]).tolist()
    [2.0, 300.0]
    """
    return -np.log10(np.maximum(np.asarray(pvalues, dtype=float), 1e-300))


def frame(ax: Axes, height: np.ndarray, *, least: float = 1.0, room: float = 1.1) -> float:
    """Set the vertical axis of a volcano and draw the line of no effect.

    Parameters
    ----------
    ax
        The axes.
    height
        Of :func:`evidence`, NaN where nothing was tested.
    least
        Smallest top of the axis before `room`.
    room
        Top of the axis in multiples of the largest height: room for names.

    Returns
    -------
    The largest height, at least `least`.
    """
    top = max(float(np.nanmax(height, initial=0.0)), least)
    ax.set_ylim(-0.03 * top, room * top)
    ax.axvline(0, color="#c8c8c8", linewidth=0.7, zorder=0)
    return top


def plot_volcano(genes: pd.DataFrame) -> Figure:
    """Draw each gene's false discovery rate against its correlation with pseudotime; name the strongest.

    Parameters
    ----------
    genes
        gene, fdr and rho_within (the correlation that was tested), else rho; rows without a rate are not
        drawn.
    """
    tested = genes["rho_within"] if "rho_within" in genes else genes["rho"]
    shown = genes.assign(rho=pd.to_numeric(tested), fdr=pd.to_numeric(genes["fdr"]))
    shown = shown[np.isfinite(shown["rho"].astype(float)) & np.isfinite(shown["fdr"].astype(float))]
    height = evidence(shown["fdr"])
    rho = shown["rho"].to_numpy(float)
    found = shown["fdr"].to_numpy(float) < FDR
    tones = np.where(found, np.where(rho > 0, OKABE_ITO[5], OKABE_ITO[0]), GREY)
    with style():
        fig = new_figure(DOUBLE * 0.72, 3.2)
        ax = fig.add_subplot()
        ax.scatter(rho, height, s=7, c=list(tones), linewidths=0, rasterized=len(shown) > RASTER_ABOVE)
        top = 1.08 * frame(ax, height, least=-np.log10(FDR), room=1.08)
        ax.set(xlim=(-1.45, 1.45), xticks=(-1, -0.5, 0, 0.5, 1))
        ax.axhline(-np.log10(FDR), color="#6b6b6b", linewidth=0.7, linestyle="--")
        table = pd.DataFrame({"name": shown["gene"].astype(str).to_numpy(), "x": rho, "y": height})[found]
        for side in (-1, 1):
            _named(ax, table[np.sign(table["x"]) == side], side, top)
        ax.set(xlabel="correlation with pseudotime within studies (ρ)", ylabel="−log₁₀ false discovery rate")
        down, up = int((found & (rho < 0)).sum()), int((found & (rho > 0)).sum())
        ax.set_title(f"{down:,} genes fall and {up:,} rise, of {len(shown):,} (FDR below {FDR})")
    return fig


def _named(ax: Axes, points: pd.DataFrame, side: int, top: float) -> None:
    """Write the names of the highest points in a column beside the cloud, joined to them by thin lines."""
    chosen = points.sort_values(["y", "x"], ascending=[False, side < 0], kind="stable").head(NAMED)
    level = np.inf
    line = {"arrowstyle": "-", "linewidth": 0.3, "color": "#9a9a9a"}
    for row in chosen.itertuples():
        level = min(row.y, level - _APART * top, top * 0.97)
        ax.annotate(
            plain_text(row.name), (row.x, row.y), (1.08 * side, level), fontsize=6.5, color=INK, va="center",
            ha="left" if side > 0 else "right", arrowprops=line,
        )  # fmt: skip
