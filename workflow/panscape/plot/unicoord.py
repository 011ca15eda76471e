"""Figures of a coordinate system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from panscape.plot.changes import plot_network_changes
from panscape.plot.coordinates import plot_active, plot_coordinates, plot_losses
from panscape.plot.predictions import plot_classes, plot_reconfiguration, plot_restoration, plot_values

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure


def draw_unicoord(
    tables: Mapping[str, pd.DataFrame],
    coordinates: AnnData,
    networks: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]] | None = None,
) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of a coordinate system's figures.

    Parameters
    ----------
    tables
        The stage's tables by the names of their files: training, active, confusion, calibration, metrics,
        predictions, and restoration with restoration_curve where groups were restored.
    coordinates
        ``coordinates.h5ad``.
    networks
        Scenario -> its gene pairs and scores.
    """
    yield "losses", plot_losses(tables["training"])
    yield "coordinates", plot_coordinates(coordinates, tables["active"])
    yield "active", plot_active(tables["active"])
    yield "classes", plot_classes(tables["confusion"], tables["calibration"], tables["metrics"])
    yield "values", plot_values(tables["predictions"], tables["metrics"])
    yield "reconfiguration", plot_reconfiguration(tables["metrics"])
    if "restoration" in tables:
        yield "restoration", plot_restoration(tables["restoration"], tables["restoration_curve"])
    if networks:
        pairs = {name: table for name, (table, _) in networks.items()}
        yield "networks", plot_network_changes(pairs, pd.concat([scores for _, scores in networks.values()]))
