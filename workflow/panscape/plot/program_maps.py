"""Map of genes by programme, and programmes by traits of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.names import entry_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FDR = 0.05
NAMED = 12  # maximum number of names in a volcano
BLUE = "#0072B2"
GREY = "#c4c4c4"


def plot_gene_map(programs: pd.DataFrame, genes: pd.DataFrame) -> Figure:
    """Draw the map of genes in the colours of the entries they are placed in; hubs are larger.

    Parameters
    ----------
    programs
        entry, top_genes, name.
    genes
        gene, entry, kme, map_1, map_2.
    """
    from panscape.plot.palette import categorical
    from panscape.plot.style import DOUBLE, empty_figure, legend_outside, new_figure, plain_text, style

    drawn = genes[genes["map_1"].notna()]
    if drawn.empty:
        return empty_figure("Too few genes have a place in an entry for a map.")
    labels = entry_labels(programs, list(programs["entry"]), limit=36)
    looks, codes = categorical(drawn["entry"], as_met=False)
    xy = drawn[["map_1", "map_2"]].to_numpy(dtype=float)
    size = 4 + 30 * np.minimum(drawn["kme"].abs().to_numpy(dtype=float), 0.6)
    with style():
        fig = new_figure(DOUBLE, 4.4)
        ax = fig.add_subplot()
        handles = []
        for at, look in enumerate(looks):
            here = codes == at
            handles.append(
                ax.scatter(
                    *xy[here].T, s=size[here], c=look.colour, marker=look.marker, alpha=0.8, linewidths=0
                )
            )
        _number(ax, xy, drawn["entry"].to_numpy())
        names = [plain_text(labels.get(look.label, look.label)) for look in looks]
        legend_outside(ax, handles, names, title="entry")
        ax.set(xticks=[], yticks=[], title=f"{len(drawn)} genes by the entry they are placed in")
    return fig


def _number(ax: Axes, xy: np.ndarray, entry: np.ndarray) -> None:
    """Write the number of each entry at the middle of its genes, unless another number is there."""
    from panscape.plot.style import INK

    span = np.maximum(np.ptp(xy, axis=0), 1e-9)
    done: list[np.ndarray] = []
    names, counts = np.unique(entry.astype(str), return_counts=True)
    for name in names[np.argsort(-counts, kind="stable")]:
        inside = xy[entry == name]
        # the gene nearest to the median: the median itself may lie between two groups
        place = inside[np.square(inside - np.median(inside, axis=0)).sum(axis=1).argmin()]
        if all((np.abs(place - other) > (0.05, 0.05) * span).any() for other in done):
            done.append(place)
            text = ax.text(*place, name.removeprefix("entry-"), color=INK, fontsize=7, weight="bold")
            text.set(ha="center", va="center", bbox={"facecolor": "white", "alpha": 0.7, "pad": 0.6, "lw": 0})


def plot_traits(programs: pd.DataFrame, changes: pd.DataFrame) -> Figure:
    """Draw the rank correlation of every entry with every compared column as a heat map, per measure.

    Parameters
    ----------
    programs
        entry, top_genes, name.
    changes
        column, measure, entry, kind, rho, fdr; a star marks a false discovery rate below .05.
    """
    from panscape.plot.palette import DIVERGING
    from panscape.plot.style import DOUBLE, colorbar_outside, empty_figure, new_figure, plain_text, style

    if changes.empty:
        return empty_figure("No column could be compared between samples, see the log of compare_programs.")
    entries = list(programs["entry"])
    labels = entry_labels(programs, entries)
    number = changes["kind"].isna() | (changes["kind"] == "number")
    changes = changes.assign(
        trait=changes["column"].where(number, changes["column"] + ": " + changes["kind"])
    )
    traits, measures = list(dict.fromkeys(changes["trait"])), list(dict.fromkeys(changes["measure"]))
    with style():
        fig = new_figure(DOUBLE, 0.17 * len(entries) + 1.3)
        for at, measure in enumerate(measures):
            ax = fig.add_subplot(1, len(measures), at + 1)
            part = changes[changes["measure"] == measure]
            rho, fdr = (
                part.pivot(index="entry", columns="trait", values=name).reindex(index=entries, columns=traits)
                for name in ("rho", "fdr")
            )
            image = ax.imshow(rho, cmap=DIVERGING, vmin=-1, vmax=1, aspect="auto")
            for row, column in zip(*np.nonzero(fdr.to_numpy(dtype=float) < FDR), strict=True):
                dark = abs(rho.iloc[row, column]) > 0.6
                ax.text(column, row + 0.12, "*", ha="center", va="center", color="white" if dark else "black")
            ax.set_xticks(range(len(traits)), map(plain_text, traits), rotation=40, ha="right")
            ax.set_yticks(range(len(entries)), [plain_text(labels[e]) for e in entries] if at == 0 else [])
            ax.set_title(measure)
        colorbar_outside(fig, ax, image, "rank correlation")
    return fig


def plot_volcano(programs: pd.DataFrame, changes: pd.DataFrame) -> Figure:
    """Draw p against the rank correlation of every entry, a row per compared column, a panel per measure.

    Parameters
    ----------
    programs
        entry, top_genes, name.
    changes
        column, measure, entry, kind, rho, pvalue, fdr.
    """
    from panscape.plot.style import DOUBLE, empty_figure, new_figure, plain_text, style
    from panscape.plot.volcano import evidence, frame

    rows = list(changes.fillna({"kind": ""}).groupby(["column", "kind"], sort=False))
    if not rows:
        return empty_figure("No column could be compared between samples, see the log of compare_programs.")
    measures = list(dict.fromkeys(changes["measure"]))
    with style():
        fig = new_figure(DOUBLE, 0.3 + 2.5 * len(rows))
        axes = fig.subplots(len(rows), len(measures), squeeze=False, sharey="row")
        for line, ((column, kind), table) in zip(axes, rows, strict=True):
            trait = column if kind in ("", "number") else f"{column}: {kind}"
            for ax, measure in zip(line, measures, strict=True):
                part = table[table["measure"] == measure]
                points = np.stack([part["rho"].to_numpy(dtype=float), evidence(part["pvalue"])], axis=1)
                sure = part["fdr"].to_numpy(dtype=float) < FDR
                ax.scatter(*points.T, s=14, c=np.where(sure, BLUE, GREY), linewidths=0)
                ax.set(xlim=(-1.3, 1.3), xticks=(-1, -0.5, 0, 0.5, 1), xlabel="rank correlation")
                ax.set_title(f"{plain_text(trait)}: {measure}")
                top = frame(ax, evidence(table["pvalue"]))
                _name(ax, points, sure, part["entry"].to_numpy(), top)
            line[0].set_ylabel("−log₁₀ p (blue: FDR below .05)")
    return fig


def _name(ax: Axes, points: np.ndarray, sure: np.ndarray, entry: np.ndarray, top: float) -> None:
    """Write the numbers of the surest entries beside their points, where there is no point or number."""
    taken: list[tuple[float, float]] = []
    for at in np.lexsort((-np.abs(points[:, 0]), -points[:, 1])):
        if not sure[at] or len(taken) == NAMED:
            continue
        x, y = points[at]
        side = -1 if x < 0 else 1  # away from 0, where the others are
        others = np.delete(points, at, axis=0)
        near = side * (others[:, 0] - x)
        free = not ((near > -0.02) & (near < 0.24) & (np.abs(others[:, 1] - y) < 0.05 * top)).any()
        middle = x + side * 0.14
        if free and all(abs(middle - a) > 0.2 or abs(y - b) > 0.07 * top for a, b in taken):
            taken.append((middle, y))
            name = str(entry[at]).removeprefix("entry-")
            align = "right" if side < 0 else "left"
            ax.annotate(
                name, (x, y), (4 * side, 0), textcoords="offset points", fontsize=6, va="center", ha=align
            )
