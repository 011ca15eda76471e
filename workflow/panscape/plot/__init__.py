"""Figures of each stage: one style, colour-blind-safe palettes, reproducible files.

``draw_*`` functions yield (name, matplotlib figure); ``save_figure`` writes a figure. matplotlib is imported
on first use, and its global settings are not changed.
"""

from typing import TYPE_CHECKING

from panscape.lazy import attach

if TYPE_CHECKING:
    from panscape.plot.dictionary import draw_dictionary as draw_dictionary
    from panscape.plot.features import draw_features as draw_features
    from panscape.plot.landscape import draw_landscape as draw_landscape
    from panscape.plot.metacells import draw_metacells as draw_metacells
    from panscape.plot.networks import draw_networks as draw_networks
    from panscape.plot.overlap import draw_overlap as draw_overlap
    from panscape.plot.project import draw_projection as draw_projection
    from panscape.plot.qc import plot_qc as plot_qc
    from panscape.plot.sivae import draw_lines as draw_lines
    from panscape.plot.style import save_figure as save_figure
    from panscape.plot.unicoord import draw_unicoord as draw_unicoord
    from panscape.plot.view import read_view as read_view

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "draw_dictionary": "panscape.plot.dictionary",
        "draw_features": "panscape.plot.features",
        "draw_landscape": "panscape.plot.landscape",
        "draw_lines": "panscape.plot.sivae",
        "draw_metacells": "panscape.plot.metacells",
        "draw_networks": "panscape.plot.networks",
        "draw_overlap": "panscape.plot.overlap",
        "draw_projection": "panscape.plot.project",
        "draw_unicoord": "panscape.plot.unicoord",
        "plot_qc": "panscape.plot.qc",
        "read_view": "panscape.plot.view",
        "save_figure": "panscape.plot.style",
    },
)
