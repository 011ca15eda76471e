"""Figures of gene sets as features."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.unicoord.features.settings import FeatureSettings

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure

BARS = 25  # maximum number of sets named in the figure of the choice
NAMED = 60  # maximum number of rows of a heatmap for which each is named
LETTERS = 44  # maximum number of letters of a term's name


def draw_features(
    table: pd.DataFrame, correlation: pd.DataFrame, scores: AnnData, settings: FeatureSettings
) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of the features' figures.

    Parameters
    ----------
    table, correlation
        Of :class:`panscape.unicoord.features.collection.Chosen`; correlation with terms as its index.
    scores
        From :func:`panscape.unicoord.features.collection.score_features`.
    settings
        Settings that the sets were chosen with.
    """
    yield "choice", plot_choice(table, settings)
    yield "correlation", plot_correlation(table, correlation, settings)
    yield "profiles", plot_profiles(scores, settings)


def short(term: str) -> str:
    """Return the display name of a term, without identifier and underscores, truncated."""
    text = re.sub(r"^(GO:\d+ |GO(BP|CC|MF)_)", "", str(term)).replace("_", " ")
    text = text.capitalize() if text.isupper() else text
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def plot_choice(table: pd.DataFrame, settings: FeatureSettings) -> Figure:
    """Draw each set's AUROC (without classes, entropy) against random sets, and the most important sets."""
    from panscape.plot.palette import OKABE_ITO
    from panscape.plot.style import DOUBLE, GREY, RASTER_ABOVE, new_figure, style

    passed = settings.passed(table)
    chosen = table["selected"].astype(str).eq("True").to_numpy()
    by_class = settings.test_of(table) == "class"
    ranked = table["importance"].notna().any()
    value = (
        table["importance"] if ranked else (table["entropy"] - table["entropy_null"]) / table["entropy_sd"]
    )
    top = table.assign(value=value, chosen=chosen)[passed].nlargest(BARS, "value")
    x, y = (table["class_fdr"], table["auroc"]) if by_class else (table["entropy_null"], table["entropy"])
    with style():
        fig = new_figure(DOUBLE, max(3.0, 1.0 + 0.145 * len(top)))
        left, right = fig.subplots(1, 2, width_ratios=(1, 0.8))
        looks = (
            (~passed, GREY, f"within chance ({(~passed).sum()})", 8),
            (passed & ~chosen, OKABE_ITO[4], f"beyond chance ({(passed & ~chosen).sum()})", 10),
            (chosen, OKABE_ITO[5], f"chosen ({chosen.sum()})", 18),
        )
        for rows, colour, label, size in looks:
            left.scatter(
                x[rows], y[rows], s=size, color=colour, linewidths=0,
                label=label, alpha=0.8, rasterized=len(table) > RASTER_ABOVE,
            )  # fmt: skip
        if by_class:
            left.set_xscale("log")
            left.axvline(settings.max_fdr, color="#6b6b6b", linewidth=0.7, linestyle="--", zorder=0)
            left.set(xlabel="false discovery rate", ylabel="AUROC for the best class")
            left.set_title("Telling a class from the others")
            left.legend(loc="lower left", markerscale=1.3)
        else:
            ends = [table["entropy_null"].min(), table["entropy_null"].max()]
            left.plot(ends, ends, color="#6b6b6b", linewidth=0.7, linestyle="--", zorder=0)
            left.set(xlabel="entropy expected of random sets (nats)", ylabel="entropy over cells (nats)")
            left.set_title("Variation over cells")
            left.legend(loc="upper left", markerscale=1.3)
        _bars(right, top, settings, ranked)
    return fig


def _bars(ax, top: pd.DataFrame, settings: FeatureSettings, ranked: bool) -> None:
    """Draw the sets of highest value, each with its best class and false discovery rate."""
    from panscape.plot.palette import OKABE_ITO
    from panscape.plot.style import plain_text

    place = np.arange(len(top))
    colours = [OKABE_ITO[5] if yes else "white" for yes in top["chosen"]]
    ax.barh(place, top["value"], color=colours, edgecolor=OKABE_ITO[5], linewidth=0.6, height=0.7)
    ax.set_yticks(place, [plain_text(short(term)) for term in top["term"]], fontsize=6)
    for at, value, note in zip(place, top["value"], _notes(top, settings), strict=True):
        ax.text(max(value, 0), at, f" {plain_text(note)}", va="center", fontsize=5)
    ax.invert_yaxis()
    ax.margins(x=0.45)
    ax.set_xlim(left=min(0, float(top["value"].min())))
    ax.locator_params(axis="x", nbins=4)
    what = str(settings.label).replace("_", " ")
    ax.set(
        xlabel="importance (sum 1)" if ranked else "standard deviations above random sets",
        title=f"Importance for {what}" if ranked else "Entropy above chance",
    )


def plot_correlation(table: pd.DataFrame, correlation: pd.DataFrame, settings: FeatureSettings) -> Figure:
    """Draw the correlation of the grouped sets, group by group.

    Parameters
    ----------
    table, correlation
        Of :class:`panscape.unicoord.features.collection.Chosen`.
    settings
        Settings that the sets were chosen with.
    """
    from panscape.plot.palette import DIVERGING
    from panscape.plot.style import DOUBLE, colorbar_outside, new_figure, plain_text, style

    group = table.set_index("term")["group"].reindex(correlation.index).to_numpy(dtype=float)
    chosen = table.set_index("term")["selected"].astype(str).reindex(correlation.index).eq("True").to_numpy()
    count = len(correlation)
    with style():
        named = count <= NAMED
        fig = new_figure(DOUBLE, max(2.4, min(0.7 + 0.13 * count, 5.4)))
        ax = fig.add_subplot()
        values = correlation.to_numpy(dtype=float)
        drawn = ax.imshow(values, cmap=DIVERGING, vmin=-1, vmax=1, interpolation="nearest")
        for edge in np.flatnonzero(group[1:] != group[:-1]) + 0.5:
            ax.axhline(edge, color="#262626", linewidth=0.35)
            ax.axvline(edge, color="#262626", linewidth=0.35)
        rows = np.arange(count) if named else _apart(np.flatnonzero(chosen), group, count / 45)
        notes = _notes(table.set_index("term").reindex(correlation.index), settings)
        names = [f"{short(correlation.index[row])} ({notes[row]})" for row in rows]
        ax.set_yticks(rows, [plain_text(name) for name in names], fontsize=5.5)
        for row, text in zip(rows, ax.get_yticklabels(), strict=True):
            text.set_fontweight("bold" if chosen[row] and named else "normal")
        ax.set_xticks([])
        ax.set_title(
            f"{count} gene sets in {len(np.unique(group))} groups" + (" (bold: chosen)" if named else "")
        )
        colorbar_outside(fig, ax, drawn, "Pearson r over cells")
    return fig


def _apart(rows: np.ndarray, group: np.ndarray, min_distance: float) -> np.ndarray:
    """Return the rows that can be labelled without overlap, those of larger groups first."""
    kept: list[int] = []
    for row in sorted(rows, key=lambda at: (-(group == group[at]).sum(), at)):
        if all(abs(row - other) >= min_distance for other in kept):
            kept.append(int(row))
    return np.sort(kept)


def plot_profiles(scores: AnnData, settings: FeatureSettings) -> Figure:
    """Draw the mean of every feature per class (per study without classes), standardised."""
    from panscape.plot.palette import DIVERGING
    from panscape.plot.style import DOUBLE, colorbar_outside, new_figure, plain_text, style

    column = settings.label if settings.label and settings.label in scores.obs else "study"
    classes = scores.obs[column].astype(object)
    there = classes.notna() & (classes.astype(str) != "")
    frame = pd.DataFrame(np.asarray(scores.X, dtype=np.float64), columns=scores.var_names)[there.to_numpy()]
    means = frame.groupby(classes[there].astype(str).to_numpy()).mean()
    spread = means.std(ddof=0).replace(0, 1.0)
    values = ((means - means.mean()) / spread).T
    values = values.iloc[_order(values.to_numpy())].iloc[:, _order(values.to_numpy().T)]
    with style():
        height = 1.2 + 0.15 * len(values) + 0.05 * values.columns.astype(str).str.len().max()
        fig = new_figure(DOUBLE, min(max(height, 2.2), 7.0))
        ax = fig.add_subplot()
        drawn = ax.imshow(values, cmap=DIVERGING, vmin=-2.5, vmax=2.5, aspect="auto", interpolation="nearest")
        rows = zip(values.index, _notes(scores.var.loc[values.index], settings), strict=True)
        named = [plain_text(f"{short(term)} ({note})") for term, note in rows]
        ax.set_yticks(range(len(values)), named, fontsize=6)
        names = [plain_text(short(name)) for name in values.columns]
        ax.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
        ax.set_title(f"Mean score by {column.replace('_', ' ')}")
        colorbar_outside(fig, ax, drawn, f"sd over {column.replace('_', ' ')}s")
    return fig


def _notes(table: pd.DataFrame, settings: FeatureSettings) -> list[str]:
    """Return each set's best class and its false discovery rate in the deciding test."""
    if settings.test_of(table) == "entropy":
        return [f"fdr {fdr:.2g}" for fdr in table["entropy_fdr"].astype(float)]
    pairs = zip(table["best_class"].astype(str), table["class_fdr"].astype(float), strict=True)
    return [f"{name}, fdr {fdr:.2g}" for name, fdr in pairs]


def _order(rows: np.ndarray) -> np.ndarray:
    """Return an order of rows that puts similar ones next to each other."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    if len(rows) < 3:
        return np.arange(len(rows))
    return leaves_list(linkage(np.round(rows, 9), "average", optimal_ordering=len(rows) <= 200))
