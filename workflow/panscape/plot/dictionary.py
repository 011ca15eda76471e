"""Figures of the dictionary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from panscape.coscape.dictionary.write import SavedDictionary, read_dictionary
from panscape.data.files import read_tsv
from panscape.plot.dictionary_evidence import BLUE, ORANGE, plot_confidence, plot_enrichment
from panscape.plot.entry_networks import COLUMNS, most_used, plot_networks
from panscape.plot.names import entry_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TEXT = dict.fromkeys(
    ("entry", "gene", "gene_a", "gene_b", "column", "value", "cluster", "factor", "name", "top_genes"), str
)


@dataclass(frozen=True)
class Tables:
    """Input tables of the figures; the last four may be missing (None)."""

    saved: SavedDictionary
    landscape: str
    elbow: pd.DataFrame
    entries: pd.DataFrame
    edges: pd.DataFrame
    centrality: pd.DataFrame
    links: pd.DataFrame
    usage: pd.DataFrame
    enrichment: pd.DataFrame | None = None
    chance: pd.DataFrame | None = None
    matches: pd.DataFrame | None = None
    programs: pd.DataFrame | None = None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Tables:
        """Read the files of a mapping with these names; ``chance`` is a list of files."""
        single = (
            "elbow",
            "entries",
            "edges",
            "centrality",
            "links",
            "usage",
            "enrichment",
            "matches",
            "programs",
        )
        tables = {name: read_tsv(str(given[name]), dtype=_TEXT) for name in single if given.get(name)}
        if given.get("chance"):
            tables["chance"] = pd.concat([read_tsv(path, dtype=_TEXT) for path in given["chance"]])
        return cls(read_dictionary(str(given["dictionary"])), str(given["landscape"]), **tables)


def draw_dictionary(
    tables: Tables, *, units: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of every figure of the dictionary.

    Parameters
    ----------
    tables
        The tables.
    units
        Unit of each column that has one, e.g. ``{"age": "days"}``.
    """
    from panscape.plot.view import read_view

    view = read_view(tables.landscape, units=units)
    labels = entry_labels(tables.programs, tables.saved.names)
    yield "elbow", plot_elbow(tables.elbow, int(tables.entries.shape[0]))
    yield "usage-maps", plot_usage_maps(view, tables.saved, tables.entries, labels)
    yield "usage-labels", plot_usage_labels(tables.usage, labels)
    shares = tables.entries.set_index("entry")["share"]
    yield "networks", plot_networks(tables.links, tables.centrality, labels, shares)
    if tables.chance is not None:
        yield "confidence", plot_confidence(tables.edges, tables.chance, tables.saved.names)
    if tables.enrichment is not None:
        yield "enrichment", plot_enrichment(tables.enrichment, labels)


def plot_elbow(elbow: pd.DataFrame, used: int) -> Figure:
    """Draw the error, and what each entry explains compared with chance, against the number of entries."""
    from panscape.plot.style import DOUBLE, INK, SINGLE, new_figure, style

    compared = "needed" in elbow and elbow["needed"].notna().any()
    suggested = elbow.loc[elbow["suggested"], "k"].iloc[0]
    with style():
        fig = new_figure(DOUBLE if compared else SINGLE * 1.3, 2.8)
        ax = fig.add_subplot(1, 2 if compared else 1, 1)
        ax.fill_between(elbow["k"], elbow["error"], elbow["worst_start"], color=BLUE, alpha=0.15, linewidth=0)
        ax.plot(elbow["k"], elbow["error"], "o-", color=BLUE, markersize=3)
        ax.axvline(suggested, color=ORANGE, linestyle="--", linewidth=0.9)
        ax.text(suggested, ax.get_ylim()[1], f" suggested: {suggested}", color=ORANGE, fontsize=7, va="top")
        if used != suggested:
            ax.axvline(used, color=INK, linewidth=0.9)
            ax.text(used, ax.get_ylim()[1], f"\n used: {used}", fontsize=7, va="top")
        ax.set(xlabel="entries", ylabel="unexplained fraction of squares", title="Number of entries")
        if compared:
            _gains(fig.add_subplot(1, 2, 2), elbow)
    return fig


def _gains(ax: Axes, elbow: pd.DataFrame) -> None:
    """Draw the gain of each entry, by chance in what is left at it, and what is needed."""
    above = elbow["gain"].to_numpy() > elbow["needed"].to_numpy()
    handles = []
    for mask, colour, name in ((above, BLUE, "above chance"), (~above, "#b8d4e6", "other")):
        handles += ax.plot(elbow["k"][mask], elbow["gain"][mask], "o", color=colour, markersize=3, label=name)
    for column, line, name in (("needed", "-", "needed"), ("chance_gain", ":", "by chance")):
        options = {"linestyle": line, "color": "#6b6b6b", "linewidth": 0.9, "label": name}
        handles += ax.plot(elbow["k"], elbow[column], drawstyle="steps-mid", **options)
    ax.legend(handles=handles, loc="upper right", fontsize=7)
    # an entry of hardly any gain would stretch the axis over many powers of ten
    low = max(elbow["gain"].min(), elbow["chance_gain"].min() / 10)
    ax.set(xlabel="entry", ylabel="fraction of squares it adds", yscale="log")
    ax.set(title="What each entry explains", ylim=(0.6 * low, None))


def _panels(count: int, height: float):
    """Return a figure with `count` axes in rows of COLUMNS."""
    from panscape.plot.style import DOUBLE, new_figure

    rows = max(-(-count // COLUMNS), 1)
    fig = new_figure(DOUBLE, height * rows)
    axes = [fig.add_subplot(rows, COLUMNS, i + 1) for i in range(count)]
    return fig, axes


def plot_usage_maps(
    view, saved: SavedDictionary, entries: pd.DataFrame, labels: Mapping[str, str] | None = None
) -> Figure:
    """Draw the landscape once for each of the nine most used entries, coloured by code / its largest.

    Parameters
    ----------
    view
        The landscape.
    saved
        The dictionary.
    entries
        Table of the entries.
    labels
        Label of each entry; None: its name.
    """
    from matplotlib.collections import LineCollection

    from panscape.plot.palette import SEQUENTIAL
    from panscape.plot.style import colorbar_outside, style

    maximum = saved.usage.max(axis=0, keepdims=True)
    relative = np.divide(saved.usage, maximum, out=np.zeros_like(saved.usage), where=maximum > 0)
    place = view.obs.index.get_indexer(list(saved.panclusters))
    xy = view.xy[place]
    info = entries.set_index("entry")
    names = most_used(info["share"].reindex(saved.names))
    wide, high = np.maximum(np.ptp(xy, axis=0), 1e-12)
    with style():
        fig, axes = _panels(len(names), 0.55 + float(np.clip(1.9 * high / wide, 0.7, 2.2)))
        for name, ax in zip(names, axes, strict=True):
            k = saved.names.index(name)
            lines = LineCollection(list(view.xy[view.edges]), colors="#5a5a5a", alpha=0.08, linewidths=0.3)
            ax.add_collection(lines)
            order = np.argsort(relative[:, k], kind="stable")
            points = ax.scatter(
                *xy[order].T,
                c=relative[order, k],
                s=9,
                cmap=SEQUENTIAL,
                vmin=0,
                vmax=1,
                linewidths=0,
                rasterized=True,
            )
            ax.set(xticks=[], yticks=[])
            ax.set_aspect("equal", adjustable="datalim")
            ax.spines[["left", "bottom"]].set_visible(False)
            count = int(info.loc[name, "n_panclusters"])
            title = (labels or {}).get(name, name)
            ax.set_title(f"{_wrapped(title)}\nused by {count} panclusters", fontsize=7)
        if axes:
            colorbar_outside(fig, axes[min(COLUMNS, len(axes)) - 1], points, "usage / largest")
    return fig


def plot_usage_labels(usage: pd.DataFrame, labels: Mapping[str, str], max_labels: int = 12) -> Figure:
    """Draw how much more (or less) each entry is used in panclusters of each label than expected.

    Parameters
    ----------
    usage
        Mean usage per label and entry.
    labels
        Label of each entry, in their order.
    max_labels
        Maximum number of labels of a column.
    """
    from panscape.plot.palette import DIVERGING
    from panscape.plot.style import DOUBLE, colorbar_outside, new_figure, plain_text, style

    names, given = list(labels), usage[usage["value"] != "mean"]
    parts = []
    for column, part in given.groupby("column", sort=False):
        common = part.groupby("value")["expected"].first().nlargest(max_labels).index
        # a column of one value is not informative
        if len(common) > 1:
            shown = part[part["value"].isin(common)]
            parts.append((column, shown.pivot(index="entry", columns="value", values="usage")))
    with style():
        height = 1.3 + 0.11 * len(names)
        fig = new_figure(DOUBLE, height * max(len(parts), 1))
        for row, (column, table) in enumerate(parts):
            expected = given[given["column"] == column].groupby("value")["expected"].first()
            table = table.reindex(names)
            ratio = np.log2((table + 0.01) / (expected[table.columns] + 0.01))
            ax = fig.add_subplot(len(parts), 1, row + 1)
            image = ax.imshow(ratio, cmap=DIVERGING, vmin=-3, vmax=3, aspect="auto")
            ax.set_xticks(range(table.shape[1]), table.columns, rotation=40, ha="right")
            ax.set_yticks(range(len(names)), [plain_text(labels[name]) for name in names])
            ax.set_title(f"Usage by {column.replace('_', ' ')}")
            colorbar_outside(fig, ax, image, "log2 of ratio")
    return fig


def _wrapped(label: str) -> str:
    """Return a label in lines of a panel's width."""
    from textwrap import fill

    from panscape.plot.style import plain_text

    return fill(plain_text(label), 32)
