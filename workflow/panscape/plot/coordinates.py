"""Figures of learned coordinates: training losses, maps of cells and information per coordinate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.palette import OKABE_ITO, SEQUENTIAL, categorical, colours
from panscape.plot.style import (
    DOUBLE,
    GREY,
    LEGEND_ROWS,
    RASTER_ABOVE,
    colorbar_outside,
    legend_outside,
    new_figure,
    plain_text,
    style,
)
from panscape.stats.pca import plane

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure

TERMS = {
    "total": "Total",
    "criterion": "Stopping criterion",
    "criterion_labels": "Criterion: labels",
    "reconstruction": "Reconstruction",
    "mse": "Squared error",
    "divergence": "KL, continuous",
    "kl_continuous": "KL term, continuous",
    "kl_discrete": "KL term, discrete",
    "classification": "Classification",
    "regression": "Regression",
    "hierarchy": "Hierarchy",
    "diffusion": "Diffusion",
    "clustering": "Clustering",
    "independence": "Independence",
}
"""Term of the loss -> title."""
SPLITS = {"train": ("training cells", OKABE_ITO[4]), "heldout": ("validation cells", OKABE_ITO[5])}
_DRAWN = 6000  # maximum number of cells


def plot_losses(history: pd.DataFrame) -> Figure:
    """Draw every term of the loss along training; terms that stay 0 are left out.

    Parameters
    ----------
    history
        step, split (``train``, ``heldout``), term, value.
    """
    largest = history["value"].abs().groupby(history["term"]).max()
    terms = [term for term in (*TERMS, *sorted(set(largest.index) - set(TERMS))) if largest.get(term, 0) > 0]
    columns = min(4, max(len(terms), 1))
    rows = -(-len(terms) // columns)
    with style():
        fig = new_figure(DOUBLE, 0.4 + 1.35 * max(rows, 1))
        axes = fig.subplots(max(rows, 1), columns, squeeze=False, sharex=True).ravel()
        handles: dict[str, object] = {}
        for ax, term in zip(axes, terms, strict=False):
            for split, (label, colour) in SPLITS.items():
                part = history[(history["term"] == term) & (history["split"] == split)].sort_values("step")
                if len(part):
                    (handles[label],) = ax.plot(part["step"], part["value"], color=colour, linewidth=1.1)
            _limit(ax, history.loc[history["term"] == term, "value"].to_numpy(dtype=float))
            ax.set_title(TERMS.get(term, term), fontsize=7.5)
            ax.tick_params(labelsize=6)
        for at, ax in enumerate(axes):
            ax.set_visible(at < len(terms))
            if at < len(terms) <= at + columns:
                ax.set_xlabel("step")
                ax.tick_params(labelbottom=True)
        fig.supylabel("nats per cell (squared error: per gene)", fontsize=7.5)
        if handles:
            fig.legend(handles.values(), handles, loc="outside lower center", ncols=2)
    return fig


def _limit(ax, values: np.ndarray) -> None:
    """Limit the axis so that large values of the first steps do not flatten the rest."""
    low, high = np.nanmin(values), np.nanquantile(values, 0.97)
    if high > low:
        ax.set_ylim(low - 0.06 * (high - low), high + 0.12 * (high - low))


def plot_coordinates(coordinates: AnnData, active: pd.DataFrame) -> Figure:
    """Draw the cells in coordinates, once per label.

    Left: the two leading principal components of all coordinates, which include the labels. Right: those of
    the unsupervised ones alone, in which labels should not be visible.

    Parameters
    ----------
    coordinates
        cells x coordinates; var `kind` (supervised, free), uns `labels` (label -> kind).
    active
        coordinate, active ...: inactive free coordinates are left out.
    """
    labels = {name: kind for name, kind in coordinates.uns["labels"].items() if name in coordinates.obs}
    rows = np.arange(coordinates.n_obs)
    if len(rows) > _DRAWN:
        rows = np.sort(np.random.default_rng(0).choice(rows, _DRAWN, replace=False))
    values = np.asarray(coordinates.X[rows], dtype=np.float64)
    idle = set(active.loc[~active["active"].astype(str).eq("True"), "coordinate"])
    used = ~coordinates.var_names.isin(idle)
    free = used & (coordinates.var["kind"].astype(str) == "free").to_numpy()
    maps = [
        ("all coordinates", plane(values[:, used])),
        ("unsupervised coordinates", plane(values[:, free])),
    ]
    order = np.random.default_rng(1).permutation(len(rows))
    with style():
        fig = new_figure(DOUBLE, 0.3 + 2.5 * max(len(labels), 1))
        axes = fig.subplots(max(len(labels), 1), 2, squeeze=False)
        for row, (name, kind) in enumerate(labels.items()):
            column = coordinates.obs[name].iloc[rows]
            for ax, (title, xy) in zip(axes[row], maps, strict=True):
                _cells(fig, ax, xy[order], column.iloc[order], kind, name, legend=ax is axes[row][1])
                ax.set_title(f"{plain_text(name.replace('_', ' ')[:30])}: {title}", fontsize=7.5)
    return fig


def _cells(fig, ax, xy: np.ndarray, column: pd.Series, kind: str, name: str, *, legend: bool) -> None:
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel("component 1", fontsize=6.5, loc="left")
    ax.set_ylabel("component 2", fontsize=6.5, loc="bottom")
    look = {"s": 4, "linewidths": 0, "rasterized": len(xy) > RASTER_ABOVE, "alpha": 0.7}
    if kind == "discrete":
        looks, codes = categorical(column.tolist(), limit=LEGEND_ROWS)
        ax.scatter(*xy[codes < 0].T, color=GREY, **look)
        handles = []
        for code, one in enumerate(looks):
            ax.scatter(*xy[codes == code].T, color=one.colour, marker=one.marker, **look)
            handles.append(ax.scatter([], [], color=one.colour, marker=one.marker, s=16, linewidths=0))
        if legend:
            legend_outside(ax, handles, [one.label for one in looks])
        return
    values = pd.to_numeric(column.astype(object), errors="coerce").to_numpy(dtype=np.float64)
    known = np.isfinite(values)
    ax.scatter(*xy[~known].T, color=GREY, **look)
    drawn = ax.scatter(*xy[known].T, c=values[known], cmap=SEQUENTIAL, **look)
    if legend and known.any():
        colorbar_outside(fig, ax, drawn, plain_text(name.replace("_", " ")))


def plot_active(active: pd.DataFrame) -> Figure:
    """Draw the information in every unsupervised coordinate, and the label that explains it best.

    Parameters
    ----------
    active
        coordinate, kl (nats per cell), active, best_label, strength (fraction of its variance that the label
        explains).
    """
    shown = active.sort_values("kl", ascending=False, kind="stable").head(60)
    place = np.arange(len(shown))
    labels = sorted(set(shown["best_label"].dropna().astype(str)) - {""})
    tone = colours(labels)
    with style():
        fig = new_figure(DOUBLE, max(1.8, 0.9 + 0.115 * len(shown)))
        left, right = fig.subplots(1, 2, sharey=True)
        inside = shown["active"].astype(str).eq("True").to_numpy()
        left.barh(place, shown["kl"], color=np.where(inside, OKABE_ITO[0], GREY), height=0.7)
        left.set_yticks(place, [plain_text(name) for name in shown["coordinate"]], fontsize=5.5)
        left.set_ylim(len(shown) - 0.4, -0.6)
        left.set(xlabel="information (nats per cell)", title=f"{inside.sum()} active of {len(active)}")
        best = shown["best_label"].fillna("").astype(str)
        right.barh(place, shown["strength"], color=[tone.get(name, GREY) for name in best], height=0.7)
        right.set(xlabel="fraction of variance explained", title="Label that explains most", xlim=(0, 1))
        right.tick_params(labelleft=False)
        handles = [right.scatter([], [], color=tone[name], marker="s", s=20) for name in labels]
        legend_outside(right, handles, [name.replace("_", " ") for name in labels])
    return fig
