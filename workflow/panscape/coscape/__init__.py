"""Coscape: clusters of many studies, ordered by gene coexpression.

The functions take AnnData in memory or paths of h5ad files:

>>> from panscape.coscape import build_landscape, find_panclusters
"""

from typing import TYPE_CHECKING

from panscape.lazy import attach

if TYPE_CHECKING:
    from panscape.coscape.api_dictionary import learn_dictionary as learn_dictionary
    from panscape.coscape.api_dictionary import project_panclusters as project_panclusters
    from panscape.coscape.api_dictionary import score_overlap as score_overlap
    from panscape.coscape.api_landscape import build_landscape as build_landscape
    from panscape.coscape.api_landscape import estimate_coexpression as estimate_coexpression
    from panscape.coscape.api_landscape import find_panclusters as find_panclusters
    from panscape.coscape.coexpression.settings import CoexpressionSettings as CoexpressionSettings
    from panscape.coscape.dictionary.settings import DictionarySettings as DictionarySettings
    from panscape.coscape.landscape.settings import LandscapeSettings as LandscapeSettings
    from panscape.coscape.panclust.settings import PanclustSettings as PanclustSettings

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "find_panclusters": "panscape.coscape.api_landscape",
        "estimate_coexpression": "panscape.coscape.api_landscape",
        "build_landscape": "panscape.coscape.api_landscape",
        "learn_dictionary": "panscape.coscape.api_dictionary",
        "score_overlap": "panscape.coscape.api_dictionary",
        "project_panclusters": "panscape.coscape.api_dictionary",
        "PanclustSettings": "panscape.coscape.panclust.settings",
        "CoexpressionSettings": "panscape.coscape.coexpression.settings",
        "LandscapeSettings": "panscape.coscape.landscape.settings",
        "DictionarySettings": "panscape.coscape.dictionary.settings",
    },
)
