"""Histograms of quality control.

``python -m panscape.plot.qc HISTOGRAMS QC FIGURE TITLE`` draws them from their tables. Failing jobs draw in a
separate process, so that their results do not depend on the code of figures.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# measure -> title, filter
_PANELS = {
    "n_counts": ("Counts per cell", "min_counts"),
    "n_genes": ("Genes per cell", "min_genes"),
    "mito_share": ("Mitochondrial share", "max_mito"),
    "ribo_share": ("Ribosomal share", "max_ribo"),
}
_LOGARITHMIC = ("n_counts", "n_genes")
_FAR = 4  # maximum height of a limit relative to the highest bar, so as not to flatten the histogram


def plot_qc(histograms: pd.DataFrame, table: pd.DataFrame, *, title: str = "") -> Figure:
    """Draw the distribution of each measure, with its limit and the number of removed cells.

    Only cells chosen by `keep` are shown; removed cells are stacked on the remaining ones.

    Parameters
    ----------
    histograms
        Columns measure, low, high, kept, removed (see :func:`panscape.plot.qc_histograms.histograms`).
    table
        The study's ``qc.tsv``: filter, removed, left, limit, chosen.
    title
        Name of the study.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    from panscape.plot.palette import OKABE_ITO
    from panscape.plot.style import DOUBLE, GREY, INK, new_figure, style

    rows = table.set_index("filter")
    with style():
        fig = new_figure(DOUBLE, 2.3)
        fig.suptitle(_headline(rows, title), x=0.01, ha="left", fontsize=8.5, fontweight="bold")
        axes = fig.subplots(1, len(_PANELS))
        for ax, (measure, (name, filter_)) in zip(axes, _PANELS.items(), strict=True):
            of_measure = histograms[histograms["measure"] == measure]
            low, width = of_measure["low"], of_measure["high"] - of_measure["low"]
            for column, below, color in (("kept", 0, OKABE_ITO[0]), ("removed", of_measure["kept"], GREY)):
                ax.bar(low, of_measure[column], width, bottom=below, align="edge", color=color, label=column)
            if measure in _LOGARITHMIC:
                ax.set_xscale("log")
                ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
                ax.xaxis.set_major_formatter(FuncFormatter(_short))
                ax.xaxis.set_minor_formatter(NullFormatter())
            limit = float(rows.loc[filter_, "limit"])
            active = limit > 0 if filter_.startswith("min") else limit < 1
            highest = float(of_measure["high"].max()) if len(of_measure) else limit
            beyond = measure not in _LOGARITHMIC and limit > _FAR * highest
            if beyond:
                ax.set_xlim(0, 1.05 * highest)
            elif active:
                ax.axvline(limit, color=OKABE_ITO[5], linewidth=1.2, linestyle="--")
            ax.set_title(f"{name}\n", fontsize=8)
            ax.text(
                0, 1.03, _note(rows, filter_, limit) if active else "no limit",
                transform=ax.transAxes, fontsize=7, color=OKABE_ITO[5] if active else INK,
            )  # fmt: skip
        axes[0].set_ylabel("Cells")
        handles, labels = axes[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower right", ncols=2)
    return fig


def _headline(rows: pd.DataFrame, title: str) -> str:
    total, chosen = int(rows.loc["input", "left"]), int(rows.loc["keep", "left"])
    left, genes = (int(rows.loc[rows["unit"] == unit, "left"].iloc[-1]) for unit in ("cells", "genes"))
    others = f" (keep chose them from {total:,})" if total > chosen else ""
    return f"{title}{': ' if title else ''}{left:,} of {chosen:,} cells kept, {genes:,} genes{others}"


def _note(rows: pd.DataFrame, filter_: str, limit: float) -> str:
    sign = "<" if filter_.startswith("min") else ">"
    auto = " (auto)" if rows.loc[filter_, "chosen"] == "auto" else ""
    return f"{sign} {limit:g}{auto}: {int(rows.loc[filter_, 'removed']):,} removed"


def _short(value: float, _position: int) -> str:
    """Return 300, 3k, 3M: compact numbers for tick labels."""
    for unit, sign in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{sign}"
    return f"{value:g}"


def _main(histograms: str, table: str, figure: str, title: str) -> None:
    from panscape.data.files import read_tsv
    from panscape.plot.style import save_figure

    drawn = plot_qc(read_tsv(histograms), read_tsv(table, dtype={"study": str}), title=title)
    save_figure(drawn, figure)


if __name__ == "__main__":
    _main(*sys.argv[1:])
