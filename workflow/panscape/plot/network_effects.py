"""Figures of the changes of connectivity with a phenotype."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.networks import CALL_TITLES, CALLS, LABELS, MODEL_TITLES
from panscape.plot.style import empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAINED, LOST, KEPT = "#0072B2", "#D55E00", "#b8b8b8"
CHANGED = 0.34  # smallest change of the fraction of lines for an edge to count as gained or lost
RANGE = 2.0  # largest relative change on the axis
STRETCHED = 1.5  # times the range of the middle 99 % of centralities above which outliers are not shown
NAMED = 24  # maximum number of genes with names on a circle


def draw_effects(
    effects: pd.DataFrame, genes: pd.DataFrame, ends: pd.DataFrame, models: Sequence[str]
) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of the figures of effects.

    Parameters
    ----------
    effects
        From :func:`panscape.sivae.networks.effects.effect_tables`.
    genes
        From :func:`panscape.sivae.networks.gene_tests.gene_tables`.
    ends
        From :func:`panscape.sivae.networks.ends.end_table`.
    models
        Engines, in order.
    """
    tests = genes[["gene", "phenotype", "model", "pvalue", "call"]]
    table = effects.merge(tests, on=["gene", "phenotype", "model"], how="left").assign(
        call=lambda part: part["call"].fillna("")
    )
    yield "effects", plot_volcano(table, models)
    yield "hubs", plot_hubs(table, models)
    yield "ends", plot_ends(ends, models)


def _panels(table: pd.DataFrame, models: Sequence[str], draw: Callable[..., None]) -> Figure:
    """Return the figure of up to two phenotypes (rows) by engines; `draw` gets axes, genes, left, bottom."""
    from panscape.plot.style import DOUBLE, new_figure, plain_text, style

    if table.empty:
        return empty_figure("No phenotype was tested")
    phenotypes = list(dict.fromkeys(table["phenotype"]))[:2]
    with style():
        fig = new_figure(DOUBLE, 0.5 + 2.3 * len(phenotypes))
        axes = fig.subplots(len(phenotypes), len(models), squeeze=False)
        for i, phenotype in enumerate(phenotypes):
            for j, model in enumerate(models):
                part = table[(table["phenotype"] == phenotype) & (table["model"] == model)]
                draw(axes[i, j], part, left=j == 0, bottom=i == len(phenotypes) - 1)
                axes[i, j].set_title(plain_text(f"{MODEL_TITLES[model]}, {phenotype}"), fontsize=7)
        handles = [axes[0, 0].scatter([], [], s=10, color=colour) for colour in CALLS.values()]
        fig.legend(handles, list(CALL_TITLES.values()), loc="outside lower center", ncols=3)
    return fig


def plot_volcano(table: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw p of every gene against the relative change of its centrality, a row per phenotype."""
    return _panels(table, models, _draw_volcano)


def plot_hubs(table: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw every gene's centrality at the high end against that at the low end of the phenotype."""
    return _panels(table, models, _draw_hubs)


def _draw_volcano(ax: Axes, part: pd.DataFrame, *, left: bool, bottom: bool) -> None:
    from panscape.plot.volcano import evidence, frame

    x = part["relative"].clip(-RANGE, RANGE)
    y = pd.Series(evidence(part["pvalue"]), part.index)
    _scatter(ax, part["call"], x, y)
    bound = 1.15 * float(np.nanmax(np.abs(x), initial=0.1))
    ax.set_xlim(-bound, bound)
    frame(ax, y.to_numpy(), room=1.25)
    named = part[part["call"] == "connectivity"].sort_values("pvalue", kind="stable").head(LABELS)
    _name(ax, named["gene"], x[named.index], y[named.index])
    if left:
        ax.set_ylabel("−log₁₀ p")
    if bottom:
        ax.set_xlabel("relative change")


def _scatter(ax: Axes, calls: pd.Series, x: pd.Series, y: pd.Series) -> None:
    """Draw genes in the colors of their calls, called ones larger."""
    for call, colour in CALLS.items():
        at = (calls == call).to_numpy()
        ax.scatter(x[at], y[at], s=6 if call == "" else 12, color=colour, linewidths=0)


def _end_names(part: pd.DataFrame) -> tuple[str, str]:
    """Return the names of both ends: those of two groups, or low and high."""
    high, against, low = str(part["per"].iloc[0]).partition(" against ")
    return (low, high) if against else ("low", "high")


def _draw_hubs(ax: Axes, part: pd.DataFrame, *, left: bool, bottom: bool) -> None:
    from panscape.plot.style import plain_text

    span = np.divide(
        part["high_end"] - part["low_end"], part["effect"], out=np.zeros(len(part)), where=part["effect"] != 0
    )
    reach = [(part["low_end"] + part[f"effect_{end}"] * span).to_numpy(float) for end in ("low", "high")]
    called = (part["call"] == "connectivity").to_numpy()
    ax.vlines(
        part["low_end"][called], reach[0][called], reach[1][called], color=CALLS["connectivity"],
        linewidth=0.6, alpha=0.5,
    )  # fmt: skip
    _scatter(ax, part["call"], part["low_end"], part["high_end"])
    ends = part[["low_end", "high_end"]].to_numpy(float)
    least, most = _span(ends, called)
    outside = int(((ends < least) | (ends > most)).any(axis=1).sum())
    margin = 0.08 * max(most - least, 1e-9)
    ax.plot([least, most], [least, most], color="#9a9a9a", linewidth=0.6, zorder=0)
    ax.set(xlim=(least - margin, most + margin), ylim=(least - margin, most + 2 * margin))
    if outside:
        ax.text(
            0.98,
            0.02,
            f"{outside} not shown",
            transform=ax.transAxes,
            ha="right",
            fontsize=5.5,
            color="#6a6a6a",
        )
    shown = ((ends >= least) & (ends <= most)).all(axis=1)
    tops = part.assign(top=ends.max(axis=1))[shown]
    hubs = tops.sort_values("top", ascending=False, kind="stable").head(2)
    best = part[called].sort_values("pvalue", kind="stable").head(LABELS - 2)
    named = pd.concat([hubs, best]).drop_duplicates("gene")
    _name(ax, named["gene"], named["low_end"], named["high_end"])
    low, high = _end_names(part)
    if left:
        ax.set_ylabel(plain_text(f"centrality ({high})"))
    ax.set_xlabel(plain_text(f"centrality ({low})"))


def _span(ends: np.ndarray, called: np.ndarray) -> tuple[float, float]:
    """Return the shown range of centralities (G, 2): all of it, unless few badly estimated genes stretch it.

    If it is more than :data:`STRETCHED` times that of the middle 99 %, the latter and all called genes.
    """
    known = ends[np.isfinite(ends)]
    if not len(known):
        return 0.0, 1.0
    low, high = np.quantile(known, [0.005, 0.995])
    if np.ptp(known) <= STRETCHED * (high - low):
        return float(known.min()), float(known.max())
    kept = [low, high, *ends[called][np.isfinite(ends[called])]]
    return float(min(kept)), float(max(kept))


def _name(ax: Axes, genes: pd.Series, x: pd.Series, y: pd.Series) -> None:
    """Write names beside points, one above the other where points are close, inside the axes."""
    from panscape.plot.style import INK, halo, plain_text

    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    step = 0.055 * (top - bottom)
    rows = sorted(zip(genes, x, y, strict=True), key=lambda row: (row[2], row[0]))
    level = -np.inf
    for number, (gene, across, up) in enumerate(rows):
        level = min(max(up, level + step), top - (len(rows) - number) * step)
        far = across > left + 0.6 * (right - left)
        ax.annotate(
            plain_text(gene), (across, up), (across + (-0.03 if far else 0.03) * (right - left), level),
            fontsize=5.5, color=INK, va="center", ha="right" if far else "left", path_effects=halo(),
            arrowprops={"arrowstyle": "-", "linewidth": 0.3, "color": "#9a9a9a"},
        )  # fmt: skip


def plot_ends(ends: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw the edges of a gene set that lines at the high end have gained and lost, a panel per engine."""
    from panscape.plot.style import DOUBLE, new_figure, plain_text, style

    if ends.empty:
        return empty_figure("No gene set and phenotype to draw")
    names = sorted(set(ends["gene_a"]) | set(ends["gene_b"]))
    first = ends.iloc[0]
    with style():
        fig = new_figure(DOUBLE, 2.0 + 0.5)
        axes = fig.subplots(1, len(models), squeeze=False)[0]
        for ax, model in zip(axes, models, strict=True):
            part = ends[ends["model"] == model]
            _draw_ends(ax, part, names)
            gained, lost = (int((sign * part["change"] >= CHANGED).sum()) for sign in (1, -1))
            ax.set_title(f"{MODEL_TITLES[model]}\n{gained} gained, {lost} lost", fontsize=7)
        looks = ((GAINED, "-"), (LOST, "--"), (KEPT, "-"))
        handles = [axes[0].plot([], [], color=colour, linestyle=line)[0] for colour, line in looks]
        fig.legend(handles, ["gained", "lost", "unchanged"], loc="outside lower center", ncols=3)
        fig.suptitle(
            plain_text(
                f"{first['set']}: {first['lines_high']} lines of high {first['phenotype']} "
                f"against {first['lines_low']} of low"
            ),
            fontsize=8.5,
            fontweight="bold",
        )
    return fig


def _draw_ends(ax: Axes, part: pd.DataFrame, names: Sequence[str]) -> None:
    from panscape.plot.style import INK, plain_text

    angle = np.pi / 2 - 2 * np.pi * np.arange(len(names)) / len(names)
    xy = {name: (np.cos(turn), np.sin(turn)) for name, turn in zip(names, angle, strict=True)}
    ax.set_axis_off()
    ax.set_aspect("equal")
    reach = 1.5 if len(names) <= NAMED else 1.1
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach))
    for row in part.assign(size=part["change"].abs()).sort_values("size", kind="stable").itertuples():
        changed = row.size >= CHANGED
        colour = (GAINED if row.change > 0 else LOST) if changed else KEPT
        ax.plot(
            *np.array([xy[row.gene_a], xy[row.gene_b]]).T, color=colour, linewidth=1.2 if changed else 0.5,
            alpha=0.3 + 0.6 * (row.size if changed else max(row.low, row.high) / 2),
            linestyle="--" if changed and row.change < 0 else "-", zorder=2 if changed else 1,
        )  # fmt: skip
    ax.scatter(*np.array(list(xy.values())).T, s=7, color=INK, linewidths=0, zorder=3)
    if len(names) > NAMED:
        return
    for (name, (x, y)), turn in zip(xy.items(), np.degrees(angle), strict=True):
        left = x < -1e-9
        ax.text(
            1.1 * x, 1.1 * y, plain_text(name), fontsize=4.5, color=INK, va="center", rotation_mode="anchor",
            ha="right" if left else "left", rotation=turn + 180 if left else turn,
        )  # fmt: skip
