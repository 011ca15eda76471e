"""Figures of predicted and generated cells, compared with baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.palette import OKABE_ITO
from panscape.plot.style import (
    DOUBLE,
    RASTER_ABOVE,
    colorbar_outside,
    empty_figure,
    legend_outside,
    new_figure,
    plain_text,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MODEL = "unicoord"
MODELS = {
    "unicoord": "UniCoord",
    "unicoord-residual": "UniCoord with each cell's noise",
    "unicoord-near": "UniCoord from nearest groups",
    "unicoord-near-residual": "UniCoord from nearest groups, with noise",
    "unicoord-local": "UniCoord from near cells",
    "unicoord-local-residual": "UniCoord from near cells, with noise",
    "local-linear": "local linear regression",
    "logistic-pca": "logistic regression (PCA)",
    "logistic-genes": "logistic regression (genes)",
    "knn-pca": "nearest neighbours (PCA)",
    "ridge-genes": "ridge (genes)",
    "ridge-pca": "ridge (PCA)",
    "majority": "most frequent class",
    "nearest": "nearest group",
    "linear": "linear interpolation",
    "linear-log1p": "linear interpolation (log)",
    "linear-sqrt": "linear interpolation (root)",
    "linear-rank": "linear interpolation (ranks)",
    "mean": "mean",
    "true cells": "other true cells",
}
"""Model -> display name."""
_GUESSES = {
    "mean": "all other groups",
    "unicoord-residual": "UniCoord with noise",
    "unicoord-near": "from nearest groups",
    "unicoord-near-residual": "nearest, with noise",
    "unicoord-local": "from near cells",
    "unicoord-local-residual": "near, with noise",
    "local-linear": "local linear",
}
_RESTORED = (
    ("e_distance", "Energy distance", 0),
    ("covariance_error", "Covariance error", 0),
    ("pcc_of_change", "Correlation of change", 1),
)
STATES = {"measured": "#8c8c8c", "reconstructed": OKABE_ITO[4], "reconfigured": OKABE_ITO[5]}
_DRAWN = 5000  # maximum number of cells
_NAMED = 30  # maximum number of classes for which each is named


def model_name(model: str) -> str:
    """Return the display name of a model."""
    return MODELS.get(model, model)


def plot_classes(confusion: pd.DataFrame, calibration: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Draw the confusion matrix and the calibration curve of each discrete label.

    Parameters
    ----------
    confusion
        label, truth, predicted, n of test cells.
    calibration
        label, confidence, accuracy, n.
    metrics
        task, model, metric, value.
    """
    labels = list(dict.fromkeys(confusion["label"].astype(str)))
    with style():
        if not labels:
            return empty_figure("No discrete label was predicted.")
        tables = [_matrix(confusion[confusion["label"].astype(str) == label]) for label in labels]
        heights = [1.3 + 0.13 * np.clip(len(table), 5, _NAMED) + 0.035 * _longest(table) for table in tables]
        fig = new_figure(DOUBLE, sum(heights))
        axes = fig.subplots(len(labels), 2, squeeze=False, width_ratios=(1.5, 1), height_ratios=heights)
        for (left, right), label, table in zip(axes, labels, tables, strict=True):
            _draw_matrix(fig, left, table, label)
            _draw_calibration(right, calibration[calibration["label"].astype(str) == label], metrics, label)
    return fig


def _matrix(part: pd.DataFrame) -> pd.DataFrame:
    """Return the fractions of each true class (rows) that are predicted as each class."""
    table = part.pivot_table(index="truth", columns="predicted", values="n", aggfunc="sum", fill_value=0)
    table.index, table.columns = table.index.astype(str), table.columns.astype(str)
    table = table.loc[table.sum(axis=1) > 0, table.sum(axis=0) > 0]
    names = [*sorted(table.index), *sorted(set(table.columns) - set(table.index))]
    table = table.reindex(index=sorted(table.index), columns=names, fill_value=0)
    return table.div(table.sum(axis=1), axis=0)


def _longest(table: pd.DataFrame) -> int:
    return min(table.columns.str.len().max(), 24) if len(table.columns) <= _NAMED else 0


def _draw_matrix(fig: Figure, ax: Axes, table: pd.DataFrame, label: str) -> None:
    drawn = ax.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    ax.set_title(f"{plain_text(label.replace('_', ' ').capitalize())}: fraction of each true class")
    ax.set(xlabel="predicted", ylabel="true")
    size = 6 if len(table) <= 16 else 5
    for axis, names in ((ax.yaxis, table.index), (ax.xaxis, table.columns)):
        shown = [plain_text(name if len(name) <= 24 else f"{name[:23]}…") for name in names]
        axis.set_ticks(range(len(names)), shown, fontsize=size) if len(names) <= _NAMED else axis.set_ticks(
            []
        )
    ax.tick_params(axis="x", rotation=90)
    ax.spines[["left", "bottom"]].set_visible(False)
    colorbar_outside(fig, ax, drawn, "")


def _draw_calibration(ax: Axes, bins: pd.DataFrame, metrics: pd.DataFrame, label: str) -> None:
    ax.plot([0, 1], [0, 1], color="#6b6b6b", linewidth=0.7, linestyle="--", zorder=0)
    if len(bins):
        size = np.sqrt(bins["n"] / bins["n"].sum())
        ax.plot(bins["confidence"], bins["accuracy"], color=OKABE_ITO[0], linewidth=0.8)
        ax.scatter(bins["confidence"], bins["accuracy"], s=10 + 60 * size, color=OKABE_ITO[0], linewidths=0)
    error = _value(metrics, label, MODEL, "ece")
    title = f"Calibration error {error:.3f}" if np.isfinite(error) else "Calibration"
    ax.set(xlim=(-0.03, 1.05), ylim=(-0.03, 1.05), xlabel="probability of the predicted class", title=title)
    ax.set_ylabel("accuracy")


def _value(metrics: pd.DataFrame, task: str, model: str, metric: str) -> float:
    rows = metrics["task"].eq(task) & metrics["model"].eq(model) & metrics["metric"].eq(metric)
    return float(metrics.loc[rows, "value"].iloc[0]) if rows.any() else float("nan")


def plot_values(predictions: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Draw predicted against true numbers of test cells.

    Parameters
    ----------
    predictions
        label, kind, split, truth, value of every cell.
    metrics
        task, model, metric, value.
    """
    rows = predictions[predictions["split"].eq("test") & predictions["kind"].eq("continuous")]
    labels = list(dict.fromkeys(rows["label"].astype(str)))[:6]
    with style():
        if not labels:
            return empty_figure("No continuous label was predicted.")
        columns = min(3, len(labels))
        fig = new_figure(DOUBLE * columns / 3, 2.5 * -(-len(labels) // columns))
        axes = fig.subplots(-(-len(labels) // columns), columns, squeeze=False).ravel()
        for ax, label in zip(axes, labels, strict=False):
            part = rows[rows["label"].astype(str) == label]
            true, predicted = (
                pd.to_numeric(part[name], errors="coerce").to_numpy() for name in ("truth", "value")
            )
            drawn = np.flatnonzero(np.isfinite(true) & np.isfinite(predicted))[:_DRAWN]
            if not len(drawn):
                ax.set_visible(False)
                continue
            ends = [
                min(true[drawn].min(), predicted[drawn].min()),
                max(true[drawn].max(), predicted[drawn].max()),
            ]
            ax.plot(ends, ends, color="#6b6b6b", linewidth=0.7, linestyle="--", zorder=0)
            look = {"s": 6, "alpha": 0.35, "linewidths": 0, "rasterized": len(drawn) > RASTER_ABOVE}
            ax.scatter(true[drawn], predicted[drawn], color=OKABE_ITO[0], **look)
            r, mae = (_value(metrics, label, MODEL, metric) for metric in ("r", "mae"))
            ax.set(xlabel="true", ylabel="predicted")
            name = plain_text(label.replace("_", " ")[:34])
            ax.set_title(f"{name}\nr = {r:.3f}, mean error {mae:.3g}", fontsize=7)
        for ax in axes[len(labels) :]:
            ax.set_visible(False)
    return fig


def plot_reconfiguration(metrics: pd.DataFrame) -> Figure:
    """Draw the variance explained by labels before and after all cells are set to one class of a label.

    Parameters
    ----------
    metrics
        Rows of tasks ``set <label>``: model (measured, reconstructed, reconfigured), metric ``variance by
        <label>``, value, null.
    """
    start, by = "set ", "variance by "
    rows = metrics[metrics["task"].astype(str).str.startswith(start) & metrics["metric"].str.startswith(by)]
    tasks = list(dict.fromkeys(rows["task"]))
    with style():
        if not tasks:
            return empty_figure("No label with classes was reconfigured.")
        fig = new_figure(DOUBLE * min(len(tasks) + 0.5, 3) / 3, 2.5)
        axes = fig.subplots(1, len(tasks), squeeze=False, sharey=True)[0]
        for ax, task in zip(axes, tasks, strict=True):
            part = rows[rows["task"] == task].assign(by=lambda table: table["metric"].str.removeprefix(by))
            others = list(dict.fromkeys(part["by"]))
            for at, (state, colour) in enumerate(STATES.items()):
                of_state = part[part["model"] == state].set_index("by").reindex(others)
                place = np.arange(len(others)) + (at - 1) * 0.26
                bars = ax.bar(place, of_state["value"], width=0.24, color=colour)
                ax.hlines(of_state["null"], place - 0.12, place + 0.12, color="#262626", linewidth=0.8)
                bars.set_label(state)
            ax.set_xticks(range(len(others)), [plain_text(name.replace("_", " ")) for name in others])
            ax.set_xlabel("explained by")
            ax.set_title(
                f"All cells given one {plain_text(task.removeprefix(start).replace('_', ' '))}", fontsize=7.5
            )
        axes[0].set_ylabel("fraction of variance")
        handles, names = axes[-1].get_legend_handles_labels()
        legend_outside(axes[-1], handles, names)
    return fig


def plot_restoration(scores: pd.DataFrame, curve: pd.DataFrame) -> Figure:
    """Draw restored groups and baselines: correlation with every group's mean, and two distances.

    Parameters
    ----------
    scores
        label, low, high, model, metric, value.
    curve
        label, low, high, model, group, pcc_of_means.
    """
    keys = list(dict.fromkeys(curve[["label", "low", "high"]].itertuples(index=False, name=None)))
    with style():
        fig = new_figure(DOUBLE, 2.6 * max(len(keys), 1))
        axes = fig.subplots(max(len(keys), 1), 4, squeeze=False, width_ratios=(1.6, 1, 1, 1))
        for row, (label, low, high) in zip(axes, keys, strict=False):
            same = [
                table[table["label"].eq(label) & table["low"].eq(low) & table["high"].eq(high)]
                for table in (curve, scores)
            ]
            tone = {model: OKABE_ITO[at % 8] for at, model in enumerate(dict.fromkeys(same[0]["model"]))}
            _draw_curve(row[0], same[0], tone, (low, high), label)
            for ax, (metric, title, best) in zip(row[1:], _RESTORED, strict=True):
                part = same[1][same[1]["metric"] == metric]
                _draw_bars(ax, part, tone, title, f"{best} is best", named=ax is row[1])
    return fig


def _draw_curve(ax: Axes, part: pd.DataFrame, tone: dict, span: tuple[float, float], label: str) -> None:
    ax.axvspan(*span, color="#e6e6e6", zorder=0, linewidth=0)
    for model, of_model in part.groupby("model", sort=False):
        width = 1.6 if str(model).startswith(MODEL) else 0.8
        mark = "--" if model == "true cells" else "-"
        ax.plot(
            of_model["group"],
            of_model["pcc_of_means"],
            mark,
            color=tone[model],
            linewidth=width,
            marker="o",
            markersize=2.5,
        )
    ax.set(xlabel=plain_text(label.replace("_", " ")), ylabel="correlation with the group's mean")
    ax.set_title("Restored cells (grey: left out)", fontsize=7.5)


def _draw_bars(ax: Axes, part: pd.DataFrame, tone: dict, title: str, best: str, *, named: bool) -> None:
    part = part.set_index("model").reindex(list(tone))
    ax.barh(np.arange(len(part)), part["value"], color=[tone[model] for model in part.index], height=0.7)
    names = [_GUESSES.get(model, model_name(model)) for model in part.index] if named else [""] * len(part)
    ax.set_yticks(range(len(part)), names, fontsize=6)
    ax.invert_yaxis()
    ax.set_title(title, fontsize=7.5)
    ax.set_xlabel(best)
