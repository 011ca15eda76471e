"""Placement of new studies on the dictionary and the landscape of a finished collection."""

from panscape.project._align import Aligned, Reference, align, project_codes
from panscape.project._collection import Finished, match_genes, project_stack, project_studies
from panscape.project._figures import draw_projection
from panscape.project._intervals import LeftOut, Scale, edges, half_widths, leave_out, local_quantile
from panscape.project._kriging import kernel, krige
from panscape.project._place import neighbors, on_the_map, place

__all__ = [
    "Aligned",
    "Finished",
    "LeftOut",
    "Reference",
    "Scale",
    "align",
    "draw_projection",
    "edges",
    "half_widths",
    "kernel",
    "krige",
    "leave_out",
    "local_quantile",
    "match_genes",
    "neighbors",
    "on_the_map",
    "place",
    "project_codes",
    "project_stack",
    "project_studies",
]
