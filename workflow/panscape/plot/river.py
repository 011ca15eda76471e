"""River plot: cells from studies through disjoint clusters to labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.figure_names import PSEUDOTIME
from panscape.plot.maps import is_labels
from panscape.plot.palette import categorical
from panscape.plot.style import DOUBLE, GREY, INK, new_figure, plain_text, style
from panscape.plot.view import AS_LABELS, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MIN_LABELS, MAX_LABELS = 2, 24
COVERED = 0.8  # of the most cells that any level holds
GAP, WIDTH = 0.012, 0.03  # between the bands of a column, in heights of the figure, and the width of a band
NONE = "no label"
Spans = dict[str, tuple[float, float]]
_NUMBER = re.compile(r"-c\d+$")


def partition(obs: pd.DataFrame) -> np.ndarray:
    """Return clusters without a common cell: of each study, one level of one resolution.

    Of the levels that hold most cells, nearly, the one with most clusters is taken; all cells are a level of
    their own.

    Parameters
    ----------
    obs
        Clusters, indexed by ``<study>-r<resolution>-l<level>-c<number>`` or ``<study>-all``, with study,
        n_cells and the names, without the study, of clusters with the same cells (`duplicates`).

    Returns
    -------
    int, positions of the clusters.

    Examples
    --------
    >>> names = ["a-all", "a-r1-l0-c0", "a-r1-l0-c1", "a-r2-l0-c0"]
    >>> obs = pd.DataFrame({"study": "a", "n_cells": [90, 40, 50, 30], "duplicates": ""}, index=names)
    >>> partition(obs)
    array([1, 2])
    """
    sizes, studies = obs["n_cells"].to_numpy(float), obs["study"].astype(str)
    merged = obs.get("duplicates", pd.Series("", obs.index)).astype(object).fillna("").astype(str)
    inside: dict[tuple[str, str], list[int]] = {}
    for at, (name, study, same) in enumerate(zip(obs.index, studies, merged, strict=True)):
        names = [str(name).removeprefix(f"{study}-"), *filter(None, same.split(";"))]
        for level in {_NUMBER.sub("", one) for one in names}:
            inside.setdefault((study, level), []).append(at)
    chosen: list[int] = []
    for study in dict.fromkeys(studies):
        held = {key: sizes[rows].sum() for key, rows in inside.items() if key[0] == study}
        full = [key for key, cells in held.items() if cells >= COVERED * max(held.values())]
        chosen += inside[max(full, key=lambda key: (len(inside[key]), held[key]))]
    return np.array(sorted(chosen), dtype=np.int64)


def river_column(view: View, columns: Sequence[str]) -> str | None:
    """Return the first of some columns with 2 to 24 labels of clusters, None if there is none."""
    for column in columns:
        if column in view.obs and column not in AS_LABELS and is_labels(view.obs, column):
            known = view.obs[column].astype(object).dropna().astype(str)
            if MIN_LABELS <= known[known != ""].nunique() <= MAX_LABELS:
                return column
    return None


def plot_river(view: View, column: str) -> Figure:
    """Draw studies, their disjoint clusters in order of pseudotime, and the clusters' most frequent labels.

    Parameters
    ----------
    view
        The landscape.
    column
        Column of labels.
    """
    obs, label, labels = _arranged(view, column)
    studies = list(dict.fromkeys(view.obs["study"].astype(str)))
    looks = {look.label: look.colour for look in categorical(label, limit=MAX_LABELS + 1)[0]} | {NONE: GREY}
    tones = {look.label: look.colour for look in categorical(studies, as_met=True)[0]}
    study, cells = obs["study"].astype(str), obs["n_cells"].astype(float)
    left = _column(cells.groupby(study).sum().reindex(studies).dropna())
    middle, right = _column(cells), _column(cells.groupby(label).sum().reindex(labels))
    with style():
        fig = new_figure(DOUBLE, 1.2 + 0.17 * max(len(labels), len(studies), 12))
        ax = fig.add_subplot()
        _flows(ax, _ribbons(cells, study, left), middle, (WIDTH, 1 - WIDTH), study.map(tones))
        _flows(ax, _ribbons(cells, label, right), middle, (2 - WIDTH, 1 + WIDTH), label.map(looks))
        _bands(ax, 0, left, [tones.get(name, GREY) for name in left])
        _bands(ax, 1, middle, ["#5a5a5a"] * len(middle))
        _bands(ax, 2, right, [looks.get(name, GREY) for name in right])
        _names(ax, -2 * WIDTH, left, -1)
        _names(ax, 2 + 2 * WIDTH, right, 1)
        ax.set(xlim=(-0.6, 2.8), ylim=(1.01, -0.07))
        ax.set_axis_off()
        order = "in order of pseudotime" if np.isfinite(view.values(PSEUDOTIME)).any() else "by label"
        for x, text in enumerate(("study", f"{len(obs)} panclusters {order}", column.replace("_", " "))):
            ax.text(x, -0.03, text, ha="center", va="bottom", fontsize=7.5, fontweight="bold")
    return fig


def _arranged(view: View, column: str) -> tuple[pd.DataFrame, pd.Series, list[str]]:
    """Return disjoint clusters in their order, the label of each, and the labels by mean pseudotime."""
    time = pd.Series(view.values(PSEUDOTIME), index=view.obs.index)
    obs = view.obs.iloc[partition(view.obs)]
    named = obs[column].notna() & (obs[column].astype(str) != "")
    label, time = obs[column].astype(str).where(named, NONE), time[obs.index]
    of_label = time.groupby(label).mean()
    keys = pd.DataFrame({"time": time, "of_label": label.map(of_label), "label": label})
    obs = obs.loc[keys.sort_values(["time", "of_label", "label"], kind="stable").index]
    labels = sorted(of_label.index, key=lambda name: (np.nan_to_num(of_label[name], nan=np.inf), name))
    return obs, label[obs.index], labels


def _column(sizes: pd.Series) -> Spans:
    """Return the upper and lower end of each band, their heights in proportion to cells."""
    gap = min(GAP, 0.4 / max(len(sizes), 1))
    scale = (1 - gap * (len(sizes) - 1)) / float(sizes.sum())
    spans, top = {}, 0.0
    for name, size in sizes.items():
        spans[str(name)] = (top, top + scale * size)
        top += scale * size + gap
    return spans


def _ribbons(cells: pd.Series, group: pd.Series, outer: Spans) -> Spans:
    """Return where each cluster's ribbon leaves the band of its group."""
    used, totals = {name: span[0] for name, span in outer.items()}, cells.groupby(group).sum()
    made = {}
    for name, size in cells.items():
        of = str(group[name])
        height = size / totals[of] * (outer[of][1] - outer[of][0])
        made[str(name)] = (used[of], used[of] + height)
        used[of] += height
    return made


def _flows(ax: Axes, ribbons: Spans, middle: Spans, places: tuple[float, float], tones: pd.Series) -> None:
    """Draw each cluster's ribbon from its place in the band of its group to its own band."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x0, x1), half = places, sum(places) / 2
    kinds = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    for (name, (top, low)), tone in zip(ribbons.items(), tones, strict=True):
        up, down = middle[name]
        there = [(x0, top), (half, top), (half, up), (x1, up)]
        back = [(x1, down), (half, down), (half, low), (x0, low)]
        shape = Path([*there, *back, there[0]], kinds)
        colour = tone if isinstance(tone, str) else GREY
        ax.add_patch(PathPatch(shape, facecolor=colour, alpha=0.45, linewidth=0))


def _bands(ax: Axes, x: float, spans: Spans, tones: Sequence[str]) -> None:
    for (top, low), tone in zip(spans.values(), tones, strict=True):
        ax.fill_between([x - WIDTH, x + WIDTH], top, low, color=tone, linewidth=0)


def _names(ax: Axes, x: float, spans: Spans, side: int) -> None:
    """Write names beside bands; one that would overlap the name above is moved, and joined by a line."""
    distance = min(0.045, 0.98 / max(len(spans), 1))
    middles = [sum(span) / 2 for span in spans.values()]
    places = list(middles)
    for at in range(1, len(places)):
        places[at] = max(places[at], places[at - 1] + distance)
    limit = 1.0
    for at in reversed(range(len(places))):
        places[at] = min(places[at], limit)
        limit = places[at] - distance
    for name, middle, place in zip(spans, middles, places, strict=True):
        if place != middle:
            ax.plot([x, x + 0.05 * side], [middle, place], color="#9a9a9a", linewidth=0.4)
        ha = "left" if side > 0 else "right"
        ax.text(x + 0.06 * side, place, plain_text(name), ha=ha, va="center", fontsize=7, color=INK)
