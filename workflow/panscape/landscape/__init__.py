"""The coexpression landscape: panclusters of all studies, arranged by the similarity of their gene pairs."""

from panscape.landscape._age import Viewed, compared, evaluate
from panscape.landscape._annotate import annotate
from panscape.landscape._build import (
    Landscape,
    build,
    comparable,
    find_root,
    gather,
    landscape_vectors,
    measured_vectors,
    views_of,
)
from panscape.landscape._columns import sparse_column_correlations, spearman_columns
from panscape.landscape._combine import Combined, Study, combine, expand_duplicates
from panscape.landscape._compare import compare
from panscape.landscape._diffusion import Diffusion, choose_root, diffusion_map, pseudotime, transition
from panscape.landscape._disjoint import disjoint_clusters, disjoint_groups
from panscape.landscape._distance import Neighbours, gram, nearest, squared_distances
from panscape.landscape._features import best_detected, detected_genes, expected_cells, features
from panscape.landscape._graph import components, connectivities, umap_widths
from panscape.landscape._layout import force_layout
from panscape.landscape._measurable import common_pair_distances
from panscape.landscape._measured import Measured
from panscape.landscape._mixing import expected_share, neighbour_links, other_study_share, study_entropy
from panscape.landscape._other_spaces import other_spaces
from panscape.landscape._rank import rank_genes, rank_pairs
from panscape.landscape._read import pair_positions, read_study
from panscape.landscape._root import named_root
from panscape.landscape._sampling import Sampling, sampling
from panscape.landscape._sensitivity import plot_sensitivity, sensitivity
from panscape.landscape._settings import LandscapeSettings
from panscape.landscape._space import Space, embed, principal_components
from panscape.landscape._statistics import (
    benjamini_hochberg,
    correlation_pvalues,
    partial_spearman,
    spearman,
)
from panscape.landscape._testing import Tested, permutation_pvalue
from panscape.landscape._units import Units, ages_differ, choose_units
from panscape.landscape._write import cluster_table, pseudotime_table, to_anndata
from panscape.means import cluster_means

__all__ = [
    "Combined",
    "Diffusion",
    "Landscape",
    "LandscapeSettings",
    "Measured",
    "Neighbours",
    "Sampling",
    "Space",
    "Study",
    "Tested",
    "Units",
    "Viewed",
    "ages_differ",
    "annotate",
    "benjamini_hochberg",
    "best_detected",
    "build",
    "choose_root",
    "choose_units",
    "cluster_means",
    "cluster_table",
    "combine",
    "common_pair_distances",
    "comparable",
    "compare",
    "compared",
    "components",
    "connectivities",
    "correlation_pvalues",
    "detected_genes",
    "diffusion_map",
    "disjoint_clusters",
    "disjoint_groups",
    "embed",
    "evaluate",
    "expand_duplicates",
    "expected_cells",
    "expected_share",
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
    "other_spaces",
    "other_study_share",
    "pair_positions",
    "partial_spearman",
    "permutation_pvalue",
    "plot_sensitivity",
    "principal_components",
    "pseudotime",
    "pseudotime_table",
    "rank_genes",
    "rank_pairs",
    "read_study",
    "sampling",
    "sensitivity",
    "sparse_column_correlations",
    "spearman",
    "spearman_columns",
    "squared_distances",
    "study_entropy",
    "to_anndata",
    "transition",
    "umap_widths",
    "views_of",
]
