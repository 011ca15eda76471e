"""Figures of the programmes: the dictionary's entries as groups of genes with scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_LABELS = 24  # of a column
ROW, CELL = 0.17, 0.2  # inches


def row_labels(programs: pd.DataFrame) -> dict[str, str]:
    """Return the label of each entry in figures: its name and top genes.

    Parameters
    ----------
    programs
        entry, top_genes.
    """
    return {
        row.entry: f"{row.entry}  {row.top_genes}" if isinstance(row.top_genes, str) else row.entry
        for row in programs.itertuples()
    }


def plot_scores(
    programs: pd.DataFrame, means: pd.DataFrame, *, units: Mapping[str, str] | None = None
) -> Figure:
    """Draw the mean score of every entry in the cells of every label, one panel per column.

    Parameters
    ----------
    programs
        entry, top_genes.
    means
        entry, column, value, score, n_cells.
    units
        Unit of each column that has one.
    """
    from panscape.plot.palette import DIVERGING
    from panscape.plot.style import DOUBLE, colorbar_outside, empty_figure, new_figure, plain_text, style

    units, labels = units or {}, row_labels(programs)
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
            ax.set_title(f"Scores by {column}{unit}")
            colorbar_outside(fig, ax, image, "mean score (sd)")
    return fig
