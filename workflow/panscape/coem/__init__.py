"""COEM: joint embedding of RNA and accessibility, metacells, and links between peaks and genes.

Start with :class:`COEM`: fit, embed, predict, metacells, save and load on MuData, AnnData or h5mu files.
"""

from typing import TYPE_CHECKING

from panscape.lazy import attach

if TYPE_CHECKING:
    from panscape.coem.links.link_validation import link_sample as link_sample
    from panscape.coem.links.pairs import LinkSettings as LinkSettings
    from panscape.coem.metacells.aggregate import annotate as annotate
    from panscape.coem.metacells.aggregate import sum_cells as sum_cells
    from panscape.coem.metacells.embed import linear_views as linear_views
    from panscape.coem.metacells.group import GroupSettings as GroupSettings
    from panscape.coem.metacells.group import group_cells as group_cells
    from panscape.coem.metacells.settings import MetacellSettings as MetacellSettings
    from panscape.coem.metacells.stage import group_sample as group_sample
    from panscape.coem.model import COEM as COEM
    from panscape.coem.settings import CoemSettings as CoemSettings

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "COEM": "panscape.coem.model",
        "CoemSettings": "panscape.coem.settings",
        "GroupSettings": "panscape.coem.metacells.group",
        "LinkSettings": "panscape.coem.links.pairs",
        "MetacellSettings": "panscape.coem.metacells.settings",
        "annotate": "panscape.coem.metacells.aggregate",
        "group_cells": "panscape.coem.metacells.group",
        "group_sample": "panscape.coem.metacells.stage",
        "linear_views": "panscape.coem.metacells.embed",
        "link_sample": "panscape.coem.links.link_validation",
        "sum_cells": "panscape.coem.metacells.aggregate",
    },
)
