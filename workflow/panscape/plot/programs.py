"""Figures of the programmes: the dictionary's entries as groups of genes with scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.names import entry_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_LABELS = 24  # of a column
ROW = 0.17  # inches
FDR = 0.05
COLOURS = ("#0072B2", "#b8d4e6")


def plot_scores(
    programs: pd.DataFrame, means: pd.DataFrame, *, units: Mapping[str, str] | None = None
) -> Figure:
    """Draw the mean score of every entry in the cells of every label, one panel per column.

    Parameters
    ----------
    programs
        entry, top_genes, name.
    means
        entry, column, value, score, n_cells.
    units
        Unit of each column that has one.
    """
    from panscape.plot.palette import DIVERGING
    from panscape.plot.style import DOUBLE, colorbar_outside, empty_figure, new_figure, plain_text, style

    units, labels = units or {}, entry_labels(programs, list(programs["entry"]))
    tables = []
    for column, part in means.groupby("column", sort=False):
        common = part.groupby("value", sort=False)["n_cells"].first().nlargest(MAX_LABELS).index
        table = part[part["value"].isin(common)].pivot(index="entry", columns="value", values="score")
        if table.shape[1] > 1:
            order = [value for value in dict.fromkeys(part["value"]) if value in set(common)]
            tables.append((column, table.reindex(index=programs["entry"], columns=order)))
    if not tables:
        return empty_figure("The cells have no labels with two values or more.")
    limit = max(
        float(np.nanquantile(np.abs(np.concatenate([t.to_numpy().ravel() for _, t in tables])), 0.98)), 0.1
    )
    with style():
        height = ROW * len(programs) + 1.5
        fig = new_figure(DOUBLE, height * len(tables))
        for at, (column, table) in enumerate(tables):
            ax = fig.add_subplot(len(tables), 1, at + 1)
            image = ax.imshow(table, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto")
            ax.set_xticks(range(table.shape[1]), map(plain_text, table.columns), rotation=40, ha="right")
            ax.set_yticks(range(len(table)), [plain_text(labels[name]) for name in table.index])
            unit = f" ({units[column]})" if column in units else ""
            ax.set_title(f"Scores by {column.replace('_', ' ')}{unit}")
            colorbar_outside(fig, ax, image, "mean score (sd)")
    return fig


def plot_changes(programs: pd.DataFrame, changes: pd.DataFrame) -> Figure:
    """Draw the correlation of every entry with every compared column: level, activity and connectivity.

    Parameters
    ----------
    programs
        entry, top_genes, name.
    changes
        column, measure, entry, kind, n_samples, rho, fdr.
    """
    from panscape.plot.style import DOUBLE, INK, empty_figure, new_figure, plain_text, style

    columns = list(dict.fromkeys(changes["column"]))
    if not columns:
        return empty_figure("No column could be compared between samples, see the log of compare_programs.")
    labels = entry_labels(programs, list(programs["entry"]))
    measures = list(dict.fromkeys(changes["measure"]))
    place = {entry: at for at, entry in enumerate(programs["entry"])}
    with style():
        fig = new_figure(DOUBLE, (ROW * len(programs) + 1.0) * len(columns))
        for row, column in enumerate(columns):
            for at, measure in enumerate(measures):
                ax = fig.add_subplot(len(columns), len(measures), row * len(measures) + at + 1)
                part = changes[(changes["column"] == column) & (changes["measure"] == measure)]
                sure = part["fdr"].to_numpy(dtype=float) < FDR
                y = part["entry"].map(place).to_numpy(dtype=float)
                rho = part["rho"].to_numpy(dtype=float)
                colour = np.where(sure, COLOURS[0], COLOURS[1])
                ax.hlines(y, 0, rho, color=colour, linewidth=1.2)
                ax.scatter(rho, y, c=colour, s=np.where(sure, 24, 12), zorder=2, linewidths=0)
                ax.axvline(0, color=INK, linewidth=0.5)
                ax.set(xlim=(-1.05, 1.05), ylim=(len(programs) - 0.4, -0.6), xlabel="rank correlation")
                ax.set_yticks(range(len(programs)), [plain_text(labels[e]) for e in place] if at == 0 else [])
                samples = int(part["n_samples"].max())
                kind = part["kind"].iloc[0]
                text = f"{column}: {measure}" if kind == "number" else f"{measure}, {kind}"
                ax.set_title(f"{plain_text(text)}\n{samples} samples", fontsize=7.5)
    return fig
