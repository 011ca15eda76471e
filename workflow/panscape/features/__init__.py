"""Biological processes as features of cells: gene-set scores, chosen to vary, to tell and to differ."""

from panscape.features._aucell import areas, aucell, top_count, weight_blocks
from panscape.features._choose import Forest, choose, forest, group_features
from panscape.features._collection import (
    Chosen,
    choose_features,
    read_libraries,
    sample_cells,
    score_features,
    score_table,
    shared_genes,
)
from panscape.features._entropy import bins_of_size, entropies, entropy_test, random_members
from panscape.features._figures import draw_features
from panscape.features._planted import planted_sets, write_gmt
from panscape.features._settings import FeatureSettings

__all__ = [
    "Chosen",
    "FeatureSettings",
    "Forest",
    "areas",
    "aucell",
    "bins_of_size",
    "choose",
    "choose_features",
    "draw_features",
    "entropies",
    "entropy_test",
    "forest",
    "group_features",
    "planted_sets",
    "random_members",
    "read_libraries",
    "sample_cells",
    "score_features",
    "score_table",
    "shared_genes",
    "top_count",
    "weight_blocks",
    "write_gmt",
]
