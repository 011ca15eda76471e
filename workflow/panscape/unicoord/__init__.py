"""Learned coordinates that annotate, embed and generate cells.

Start with :class:`UniCoord`: fit, embed, predict, generate, save and load on AnnData or
h5ad files. ``choose_features`` and ``score_features`` turn gene sets into features of cells.
"""

from typing import TYPE_CHECKING

from panscape.lazy import attach

if TYPE_CHECKING:
    from panscape.unicoord.estimator import UniCoord as UniCoord
    from panscape.unicoord.features.collection import choose_features as choose_features
    from panscape.unicoord.features.collection import score_features as score_features
    from panscape.unicoord.features.settings import FeatureSettings as FeatureSettings
    from panscape.unicoord.settings import Hierarchy as Hierarchy
    from panscape.unicoord.settings import Label as Label
    from panscape.unicoord.settings import UniCoordSettings as UniCoordSettings

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "FeatureSettings": "panscape.unicoord.features.settings",
        "Hierarchy": "panscape.unicoord.settings",
        "Label": "panscape.unicoord.settings",
        "UniCoord": "panscape.unicoord.estimator",
        "UniCoordSettings": "panscape.unicoord.settings",
        "choose_features": "panscape.unicoord.features.collection",
        "score_features": "panscape.unicoord.features.collection",
    },
)
