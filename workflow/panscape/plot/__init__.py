"""Figures: one style, colour-blind-safe palettes, reproducible files.

Nothing here changes matplotlib's global settings; matplotlib itself is imported when something is drawn.
"""

from panscape.plot import _names as statistics_names
from panscape.plot._landscape import Source, draw_landscape, ends, left_out
from panscape.plot._maps import plot_map
from panscape.plot._palette import DIVERGING, OKABE_ITO, SEQUENTIAL, SEQUENTIAL_2, Look, categorical, colours
from panscape.plot._predictions import model_name
from panscape.plot._spaces import plot_pairs_by_size, plot_spaces
from panscape.plot._style import (
    DOUBLE,
    GREY,
    INK,
    RASTER_ABOVE,
    SINGLE,
    colorbar_outside,
    legend_outside,
    new_figure,
    plain_text,
    save_figure,
    style,
)
from panscape.plot._trajectory import Statistic, plot_along, plot_heatmap, plot_pseudotime_age
from panscape.plot._unicoord import draw_unicoord
from panscape.plot._view import View, read_statistics, read_view

__all__ = [
    "DIVERGING",
    "DOUBLE",
    "GREY",
    "INK",
    "OKABE_ITO",
    "RASTER_ABOVE",
    "SEQUENTIAL",
    "SEQUENTIAL_2",
    "SINGLE",
    "Look",
    "Source",
    "Statistic",
    "View",
    "categorical",
    "colorbar_outside",
    "colours",
    "draw_landscape",
    "draw_unicoord",
    "ends",
    "left_out",
    "legend_outside",
    "model_name",
    "new_figure",
    "plain_text",
    "plot_along",
    "plot_heatmap",
    "plot_map",
    "plot_pairs_by_size",
    "plot_pseudotime_age",
    "plot_spaces",
    "read_statistics",
    "read_view",
    "save_figure",
    "statistics_names",
    "style",
]
