"""Figures of the lines' models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from panscape.data import files
from panscape.stats.decomposition import signs
from panscape.stats.singular import singular

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#2b6ca3", "#d2691e", "#c4c4c4"
COLOURS = ("#d2691e", "#2b6ca3", "#3a8f5c", "#8c4ba0", "#c0392b", "#7a6a3a")
SHOWN = 3  # number of lines drawn by default


def principal_reading(scores: np.ndarray, loadings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotate the linear approximation of a model, scores . loadings^T, to its principal axes (biplot).

    Dimensions of an autoencoder have no order; the principal axes of the product do.

    Parameters
    ----------
    scores, loadings
        (n, K) of the cells and (F, K) of the genes.

    Returns
    -------
    The first two axes of cells (n, 2; unit variance) and genes (F, 2; in standard deviations explained).
    """
    centred = scores - scores.mean(axis=0)
    left, upper = np.linalg.qr(centred.astype(float))
    right, other = np.linalg.qr(loadings.astype(float))
    u, sizes, vt = singular(upper @ other.T)
    n = len(scores)
    cells = (left @ u)[:, :2] * np.sqrt(n)
    genes = ((right @ vt.T) * sizes)[:, :2] / np.sqrt(n)
    sign = signs(genes)
    return cells * sign, genes * sign


def draw_lines(
    lines: str | Path,
    models: str | Path,
    training: str | Path,
    folders: Mapping[str, str | Path],
    paths: Sequence[str | Path],
    settings: Mapping[str, Any],
    formats: Sequence[str] = ("png", "svg"),
) -> None:
    """Draw the figures ``training``, ``models`` and ``embeddings``.

    Parameters
    ----------
    lines, models, training
        Tables of the collection.
    folders
        line -> its folder.
    paths
        PNG files to write; the stem of a name selects the figure.
    settings
        The configuration's section ``sivae`` (`show_lines`, `highlight`).
    formats
        Formats to write.
    """
    from panscape.plot.style import save_figure, style

    table = files.read_tsv(models, dtype={"line": str, "bin": str})
    plan = files.read_tsv(lines, dtype={"line": str, "name": str})
    plan = plan[plan["line"].isin(list(folders))]
    shown = [line for line in settings["show_lines"] if line in folders]
    shown = shown or list(plan.sort_values("n_cells", ascending=False, kind="stable")["line"][:SHOWN])
    draw = {
        "training": lambda: plot_training(files.read_tsv(training, dtype={"line": str, "bin": str})),
        "models": lambda: plot_models(table),
        "embeddings": lambda: plot_embeddings({line: folders[line] for line in shown}, settings["highlight"]),
    }
    for path in paths:
        with style():
            figure = draw[Path(path).stem]()
        save_figure(figure, path, formats=formats)


TERMS = {
    "mse": "squared error",
    "nll": "negative log likelihood",
    "kl_cells": "KL of cells",
    "kl_genes": "KL of genes",
}
"""Terms of the loss as the figure names them; others by their key."""


def plot_training(table: pd.DataFrame) -> Figure:
    """Draw the loss terms of training and held-out cells over the steps, a line per model."""
    from panscape.plot.style import new_figure

    kept = table[~table["term"].isin(["penalty"])]
    panels = list(dict.fromkeys(zip(kept["split"], kept["term"], strict=True)))
    panels.sort(key=lambda panel: (panel[0] != "heldout", panel[1] != "mse"))
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(height=1.9 * rows)
    for ax, (split, term) in zip(figure.subplots(rows, columns, squeeze=False).flat, panels, strict=False):
        part = kept[(kept["split"] == split) & (kept["term"] == term)]
        for _, of_bin in part.groupby(["line", "bin"], sort=False):
            colour = BLUE if split == "train" else ORANGE
            ax.plot(of_bin["step"], of_bin["value"], color=colour, alpha=0.5, linewidth=0.7)
        name = TERMS.get(term, term.replace("_", " "))
        ax.set_title(f"{name},\n{'held-out' if split == 'heldout' else 'training'} cells")
        ax.set_xlabel("step")
        values = part["value"].to_numpy(float)
        if len(values) > 4:  # the first steps are far off and would flatten the rest
            ax.set_ylim(top=np.nanquantile(values, 0.95) + 0.05 * np.ptp(values[np.isfinite(values)]))
    for ax in figure.axes[len(panels) :]:
        ax.set_visible(False)
    return figure


def plot_models(table: pd.DataFrame) -> Figure:
    """Draw every model's held-out error with those of principal components and the null."""
    from panscape.plot.style import new_figure

    order = table.sort_values(["line", "bin"], kind="stable").reset_index(drop=True)
    figure = new_figure(height=max(2.2, min(0.16 * len(order) + 1.0, 9)))
    ax = figure.subplots()
    places = np.arange(len(order))
    error = order["test_mse"].fillna(order["train_mse"])
    ax.hlines(places, error, order["null_mse"], color=GREY, linewidth=0.8)
    ax.plot(order["null_mse"], places, "|", color="#6b6b6b", label="null (each gene's mean)")
    ax.plot(
        order["pca_mse"].fillna(order["pca_train_mse"]),
        places,
        "o",
        ms=3,
        color=ORANGE,
        label="principal components",
    )
    ax.plot(error, places, "o", ms=3, color=BLUE, label="siVAE")
    collapsed = order["collapsed"].astype(bool)
    ax.plot(error[collapsed], places[collapsed], "x", ms=6, color="#c0392b", label="collapsed")
    labels = [f"{line}, {bin_}" for line, bin_ in zip(order["line"], order["bin"], strict=True)]
    step = max(1, -(-len(order) // 60))
    ax.set_yticks(places[::step], labels[::step])
    ax.invert_yaxis()
    ax.set_xlabel("squared error of scaled expression, cells held out")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def plot_embeddings(folders: Mapping[str, str | Path], highlight: Mapping[str, Sequence[str]]) -> Figure:
    """Draw cells and genes of each line's first bin side by side, on the axes of `principal_reading`."""
    from panscape.plot.style import new_figure

    figure = new_figure(height=2.9 * len(folders))
    panels = figure.subplots(len(folders), 2, squeeze=False)
    for (line, folder), (left, right) in zip(folders.items(), panels, strict=True):
        genes = files.read_h5ad(Path(folder) / "embedding.h5ad")
        cells = files.read_h5ad(Path(folder) / "cells.h5ad")
        first = cells.obs["bin"].astype(str).to_numpy() == cells.obs["bin"].astype(str).iloc[0]
        name = str(cells.obs["bin"].iloc[0])
        scores, loadings = principal_reading(cells.obsm["sivae"][first], genes.obsm[f"bin-{name}"])
        labels = cells.obs["label"].astype(str).to_numpy()[first] if "label" in cells.obs else None
        _cells_panel(left, scores, labels)
        left.set_title(f"{line}: {first.sum()} cells")
        _genes_panel(right, loadings, genes.obs_names, highlight)
        right.set_title(f"{line}: {len(loadings)} genes")
    return figure


def _cells_panel(ax: Axes, scores: np.ndarray, labels: np.ndarray | None) -> None:
    if labels is None:
        ax.scatter(*scores.T, s=4, color=BLUE, alpha=0.6, linewidths=0)
    else:
        kinds, counts = np.unique(labels, return_counts=True)
        top = kinds[np.argsort(-counts, kind="stable")][: len(COLOURS)]
        for kind in [*top, None]:
            inside = ~np.isin(labels, top) if kind is None else labels == kind
            colour = GREY if kind is None else COLOURS[list(top).index(kind)]
            if inside.any():
                ax.scatter(
                    *scores[inside].T, s=4, color=colour, alpha=0.7, linewidths=0, label=kind or "others"
                )
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1), markerscale=2)
    ax.set(xlabel="axis 1 (cells)", ylabel="axis 2 (cells)")


def _genes_panel(
    ax: Axes, loadings: np.ndarray, names: pd.Index, highlight: Mapping[str, Sequence[str]]
) -> None:
    from panscape.plot.style import halo

    ax.scatter(*loadings.T, s=3, color=GREY, linewidths=0)
    for (label, members), colour in zip(highlight.items(), COLOURS * 5, strict=False):
        inside = names.isin(list(members))
        ax.scatter(*loadings[inside].T, s=9, color=colour, linewidths=0, label=f"{label} ({inside.sum()})")
    if highlight:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1))
    else:
        strongest = np.argsort(-np.square(loadings).sum(axis=1), kind="stable")[:12]
        for gene in _labelled(loadings, strongest):
            ax.annotate(str(names[gene]), loadings[gene], fontsize=6, path_effects=halo())
    ax.axhline(0, color=GREY, linewidth=0.4, zorder=0)
    ax.axvline(0, color=GREY, linewidth=0.4, zorder=0)
    ax.set(xlabel="axis 1 (genes)", ylabel="axis 2 (genes)")


def _labelled(loadings: np.ndarray, genes: np.ndarray) -> list[int]:
    """Return the genes whose labels do not overprint that of an earlier one."""
    share = loadings / np.where(np.ptp(loadings, axis=0) > 0, np.ptp(loadings, axis=0), 1.0)
    kept: list[int] = []
    for gene in genes:
        # a label is about an eighth of the panel wide and a twentieth high
        if all((np.abs(share[gene] - share[other]) > (0.13, 0.05)).any() for other in kept):
            kept.append(int(gene))
    return kept
