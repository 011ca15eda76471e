"""Biological processes as features of cells: gene-set scores, chosen to vary, to tell and to differ."""

from panscape.features._assess import Assessed, assess_sets
from panscape.features._aucell import areas, aucell, top_count, weight_blocks
from panscape.features._choose import choose, group_features
from panscape.features._classes import Classes, class_areas
from panscape.features._collection import (
    Chosen,
    choose_features,
    read_libraries,
    sample_cells,
    score_features,
    score_table,
    shared_genes,
)
from panscape.features._entropy import entropies
from panscape.features._figures import draw_features
from panscape.features._forest import Forest, forest
from panscape.features._planted import planted_sets, write_gmt
from panscape.features._random import GenePool, bins_of_size, random_members, strata
from panscape.features._settings import FeatureSettings

__all__ = [
    "Assessed",
    "Chosen",
    "Classes",
    "FeatureSettings",
    "Forest",
    "GenePool",
    "areas",
    "assess_sets",
    "aucell",
    "bins_of_size",
    "choose",
    "choose_features",
    "class_areas",
    "draw_features",
    "entropies",
    "forest",
    "group_features",
    "planted_sets",
    "random_members",
    "read_libraries",
    "sample_cells",
    "score_features",
    "score_table",
    "shared_genes",
    "strata",
    "top_count",
    "weight_blocks",
    "write_gmt",
]
