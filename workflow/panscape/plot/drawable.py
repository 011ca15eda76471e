"""Check for figures of the landscape without content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.coscape.landscape.placement import LOW
from panscape.plot.figure_names import PSEUDOTIME, map_name
from panscape.plot.maps import is_labels
from panscape.plot.names import PANELS
from panscape.plot.river import MAX_LABELS, river_column
from panscape.plot.style import DOUBLE, new_figure, style
from panscape.plot.trajectory import _empty
from panscape.plot.view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIN_CLUSTERS = 3  # minimum number of clusters that show a relation
NO_ORDER = "the landscape has no pseudotime"
NO_INTERVALS = "pseudotime has no intervals, which need landscape.distance: corrected and draws"


def not_drawable(
    view: View, columns: Sequence[str], statistics: pd.DataFrame, genes: pd.DataFrame, pairs: pd.DataFrame
) -> dict[str, str]:
    """Return figure -> reason for its lack of content.

    Parameters
    ----------
    view
        The landscape.
    columns
        Columns used to colour the map.
    statistics, genes, pairs
        ``statistics.tsv``, ``genes.tsv`` and ``pairs.tsv``.

    Returns
    -------
    Of the figures named in :func:`panscape.config.figures.landscape`, those that would be empty.
    """
    reasons = {map_name(column): why for column in columns if (why := _no_values(view, column))}
    time, age = view.values(PSEUDOTIME), view.values("age")
    both = int((np.isfinite(time) & np.isfinite(age)).sum())
    ordered = np.isfinite(time).any()
    if not ordered:
        reasons["pseudotime-age"] = NO_ORDER
    elif both < MIN_CLUSTERS:
        reasons["pseudotime-age"] = (
            f"{both or 'no'} cluster{'' if both == 1 else 's'} with pseudotime and age"
        )
    if "pseudotime-age" in reasons:
        reasons["pseudotime-intervals"] = reasons["pseudotime-age"]
    elif not np.isfinite(view.values(LOW)).any():
        reasons["pseudotime-intervals"] = NO_INTERVALS
    known = statistics[np.isfinite(statistics["value"].astype(float))]
    if not known["statistic"].isin([name for name, _ in PANELS]).any():
        reasons["spaces"] = "no statistic of the spaces is defined: there is one study and no age"
    for names, table, what in (
        (("genes-heatmap", "genes-along"), genes, "gene"),
        (("pairs-heatmap",), pairs, "pair of genes"),
    ):
        if not np.isfinite(pd.to_numeric(table["rho"]).astype(float)).any():
            why = f"no {what} varies over the clusters with pseudotime" if ordered else NO_ORDER
            reasons |= dict.fromkeys(names, why)
    if river_column(view, columns) is None:
        reasons["river"] = f"no column of labels has two to {MAX_LABELS} of them"
    if not np.isfinite(pd.to_numeric(genes["fdr"]).astype(float)).any():
        reasons["genes-volcano"] = "no gene was tested" if ordered else NO_ORDER
    if (np.isfinite(view.values("n_cells")) & np.isfinite(view.values("n_pairs"))).sum() < MIN_CLUSTERS:
        reasons["pairs-by-size"] = f"fewer than {MIN_CLUSTERS} clusters"
    return reasons


def _no_values(view: View, column: str) -> str:
    if column == PSEUDOTIME:
        return "" if np.isfinite(view.values(column)).any() else NO_ORDER
    why = "no cluster has a value"
    if column not in view.obs:
        return why
    if is_labels(view.obs, column):
        if column in ("resolution", "level"):
            return ""
        values = view.obs[column].astype(object)
        return "" if (values.notna() & (values.astype(str) != "")).any() else why
    return "" if np.isfinite(view.values(column)).any() else why


def plot_note(title: str, why: str) -> Figure:
    """Draw a placeholder for a figure without content: its title and the reason."""
    with style():
        return _empty(new_figure(DOUBLE * 0.72, 0.7), title, f"Not drawn: {why}.")
