"""Figures along pseudotime: age, genes, gene pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from panscape.plot.figure_names import PSEUDOTIME
from panscape.plot.palette import DIVERGING, SEQUENTIAL, categorical
from panscape.plot.style import DOUBLE, GREY, INK, RASTER_ABOVE, legend_outside, new_figure, plain_text, style
from panscape.plot.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 40


@dataclass(frozen=True)
class Statistic:
    """A statistic with its null.

    Parameters
    ----------
    value
        The observed number.
    null_mean, null_sd
        Mean and standard deviation under the null; NaN where there is none.
    pvalue
        p-value of the value under the null, in [0, 1]; NaN where there is none.
    n
        Number of clusters.
    low, high
        95 % interval; NaN where there is none.
    """

    value: float
    null_mean: float = np.nan
    null_sd: float = np.nan
    pvalue: float = np.nan
    n: int = 0
    low: float = np.nan
    high: float = np.nan

    def sentence(self, symbol: str) -> str:
        """Return e.g. ``ρ = 0.91 (95 % 0.84 to 0.95, null 0.00 ± 0.07, p = 0.001, n = 214)``."""
        if not np.isfinite(self.value):
            return f"{symbol}: not defined"
        inner = []
        if np.isfinite(self.low) and np.isfinite(self.high):
            inner.append(f"95 % {self.low:.2f} to {self.high:.2f}")
        if np.isfinite(self.null_mean):
            spread = f" ± {self.null_sd:.2f}" if np.isfinite(self.null_sd) else ""
            inner.append(f"null {self.null_mean:.2f}{spread}")
        if np.isfinite(self.pvalue):
            inner.append(f"p = {self.pvalue:.2g}")
        if self.n:
            inner.append(f"n = {self.n}")
        return f"{symbol} = {self.value:.2f}" + (f" ({', '.join(inner)})" if inner else "")


def plot_pseudotime_age(view: View, statistic: Statistic | None = None) -> Figure:
    """Draw pseudotime against age, coloured by study, with Spearman's rho and its null in the title."""
    with style():
        fig = new_figure(DOUBLE * 0.72, 3.4)
        ax = fig.add_subplot()
        x, y = view.values(PSEUDOTIME), view.values("age")
        both = np.isfinite(x) & np.isfinite(y)
        _by_study(view, ax, x, y, both, legend=True)
        ax.set_xlabel(view.label(PSEUDOTIME))
        ax.set_ylabel(f"Mean {view.label('age')[0].lower()}{view.label('age')[1:]}")
        ax.set_title("Pseudotime against age")
        if statistic is not None:
            _subtitle(ax, f"Spearman {statistic.sentence('ρ')}")
        if (~both).any():
            note = f"Not shown: {int((~both).sum())} of {len(both)} clusters without pseudotime or age."
            footnote(fig, note)
    return fig


def plot_along(
    values: np.ndarray, names: Sequence[str], view: View, *, rhos: Sequence[float], title: str, unit: str
) -> Figure:
    """Draw small multiples: one panel per gene (or pair), its values over pseudotime, coloured by study.

    The line joins the medians of up to twelve bins of equal numbers of clusters.

    Parameters
    ----------
    values
        float (n_names, n_clusters).
    names
        Panel titles.
    view
        The landscape.
    rhos
        Spearman's rho of each row with pseudotime, printed in the panel.
    title, unit
        Title of the figure and unit of the values.
    """
    with style():
        columns = min(4, max(len(names), 1))
        rows = max(-(-len(names) // columns), 1)
        fig = new_figure(DOUBLE, 0.55 + 1.45 * rows)
        if not len(names):
            return _empty(fig, title, "There is nothing to show: no gene varies along pseudotime.")
        fig.suptitle(title, x=0.01, ha="left", fontsize=8.5, fontweight="bold")
        axes = fig.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        x = view.values(PSEUDOTIME)
        for ax, name, row, rho in zip(axes, names, values, rhos, strict=False):
            known = np.isfinite(x) & np.isfinite(row)
            _by_study(view, ax, x, row, known, legend=ax is axes[columns - 1], size=7)
            middle, line = binned_median(x[known], row[known])
            ax.plot(middle, line, color=INK, linewidth=1.1, zorder=4)
            ax.set_title(plain_text(name), fontsize=8, fontstyle="italic", pad=3)
            ax.text(
                1,
                1.02,
                f"ρ {rho:+.2f}".replace("-", "−"),
                transform=ax.transAxes,
                ha="right",
                va="bottom",
                fontsize=6.5,
            )
        for ax in axes[len(names) :]:
            ax.set_axis_off()
        fig.supxlabel(view.label(PSEUDOTIME), fontsize=8)
        fig.supylabel(unit, fontsize=8)
    return fig


def plot_heatmap(
    values: np.ndarray, names: Sequence[str], view: View, *, title: str, unit: str, standardise: bool = True
) -> Figure:
    """Draw rows (genes or pairs) over pseudotime as a heat map, with mean age above.

    Clusters are ordered by pseudotime and averaged in up to forty bins of equal numbers of clusters.

    Parameters
    ----------
    values
        float (n_names, n_clusters); NaN (not measured) is left out of a bin's mean. A bin without values is
        grey.
    names
        Row labels, drawn from the top.
    view
        The landscape.
    title, unit
        Title of the figure and unit of the values.
    standardise
        Standardise each row over the bins.
    """
    from matplotlib import colormaps

    with style():
        fig = new_figure(DOUBLE * 0.8, 1.3 + 0.135 * max(len(names), 4))
        x = view.values(PSEUDOTIME)
        order = np.argsort(np.where(np.isfinite(x), x, np.inf), kind="stable")[: np.isfinite(x).sum()]
        if not len(names) or not len(order):
            return _empty(fig, title, "There is nothing to show: no row varies along pseudotime.")
        bins = np.array_split(order, min(_BINS, len(order)))
        table = _binned(values, bins, standardise)
        top, body = fig.subplots(2, 1, sharex=True, height_ratios=[1, max(len(names), 4)])
        ages = [part[np.isfinite(part)] for part in (view.values("age")[part] for part in bins)]
        _strip(fig, top, np.array([part.mean() if len(part) else np.nan for part in ages]), view.label("age"))
        top.set_title(title)
        limit = 2.0 if standardise else max(float(np.nanmax(np.abs(table))), 1e-9)
        shades = colormaps[DIVERGING].with_extremes(bad=GREY)
        image = body.imshow(
            table, aspect="auto", cmap=shades, vmin=-limit, vmax=limit, interpolation="nearest"
        )
        body.set_yticks(
            range(len(names)), [plain_text(name) for name in names], fontsize=6.5, fontstyle="italic"
        )
        body.set_xticks(*_ticks(x, bins))
        body.tick_params(length=1.5)
        body.spines[:].set_visible(False)
        body.set_xlabel(f"{view.label(PSEUDOTIME)}; {_bins_in_words(bins)}")
        bar = fig.colorbar(image, ax=body, shrink=0.6, aspect=18, pad=0.02, anchor=(0.0, 1.0))
        bar.outline.set_visible(False)
        bar.set_label(f"{unit}\n(row z-score, cut at ±{limit:g})" if standardise else unit)
    return fig


def binned_median(x: np.ndarray, y: np.ndarray, bins: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Return the medians of x and y in up to `bins` bins of equal numbers (five or more) of points.

    Parameters
    ----------
    x, y
        (n,) values.
    bins
        Number of bins of equal numbers of values.
    """
    if not len(x):
        return x, y
    parts = np.array_split(np.argsort(x, kind="stable"), int(np.clip(len(x) // 5, 1, bins)))
    return np.array([np.median(x[part]) for part in parts]), np.array([np.median(y[part]) for part in parts])


def _by_study(view: View, ax: Axes, x, y, mask, *, legend: bool, size: float = 14) -> None:
    studies = view.obs["study"] if "study" in view.obs else ["all"] * len(view.obs)
    looks, codes = categorical(studies, as_met=True)
    handles = []
    for code, look in enumerate(looks):
        keep = mask & (codes == code)
        ax.scatter(
            x[keep],
            y[keep],
            s=size,
            color=look.colour,
            marker=look.marker,
            alpha=0.75,
            linewidths=0,
            zorder=3,
            rasterized=len(x) > RASTER_ABOVE,
        )
        handles.append(ax.scatter([], [], s=18, color=look.colour, marker=look.marker, linewidths=0))
    if legend:
        legend_outside(ax, handles, [look.label for look in looks], title="Study")


def _binned(values: np.ndarray, bins: Sequence[np.ndarray], standardise: bool) -> np.ndarray:
    """Return the rows' means in bins of clusters, each row centred and optionally scaled."""
    if not np.isnan(values).any():
        table = np.stack([values[:, part].mean(axis=1) for part in bins], axis=1)
    else:
        known = ~np.isnan(values)
        count = np.stack([known[:, part].sum(axis=1) for part in bins], axis=1)
        total = np.stack([np.nansum(values[:, part], axis=1) for part in bins], axis=1)
        table = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    if not standardise:
        return table
    centre, spread = np.nanmean(table, axis=1, keepdims=True), np.nanstd(table, axis=1, keepdims=True)
    return (table - centre) / np.where(spread > 0, spread, 1.0)


def _strip(fig: Figure, ax: Axes, values: np.ndarray, label: str) -> None:
    from matplotlib import colormaps

    cmap = colormaps[SEQUENTIAL].with_extremes(bad=GREY)
    image = ax.imshow(np.ma.masked_invalid(values)[None], aspect="auto", cmap=cmap, interpolation="nearest")
    ax.set_yticks([0], ["mean age"])
    ax.tick_params(length=0, labelbottom=False)
    ax.spines[:].set_visible(False)
    if np.isfinite(values).any():
        bar = fig.colorbar(image, ax=ax, orientation="vertical", aspect=3.5, pad=0.02, anchor=(0.0, 0.5))
        bar.outline.set_visible(False)
        bar.set_label(label, fontsize=6, rotation=0, ha="left", va="center")
        bar.ax.tick_params(labelsize=6)
        low, high = np.nanmin(values), np.nanmax(values)
        bar.set_ticks([low, high], labels=[f"{low:.3g}", f"{high:.3g}"])


def _ticks(x: np.ndarray, bins: Sequence[np.ndarray]) -> tuple[np.ndarray, list[str]]:
    places = np.unique(np.linspace(0, len(bins) - 1, min(6, len(bins))).round().astype(int))
    return places, [f"{np.median(x[bins[place]]):.2f}" for place in places]


def _subtitle(ax: Axes, text: str) -> None:
    ax.set_title(f"{ax.get_title(loc='left')}\n", loc="left")
    ax.text(0, 1.02, text, transform=ax.transAxes, fontsize=7.5, va="bottom")


def footnote(fig: Figure, text: str) -> None:
    """Write a line below a figure."""
    fig.supxlabel(text, x=0.01, ha="left", fontsize=7, color="#6b6b6b")


def _empty(fig: Figure, title: str, text: str) -> Figure:
    ax = fig.add_subplot()
    ax.set_axis_off()
    ax.set_title(title)
    ax.text(0, 0.9, text, transform=ax.transAxes, va="top")
    return fig


def _bins_in_words(bins: list[np.ndarray]) -> str:
    """Return e.g. ``40 bins of 2 to 3 clusters``."""
    low, high = min(map(len, bins)), max(map(len, bins))
    size = f"{low} to {high} clusters" if low < high else f"{low} cluster{'s' if low > 1 else ''}"
    return f"{len(bins)} bins of {size}"
