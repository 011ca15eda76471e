"""Histograms of quality control."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from panscape.preprocess._measures import FILTERS
from panscape.preprocess._outcome import Qc

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TITLES = {
    "n_counts": "Counts per cell",
    "n_genes": "Genes per cell",
    "mito_share": "Mitochondrial share",
    "ribo_share": "Ribosomal share",
}
_BINS = 60


def plot_qc(result: Qc, *, title: str = "") -> Figure:
    """Draw the distribution of each measure, with the limit and what it removes.

    Of the cells that `keep` chose; those that any limit removed are stacked on those that are left.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    from panscape.plot import DOUBLE, GREY, INK, OKABE_ITO, new_figure, style

    cells = result.cells[result.cells["removed_by"] != "keep"]
    removed = (cells["removed_by"] != "").to_numpy()
    counts = result.table.set_index("filter")["removed"]
    with style():
        fig = new_figure(DOUBLE, 2.3)
        n_left = int((~removed).sum())
        others = len(result.cells) - len(cells)
        fig.suptitle(
            f"{title}{': ' if title else ''}{n_left:,} of {len(removed):,} cells kept, "
            f"{int(result.table['left'].iloc[-1]):,} genes"
            + (f" (keep chose them from {len(result.cells):,})" if others else ""),
            x=0.01, ha="left", fontsize=8.5, fontweight="bold",
        )  # fmt: skip
        axes = fig.subplots(1, len(FILTERS))
        for ax, (name, column) in zip(axes, FILTERS.items(), strict=True):
            values = cells[column].to_numpy(dtype=float)
            logarithmic = column in ("n_counts", "n_genes")
            bins = _bins(values, logarithmic)
            parts = [values[~removed], values[removed]]
            ax.hist(parts, bins=bins, stacked=True, color=[OKABE_ITO[0], GREY], label=["kept", "removed"])
            if logarithmic:
                ax.set_xscale("log")
                ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
                ax.xaxis.set_major_formatter(FuncFormatter(_short))
                ax.xaxis.set_minor_formatter(NullFormatter())
            limit = getattr(result.settings, name)
            active = limit > 0 if name.startswith("min") else limit < 1
            if active:
                ax.axvline(limit, color=OKABE_ITO[5], linewidth=1.2, linestyle="--")
                sign = "<" if name.startswith("min") else ">"
                auto = " (auto)" if name in result.auto else ""
                note = f"{sign} {limit:g}{auto}: {int(counts[name]):,} removed"
            else:
                note = "no limit"
            ax.set_title(f"{_TITLES[column]}\n", fontsize=8)
            ax.text(0, 1.03, note, transform=ax.transAxes, fontsize=7, color=OKABE_ITO[5] if active else INK)
        axes[0].set_ylabel("Cells")
        handles, labels = axes[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower right", ncols=2)
    return fig


def _bins(values: np.ndarray, logarithmic: bool) -> np.ndarray:
    if not len(values):
        return np.linspace(1.0, 2.0, _BINS + 1)
    if logarithmic:
        low = max(values[values > 0].min(), 1.0) if (values > 0).any() else 1.0
        return np.geomspace(low, max(values.max(), low * 1.01) * 1.001, _BINS + 1)
    return np.linspace(0.0, max(values.max(), 0.01), _BINS + 1)


def _short(value: float, _position: int) -> str:
    """Return 300, 3k, 3M: numbers narrow enough to stand side by side."""
    for unit, sign in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{sign}"
    return f"{value:g}"
