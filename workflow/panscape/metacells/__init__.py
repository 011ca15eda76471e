"""Metacells of cells with RNA, accessibility or both: grouping, judging, sums, links of peaks to genes."""

from panscape.metacells._activity import gene_activity, peaks_near, placed
from panscape.metacells._aggregate import annotate, metacell_names, modality_table, soft_shares, sum_cells
from panscape.metacells._compare import METHODS, embedding, group_by
from panscape.metacells._diffusion import DiffusionSpace, diffusion_space
from panscape.metacells._embed import Views, balanced, linear_views, log_normalised, lsi, pca
from panscape.metacells._evaluate import (
    compactness,
    depth_spread,
    measure,
    purity,
    separation,
    spread_within,
    weighted_purity,
)
from panscape.metacells._evidence import Linked, area, build_check, evidence, link_sample
from panscape.metacells._figures import Drawn, draw_metacells
from panscape.metacells._graph import affinities, components, nearest_cells
from panscape.metacells._group import (
    Grouping,
    group_cells,
    group_graph,
    group_kmeans,
    group_random,
    number_of_metacells,
)
from panscape.metacells._ladder import ladder, merge_ladder, zero_share
from panscape.metacells._links import benjamini_hochberg, gene_scores, link_peaks
from panscape.metacells._paired import (
    Paired,
    atac_study,
    check_peaks,
    load_paired,
    read_paired,
    write_paired,
)
from panscape.metacells._pairs import LinkSettings, Pairs, candidate_pairs
from panscape.metacells._peaks import gene_places, parse_peaks, peak_table, promoter_share, read_genes
from panscape.metacells._pool import pool
from panscape.metacells._repair import repair
from panscape.metacells._rigor import rigor
from panscape.metacells._settings import GroupSettings
from panscape.metacells._spectral import allocate, cut, spectral_embedding
from panscape.metacells._stage import Grouped, Learned, group_sample
from panscape.metacells._sum import (
    Summed,
    judge,
    read_embedding,
    read_grouped,
    sum_sample,
    write_grouped,
    write_summed,
)
from panscape.metacells._wnn import modality_weights, weighted_neighbors

__all__ = [
    "METHODS",
    "DiffusionSpace",
    "Drawn",
    "GroupSettings",
    "Grouped",
    "Grouping",
    "Learned",
    "LinkSettings",
    "Linked",
    "Paired",
    "Pairs",
    "Summed",
    "Views",
    "affinities",
    "allocate",
    "annotate",
    "area",
    "atac_study",
    "balanced",
    "benjamini_hochberg",
    "build_check",
    "candidate_pairs",
    "check_peaks",
    "compactness",
    "components",
    "cut",
    "depth_spread",
    "diffusion_space",
    "draw_metacells",
    "embedding",
    "evidence",
    "gene_activity",
    "gene_places",
    "gene_scores",
    "group_by",
    "group_cells",
    "group_graph",
    "group_kmeans",
    "group_random",
    "group_sample",
    "judge",
    "ladder",
    "linear_views",
    "link_peaks",
    "link_sample",
    "load_paired",
    "log_normalised",
    "lsi",
    "measure",
    "merge_ladder",
    "metacell_names",
    "modality_table",
    "modality_weights",
    "nearest_cells",
    "number_of_metacells",
    "parse_peaks",
    "pca",
    "peak_table",
    "peaks_near",
    "placed",
    "pool",
    "promoter_share",
    "purity",
    "read_embedding",
    "read_genes",
    "read_grouped",
    "read_paired",
    "repair",
    "rigor",
    "separation",
    "soft_shares",
    "spectral_embedding",
    "spread_within",
    "sum_cells",
    "sum_sample",
    "weighted_neighbors",
    "weighted_purity",
    "write_grouped",
    "write_paired",
    "write_summed",
    "zero_share",
]
