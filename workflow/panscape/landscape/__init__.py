"""The coexpression landscape: panclusters of all studies, arranged by the similarity of their gene pairs."""

from panscape.landscape._annotate import annotate
from panscape.landscape._build import (
    Landscape,
    build,
    comparable,
    find_root,
    gather,
    landscape_vectors,
    measured_vectors,
)
from panscape.landscape._columns import sparse_column_correlations, spearman_columns
from panscape.landscape._combine import Combined, Study, combine, expand_duplicates
from panscape.landscape._compare import compare, control_spaces
from panscape.landscape._diffusion import Diffusion, choose_root, diffusion_map, pseudotime, transition
from panscape.landscape._distance import Neighbours, gram, nearest, squared_distances
from panscape.landscape._features import best_detected, detected_genes, expected_cells, features
from panscape.landscape._graph import components, connectivities, umap_widths
from panscape.landscape._layout import force_layout
from panscape.landscape._measured import Measured
from panscape.landscape._rank import rank_genes, rank_pairs
from panscape.landscape._read import pair_positions, read_study
from panscape.landscape._root import named_root
from panscape.landscape._sensitivity import plot_sensitivity, sensitivity
from panscape.landscape._settings import LandscapeSettings
from panscape.landscape._space import Space, embed, principal_components
from panscape.landscape._statistics import (
    Tested,
    benjamini_hochberg,
    correlation_pvalues,
    neighbour_links,
    other_study_share,
    partial_spearman,
    permutation_test,
    spearman,
    spearman_test,
    study_entropy,
    within_groups_spearman,
)
from panscape.landscape._write import cluster_table, pseudotime_table, to_anndata

__all__ = [
    "Combined",
    "Diffusion",
    "Landscape",
    "LandscapeSettings",
    "Measured",
    "Neighbours",
    "Space",
    "Study",
    "Tested",
    "annotate",
    "benjamini_hochberg",
    "best_detected",
    "build",
    "choose_root",
    "cluster_table",
    "combine",
    "comparable",
    "compare",
    "components",
    "connectivities",
    "control_spaces",
    "correlation_pvalues",
    "detected_genes",
    "diffusion_map",
    "embed",
    "expand_duplicates",
    "expected_cells",
    "features",
    "find_root",
    "force_layout",
    "gather",
    "gram",
    "landscape_vectors",
    "measured_vectors",
    "named_root",
    "nearest",
    "neighbour_links",
    "other_study_share",
    "pair_positions",
    "partial_spearman",
    "permutation_test",
    "plot_sensitivity",
    "principal_components",
    "pseudotime",
    "pseudotime_table",
    "rank_genes",
    "rank_pairs",
    "read_study",
    "sensitivity",
    "sparse_column_correlations",
    "spearman",
    "spearman_columns",
    "spearman_test",
    "squared_distances",
    "study_entropy",
    "to_anndata",
    "transition",
    "umap_widths",
    "within_groups_spearman",
]
