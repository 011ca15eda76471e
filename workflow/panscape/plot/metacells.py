"""Figures of a sample's metacells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from panscape.data.files import open_h5, read_tsv
from panscape.data.h5mu import read_shared
from panscape.plot.links import panel_titles, plot_links, plot_track
from panscape.plot.metacell_map import layout, plot_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODALITIES = {"rna": "RNA", "atac": "accessibility"}
PANELS = (  # metric, whether by modality, title, whether high is good
    ("purity", "label", "purity,\nby cells", True),
    ("sd_within", "label", "sd within\nmetacells", False),
    ("separation_by_compactness", "modality", "separation /\n√compactness", True),
    ("dubious", "modality", "dubious\nmetacells", False),
)


@dataclass(frozen=True)
class Drawn:
    """Input of the figures.

    Attributes
    ----------
    table, metrics, ladder, links, evidence, assignments
        The tables of the stage.
    centres
        Mean coordinates of the metacells.
    soft
        (cell, metacell, weight) of the soft assignment.
    """

    table: pd.DataFrame
    metrics: pd.DataFrame
    ladder: pd.DataFrame
    links: pd.DataFrame
    evidence: pd.DataFrame
    assignments: pd.DataFrame
    centres: np.ndarray
    soft: tuple[np.ndarray, np.ndarray, np.ndarray]
    places: pd.DataFrame | None = None
    peaks: pd.DataFrame | None = None

    @classmethod
    def read(cls, given: Mapping[str, object], genes: str | None = None) -> Drawn:
        """Read the files of a mapping with the rule's input names."""
        from anndata.io import read_elem

        from panscape.coem.links.activity import placed

        path = str(given["metacells"])
        _, uns = read_shared(path)
        with open_h5(path) as file:
            centres = read_elem(file["obsm/X_embedding"])
            var = {
                name: read_elem(file[f"mod/{name}/var"]) for name in ("rna", "atac") if name in file["mod"]
            }
        text = {"metacell": str, "method": str, "modality": str, "gene": str, "peak": str}
        tables = {
            name: read_tsv(str(given[name]), dtype=text)
            for name in ("metrics", "ladder", "links", "evidence", "assignments")
        }
        tables["metrics"]["modality"] = tables["metrics"]["modality"].fillna("")
        soft = (uns["soft_cell"], uns["soft_metacell"], uns["soft_share"])
        places = placed(var["rna"], genes) if len(var) == 2 else None
        table = read_tsv(str(given["table"]), dtype=text).set_index("metacell")
        return cls(table, **tables, centres=centres, soft=soft, places=places, peaks=var.get("atac"))


def draw_metacells(drawn: Drawn, settings: Mapping[str, Any]) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of every figure of a sample.

    Parameters
    ----------
    drawn
        The tables.
    settings
        The configuration's section ``metacells``.
    """
    yield "map", plot_map(drawn.table, layout(drawn.centres), drawn.soft)
    yield "methods", plot_methods(drawn.metrics)
    yield "ladder", plot_ladder(drawn.ladder)
    yield "heterogeneity", plot_heterogeneity(drawn.table, drawn.metrics)
    yield "links", plot_links(drawn.links, drawn.evidence)
    yield (
        "track",
        plot_track(
            drawn.links,
            drawn.places,
            drawn.peaks,
            gene=settings.get("track_gene"),
            window=int(settings["window"]),
        ),
    )


def plot_methods(metrics: pd.DataFrame) -> Figure:
    """Draw the measures of every method side by side, with the range of sizes."""
    from matplotlib.ticker import LogLocator, NullFormatter

    from panscape.plot.palette import OKABE_ITO
    from panscape.plot.style import DOUBLE, legend_outside, new_figure, style

    methods = list(dict.fromkeys(metrics["method"]))
    titles = panel_titles(metrics)
    value = metrics.set_index(["method", "metric", "modality"])["value"]
    panels = []
    for metric, _, title, high in PANELS:
        names = list(dict.fromkeys(metrics.loc[metrics["metric"] == metric, "modality"].fillna("")))
        if names:
            panels.append((metric, names, title, high))
    colours: dict[str, str] = {}
    handles: dict[str, object] = {}
    with style():
        fig = new_figure(DOUBLE, 1.3 + 0.24 * len(methods))
        for at, (metric, names, title, high) in enumerate(panels):
            ax = fig.add_subplot(1, len(panels) + 1, at + 1)
            for name in names:
                shown = MODALITIES.get(name, name.replace("_", " "))
                colour = colours.setdefault(shown, OKABE_ITO[len(colours) % len(OKABE_ITO)])
                values = [value.get((method, metric, name), np.nan) for method in methods]
                (handles[shown],) = ax.plot(values, range(len(methods)), "o", color=colour, markersize=5)
            _rows(ax, [titles[method] for method in methods] if at == 0 else [""] * len(methods))
            ax.set_title(title, fontsize=7.5)
            ax.set_xlabel("high is good" if high else "low is good")
        ax = fig.add_subplot(1, len(panels) + 1, len(panels) + 1)
        for at, method in enumerate(methods):
            low, high = value[(method, "smallest", "")], value[(method, "largest", "")]
            ax.plot([low, high], [at, at], color="#6b6b6b", linewidth=2, marker=".", markersize=3)
            ax.plot([value[(method, "size_mean", "")]], [at], "|", color="#262626", markersize=8)
        _rows(ax, [""] * len(methods))
        ax.set_title("cells in a\nmetacell", fontsize=7.5)
        ax.set_xlabel("range, mean")
        ax.set_xscale("log")
        # few digits: the panel is narrow
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:.0f}")
        ax.xaxis.set_minor_formatter(NullFormatter())
        legend_outside(ax, list(handles.values()), list(handles))
    return fig


def _rows(ax, names: list[str]) -> None:
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", color="#ececec", linewidth=0.6)
    ax.tick_params(axis="y", length=0)


def plot_ladder(ladder: pd.DataFrame) -> Figure:
    """Draw the scores against the number of metacells, with the recommendation."""
    from panscape.plot.palette import OKABE_ITO
    from panscape.plot.style import SINGLE, empty_figure, legend_outside, new_figure, style

    if "score" not in ladder or not len(ladder):
        return empty_figure("The size sweep is switched off (metacells.size_sweep).")
    lines = {
        "score": "score = 1 - (dubious + zeros) / 2",
        "dubious": "dubious metacells",
        "zeros": "zeros in the sums",
        "stability": "stability (adjusted Rand index)",
        "explained": "variance between metacells",
    }
    with style():
        fig = new_figure(SINGLE * 1.8, 2.6)
        ax = fig.add_subplot()
        handles = [
            ax.plot(
                ladder["k"],
                ladder[name],
                "o-",
                color=OKABE_ITO[at],
                markersize=3.5,
                linewidth=1.8 if at == 0 else 0.9,
            )[0]
            for at, name in enumerate(lines)
        ]
        best = ladder.loc[ladder["recommended"].astype(str) == "True", "k"]
        for k in best:
            ax.axvline(k, color="#6b6b6b", linestyle="--", linewidth=0.8)
            ax.text(k, 1.02, f" recommended: {k}", fontsize=7, transform=ax.get_xaxis_transform())
        ax.set(xscale="log", xlabel="metacells", ylabel="fraction or index", ylim=(0, 1))
        ax.set_xticks(ladder["k"], [str(k) for k in ladder["k"]])
        ax.minorticks_off()
        legend_outside(ax, handles, list(lines.values()))
    return fig


def plot_heterogeneity(table: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Draw each metacell's heterogeneity against its size, with the limit; dubious metacells are triangles.

    Parameters
    ----------
    table
        Table of metacells.
    metrics
        Measures, of which `heterogeneity_limit` is drawn.
    """
    from panscape.plot.style import DOUBLE, new_figure, style

    names = [name for name in MODALITIES if f"heterogeneity_{name}" in table]
    limits = (
        metrics[metrics["metric"] == "heterogeneity_limit"].groupby("modality", sort=False)["value"].first()
    )
    with style():
        fig = new_figure(DOUBLE * (0.5 if len(names) == 1 else 0.9), 2.7)
        for at, name in enumerate(names):
            ax = fig.add_subplot(1, len(names), at + 1)
            judged = table[table[f"heterogeneity_{name}"].notna()]
            if not len(judged):
                ax.set_axis_off()
                ax.set_title(f"{MODALITIES[name]}: not judged", fontsize=8)
                ax.text(0, 0.95, "no differences between cells\nbeyond counting noise", va="top")
                continue
            _judged(ax, judged, name, float(limits.get(name, np.nan)))
    return fig


def _judged(ax, table: pd.DataFrame, name: str, limit: float) -> None:
    """Draw the heterogeneity of the metacells that have one, with the levels to compare it with."""
    dubious = table[f"dubious_{name}"].astype(str) == "True"
    for mask, colour, marker in ((~dubious, "#0072B2", "o"), (dubious, "#D55E00", "^")):
        part = table[mask]
        ax.scatter(
            part["n_cells"], part[f"heterogeneity_{name}"], s=16, color=colour, marker=marker, linewidths=0
        )
    for level, text, line in ((0, "", "-"), (limit, f"limit {limit:.2f}", "--"), (1, "random groups", "-")):
        if np.isfinite(level):
            ax.axhline(level, color="#6b6b6b", linewidth=0.6, linestyle=line, zorder=0)
            ax.annotate(
                text, (1, level), xytext=(0, 1.5), xycoords=("axes fraction", "data"),
                textcoords="offset points", ha="right", va="bottom", fontsize=6.5, color="#6b6b6b",
            )  # fmt: skip
    ax.set(xlabel="cells", ylabel="heterogeneity")
    ax.set_ylim(top=max(1.1, ax.get_ylim()[1]))
    title = f"{MODALITIES[name]}: {int(dubious.sum())} of {len(table)} dubious"
    ax.set_title(title + (" (triangles)" if dubious.any() else ""), fontsize=8)
