"""Figures of the landscape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.drawable import not_drawable, plot_note
from panscape.plot.figure_names import OTHERS, map_name, title
from panscape.plot.intervals import plot_intervals
from panscape.plot.maps import plot_map
from panscape.plot.names import REACHED
from panscape.plot.river import plot_river, river_column
from panscape.plot.spaces import plot_pairs_by_size, plot_spaces
from panscape.plot.trajectory import Statistic, plot_along, plot_heatmap, plot_pseudotime_age
from panscape.plot.view import (
    View,
    read_expression,
    read_measured,
    read_pair_values,
    read_statistics,
    read_view,
)
from panscape.plot.volcano import plot_volcano

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = 8  # number of genes drawn individually
_PAIR = {"gene_a": str, "gene_b": str}


@dataclass(frozen=True)
class Source:
    """Input files of the figures of the landscape.

    Parameters
    ----------
    landscape, pseudotime, genes, pairs, statistics
        ``landscape.h5ad``, ``pseudotime.tsv``, ``genes.tsv``, ``pairs.tsv`` and ``statistics.tsv`` of the
        landscape.
    expressions
        ``expression.h5ad`` of each study.
    coexpressions
        (``clusters.tsv``, ``matrices.npz``, ``pairs.tsv``) of each study.
    """

    landscape: str | Path
    pseudotime: str | Path
    genes: str | Path
    pairs: str | Path
    statistics: str | Path
    expressions: Sequence[str | Path]
    coexpressions: Sequence[tuple[str | Path, str | Path, str | Path]]


def draw_landscape(
    source: Source, columns: Sequence[str], *, top: int = 15, units: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of every figure of the landscape; those without content are placeholders.

    Parameters
    ----------
    source
        The files.
    columns
        Columns to colour the map by.
    top
        Rows at each end of the heat maps: the genes that rise most with pseudotime and those that fall most.
    units
        Unit per column.
    """
    missing = left_out(source, columns)
    titles = {map_name(column): title(column) for column in columns} | OTHERS
    for name, figure in _figures(source, columns, top, units):
        yield name, plot_note(titles[name], missing[name]) if name in missing else figure()


def left_out(source: Source, columns: Sequence[str]) -> dict[str, str]:
    """Return figure -> reason for its lack of content, see :func:`not_drawable`."""
    from panscape.data.files import read_tsv

    view = read_view(source.landscape, pseudotime=source.pseudotime)
    tables = read_tsv(source.genes, dtype={"gene": str}), read_tsv(source.pairs, dtype=_PAIR)
    return not_drawable(view, columns, read_statistics(source.statistics), *tables)


def _figures(
    source: Source, columns: Sequence[str], top: int, units
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Yield (name, function that draws the figure)."""
    from panscape.data.files import read_tsv

    view = read_view(source.landscape, units=units, pseudotime=source.pseudotime)
    statistics = read_statistics(source.statistics)
    for column in columns:
        yield map_name(column), partial(plot_map, view, column)
    rho = find_statistic(statistics, "coexpression", REACHED)
    yield "pseudotime-age", partial(plot_pseudotime_age, view, rho)
    yield "pseudotime-intervals", partial(plot_intervals, view)
    yield "spaces", partial(plot_spaces, statistics)
    yield "river", partial(plot_river, view, river_column(view, columns) or "")
    genes = read_tsv(source.genes, dtype={"gene": str})
    yield "genes-volcano", partial(plot_volcano, genes)
    yield from _genes(source, view, genes, top)
    yield "pairs-heatmap", partial(_pairs, source, view, top)
    yield "pairs-by-size", partial(plot_pairs_by_size, view)


def _pairs(source: Source, view: View, top: int) -> Figure:
    from panscape.data.files import read_tsv

    pairs = ends(read_tsv(source.pairs, dtype=_PAIR), top)
    values = read_pair_values(source.coexpressions, pairs, view.obs.index)
    values[~read_measured(source.landscape, pairs, view.obs.index)] = np.nan
    names = [f"{a} – {b}" for a, b in zip(pairs["gene_a"], pairs["gene_b"], strict=True)]
    return plot_heatmap(
        values, names, view, title=OTHERS["pairs-heatmap"], unit="coexpression r", standardise=False
    )


def _genes(
    source: Source, view: View, genes: pd.DataFrame, top: int
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    rows = ends(genes, top)
    values = read_expression(source.expressions, list(rows["gene"]), view.obs.index)
    unit = "mean log expression"
    yield (
        "genes-heatmap",
        partial(plot_heatmap, values, list(rows["gene"]), view, title=OTHERS["genes-heatmap"], unit=unit),
    )
    few = ends(rows, PANELS // 2)
    place = [list(rows["gene"]).index(gene) for gene in few["gene"]]
    yield (
        "genes-along",
        partial(
            plot_along,
            values[place],
            list(few["gene"]),
            view,
            rhos=few["rho"].to_numpy(dtype=float),
            title=OTHERS["genes-along"],
            unit=unit,
        ),
    )


def ends(table: pd.DataFrame, top: int) -> pd.DataFrame:
    """Return the rows of largest positive rho (first) and of most negative rho (last), `top` of each."""
    known = table[np.isfinite(pd.to_numeric(table["rho"]))].sort_values("rho", ascending=False, kind="stable")
    rising, falling = known[known["rho"] > 0].head(top), known[known["rho"] < 0].tail(top)
    return pd.concat([rising, falling], ignore_index=True)


def find_statistic(statistics: pd.DataFrame, space: str, name: str) -> Statistic | None:
    """Return a row of ``statistics.tsv``; None if it is absent.

    Parameters
    ----------
    statistics
        Table of the landscape's statistics.
    space, name
        Space and name of the statistic.
    """
    rows = statistics[(statistics["space"] == space) & (statistics["statistic"] == name)]
    if rows.empty:
        return None
    row = rows.iloc[0]
    return Statistic(
        float(row["value"]),
        float(row["null_mean"]),
        float(row["null_sd"]),
        float(row["pvalue"]),
        0 if pd.isna(row["n"]) else int(row["n"]),
        float(row["low"]),
        float(row["high"]),
    )
