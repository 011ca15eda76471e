"""Elements of the panels of network figures."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = 16  # maximum number of genes of a circle with names


def draw_lines(ax: Axes, embedding: pd.DataFrame, phenotype: str, flagged: Collection[str]):
    """Draw lines on the first two axes; hollow where the network is unreliable, grey without a phenotype.

    Parameters
    ----------
    ax
        Axes to draw in.
    embedding
        Coordinates and phenotypes of lines.
    phenotype
        Column used to colour them.
    flagged
        Lines that are drawn hollow.

    Returns
    -------
    The mappable for a colour bar, or None if the phenotype is categorical (labels are in a legend).
    """
    from panscape.plot.palette import SEQUENTIAL, categorical
    from panscape.plot.style import GREY, plain_text

    x = embedding["axis_1"] if "axis_1" in embedding else np.zeros(len(embedding))
    y = embedding["axis_2"] if "axis_2" in embedding else np.zeros(len(embedding))
    x, y = np.asarray(x, float), np.asarray(y, float)
    hollow = embedding["line"].isin(flagged).to_numpy()
    ax.set(xticks=[], yticks=[], xlabel="axis 1", ylabel="axis 2")
    values = embedding[phenotype] if phenotype in embedding else pd.Series(np.nan, index=embedding.index)
    drawn, colours = None, np.full(len(embedding), GREY, dtype=object)
    if pd.api.types.is_numeric_dtype(values) and values.notna().any():
        import matplotlib as mpl

        scale = mpl.colors.Normalize(values.min(), values.max())
        drawn = mpl.cm.ScalarMappable(scale, SEQUENTIAL)
        for at in np.flatnonzero(values.notna()):
            colours[at] = mpl.colors.to_hex(drawn.to_rgba(values.iloc[at]))
    elif values.notna().any():
        looks, codes = categorical(values)
        for cell, code in enumerate(codes):
            colours[cell] = looks[code].colour if code >= 0 else GREY
        handles = [ax.scatter([], [], s=12, color=look.colour) for look in looks]
        ax.legend(handles, [plain_text(look.label) for look in looks], fontsize=6)
    ax.scatter(x[~hollow], y[~hollow], s=22, c=list(colours[~hollow]), linewidths=0)
    ax.scatter(
        x[hollow], y[hollow], s=20, facecolors="none", edgecolors=list(colours[hollow]), linewidths=1.2
    )
    return drawn


def draw_circle(ax: Axes, weights: np.ndarray, genes: Sequence[str]) -> None:
    """Draw genes on a circle and their edges as chords, darker where more of the bins have them.

    Parameters
    ----------
    ax
        Axes to draw in.
    weights
        (G, G) weights of the edges.
    genes
        Their names.
    """
    from panscape.plot.style import INK, plain_text

    angle = np.pi / 2 - 2 * np.pi * np.arange(len(genes)) / len(genes)
    xy = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ax.set_axis_off()
    ax.set_aspect("equal")
    reach = 1.45 if len(genes) <= NAMED else 1.1
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach))
    for i, j in zip(*np.nonzero(np.triu(weights, 1)), strict=True):
        ax.plot(*xy[[i, j]].T, color="#0072B2", linewidth=0.6, alpha=0.25 + 0.6 * weights[i, j], zorder=1)
    degree = weights.sum(axis=1)
    ax.scatter(*xy.T, s=6 + 3 * degree, color="#D55E00", linewidths=0, zorder=2)
    if len(genes) > NAMED:
        return
    for gene, (x, y), turn in zip(genes, xy, np.degrees(angle), strict=True):
        left = x < -1e-9
        ax.text(
            1.1 * x, 1.1 * y, plain_text(gene), fontsize=5, color=INK, va="center", rotation_mode="anchor",
            ha="right" if left else "left", rotation=turn + 180 if left else turn,
        )  # fmt: skip


def name_points(ax: Axes, points: pd.DataFrame) -> None:
    """Write names (column `name`) beside points (`x`, `y`), shifted vertically to avoid overlaps."""
    from panscape.plot.style import INK, halo, plain_text

    distance, level = 0.08, -np.inf
    line = {"arrowstyle": "-", "linewidth": 0.3, "color": "#9a9a9a"}
    for row in points.sort_values("y").itertuples():
        level = max(row.y, level + distance)
        left = row.x > 0.6
        place = (row.x + (-0.06 if left else 0.06), level)
        ax.annotate(
            plain_text(row.name), (row.x, row.y), place, fontsize=5.5, color=INK, va="center",
            ha="right" if left else "left", arrowprops=line, path_effects=halo(),
        )  # fmt: skip
