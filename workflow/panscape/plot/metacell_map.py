"""Map of metacells: a layout of their neighbour graph, with cells between the metacells they resemble."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.graph.kernels import affinities
from panscape.graph.neighbors import neighbors
from panscape.stats.singular import singular

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEIGHBORS = 6
MAX_PANELS = 5
TITLES = {"heterogeneity_rna": "heterogeneity (RNA)", "heterogeneity_atac": "heterogeneity (accessibility)"}
MAX_CELLS = 20_000  # maximum number of cells drawn


def layout(centres: np.ndarray) -> np.ndarray:
    """Return plane coordinates of metacells, k x 2: a spring layout of their neighbour graph.

    Initialised with the first two principal components, so that the map is reproducible.
    """
    import igraph

    k = len(centres)
    centred = centres - centres.mean(axis=0)
    left, size, _ = singular(centred)
    start = np.zeros((k, 2))
    start[:, : min(2, left.shape[1])] = (left * size)[:, :2]
    start = start / max(np.abs(start).max(), 1e-12) * np.sqrt(k)
    if k < 4:
        return start
    graph = affinities(*neighbors(centres, NEIGHBORS))
    rows, columns = graph.nonzero()
    upper = rows < columns
    drawn = igraph.Graph(k, list(zip(rows[upper].tolist(), columns[upper].tolist(), strict=True)))
    weights = np.asarray(graph[rows[upper], columns[upper]]).ravel().tolist()
    igraph.set_random_number_generator(random.Random(0))
    try:
        placed = drawn.layout_fruchterman_reingold(
            weights=weights or None, seed=start.tolist(), niter=500, start_temp=np.sqrt(k) / 4, grid=False
        )
    finally:
        igraph.set_random_number_generator(random)
    return np.array(placed.coords)


def plot_map(
    table: pd.DataFrame, xy: np.ndarray, soft: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
) -> Figure:
    """Draw metacells (area: cells) coloured by each annotation, over the cells.

    Parameters
    ----------
    table
        One row per metacell: n_cells, annotations.
    xy
        From :func:`layout`.
    soft
        (cell, metacell, weight): a cell is drawn at the weighted mean of its metacells' positions.
    """
    from panscape.plot.style import DOUBLE, new_figure, style

    columns = shown_columns(table)
    wide = min(len(columns), 3)
    rows = -(-len(columns) // 3)
    cells = _cells(xy, soft)
    with style():
        fig = new_figure(DOUBLE if wide > 1 else DOUBLE * 0.55, 2.5 * rows)
        for at, name in enumerate(columns):
            ax = fig.add_subplot(rows, wide, at + 1)
            if cells is not None:
                ax.scatter(*cells.T, s=0.6, color="#c9c9c9", linewidths=0, rasterized=True, zorder=0)
            _colour(fig, ax, table, name, xy)
            ax.set(xticks=[], yticks=[])
            ax.spines[["left", "bottom"]].set_visible(False)
            ax.set_title(TITLES.get(name, name.replace("_", " ")))
    return fig


def shown_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns used to colour the map: mapped ones first, then heterogeneity; else the size."""
    extra = ("_purity", "_entropy", "_sd", "n_cells", "study", "mito_share", "ribo_share")
    columns = [
        name
        for name in table.columns
        if not name.endswith(extra)
        and not name.startswith(("heterogeneity_", "dubious"))
        and table[name].nunique() > 1
    ]
    judged = [
        name for name in table.columns if name.startswith("heterogeneity_") and table[name].notna().any()
    ]
    return [*columns[: MAX_PANELS - len(judged)], *judged] or ["n_cells"]


def _cells(xy: np.ndarray, soft) -> np.ndarray | None:
    if soft is None:
        return None
    cell, metacell, weight = soft
    n = int(cell.max()) + 1
    total = np.bincount(cell, weight, minlength=n)
    sums = np.stack([np.bincount(cell, weight * xy[metacell, axis], minlength=n) for axis in (0, 1)], axis=1)
    place = sums / np.maximum(total, 1e-12)[:, None]
    # a cell of a single metacell would be hidden at its centre
    spread = np.random.default_rng(0).normal(0, 0.02 * np.ptp(xy, axis=0).mean(), place.shape)
    place = place + spread
    return place if n <= MAX_CELLS else place[np.random.default_rng(0).choice(n, MAX_CELLS, replace=False)]


def _colour(fig, ax, table: pd.DataFrame, name: str, xy: np.ndarray) -> None:
    from panscape.plot.palette import SEQUENTIAL, categorical
    from panscape.plot.style import GREY, colorbar_outside, legend_outside

    area = 10 + 90 * table["n_cells"].to_numpy() / table["n_cells"].max()
    values = table[name]
    if pd.api.types.is_numeric_dtype(values.dtype):
        points = ax.scatter(*xy.T, c=values, s=area, cmap=SEQUENTIAL, linewidths=0.3, edgecolors="white")
        colorbar_outside(fig, ax, points, "")
        return
    looks, codes = categorical(values)
    handles = [
        ax.scatter(
            *xy[codes == at].T, s=area[codes == at], color=look.colour, marker=look.marker,
            linewidths=0.3, edgecolors="white",
        )
        for at, look in enumerate(looks)
    ]  # fmt: skip
    ax.scatter(*xy[codes < 0].T, s=area[codes < 0], color=GREY, linewidths=0)
    legend_outside(ax, handles, [look.label for look in looks])
