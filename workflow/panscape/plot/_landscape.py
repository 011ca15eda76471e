"""Every figure of the landscape, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.figures import OTHERS, map_name
from panscape.plot._maps import plot_map
from panscape.plot._names import REACHED
from panscape.plot._spaces import plot_pairs_by_size, plot_spaces
from panscape.plot._trajectory import Statistic, plot_along, plot_heatmap, plot_pseudotime_age
from panscape.plot._view import View, read_expression, read_pair_values, read_statistics, read_view

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = 8  # genes drawn one by one


@dataclass(frozen=True)
class Source:
    """The files that the figures of the landscape are drawn from.

    Parameters
    ----------
    landscape, genes, pairs, statistics
        ``landscape.h5ad``, ``genes.tsv``, ``pairs.tsv`` and ``statistics.tsv`` of the landscape.
    expressions
        ``expression.h5ad`` of each study.
    coexpressions
        (``clusters.tsv``, ``matrices.npz``, ``pairs.tsv``) of each study.
    """

    landscape: str | Path
    genes: str | Path
    pairs: str | Path
    statistics: str | Path
    expressions: Sequence[str | Path]
    coexpressions: Sequence[tuple[str | Path, str | Path, str | Path]]


def draw_landscape(
    source: Source, columns: Sequence[str], *, top: int = 15, units: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of every figure of the landscape.

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
    from panscape.files import read_tsv

    view = read_view(source.landscape, units=units)
    statistics = read_statistics(source.statistics)
    for column in columns:
        yield map_name(column), plot_map(view, column)
    yield "pseudotime-age", plot_pseudotime_age(view, find_statistic(statistics, "coexpression", REACHED))
    yield "spaces", plot_spaces(statistics)
    yield from _genes(source, view, read_tsv(source.genes, dtype={"gene": str}), top)
    pairs = ends(read_tsv(source.pairs, dtype={"gene_a": str, "gene_b": str}), top)
    values = read_pair_values(source.coexpressions, pairs, view.obs.index)
    names = [f"{a} – {b}" for a, b in zip(pairs["gene_a"], pairs["gene_b"], strict=True)]
    yield (
        "pairs-heatmap",
        plot_heatmap(
            values, names, view, title=OTHERS["pairs-heatmap"], unit="coexpression r", standardise=False
        ),
    )
    yield "pairs-by-size", plot_pairs_by_size(view)


def _genes(source: Source, view: View, genes: pd.DataFrame, top: int) -> Iterator[tuple[str, Figure]]:
    rows = ends(genes, top)
    values = read_expression(source.expressions, list(rows["gene"]), view.obs.index)
    unit = "mean log expression"
    yield (
        "genes-heatmap",
        plot_heatmap(values, list(rows["gene"]), view, title=OTHERS["genes-heatmap"], unit=unit),
    )
    few = ends(rows, PANELS // 2)
    place = [list(rows["gene"]).index(gene) for gene in few["gene"]]
    yield (
        "genes-along",
        plot_along(
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
    """Return a row of ``statistics.tsv``; None if it is not there."""
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
