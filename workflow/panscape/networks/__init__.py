"""Gene networks of cell lines or donors compared with each other and with a phenotype of the lines."""

from panscape.networks._associate import associate, coordinates, distances, double_centre
from panscape.networks._centrality import CONTROLS, associate_genes
from panscape.networks._edges import (
    EdgeTable,
    associate_edges,
    associate_sets,
    edge_table,
    group_edges,
)
from panscape.networks._figures import draw_networks
from panscape.networks._gsea import enrichment_score, mito_set, prerank
from panscape.networks._kernel import wl_histograms, wl_kernel
from panscape.networks._known import enrichment_of_edges
from panscape.networks._phenotype import Phenotype, read_phenotype
from panscape.networks._rank import (
    Controlled,
    benjamini_hochberg,
    rank_sum,
    rho_pvalue,
    spearman,
    spearman_pvalue,
)
from panscape.networks._read import Collection, LineFiles, read_collection, read_lines, trained
from panscape.networks._reliability import reliability, vector_similarity
from panscape.networks._run import (
    check_lines,
    compare_lines,
    kernel_names,
    phenotype_columns,
    read_phenotypes,
    similarity_of,
)
from panscape.networks._settings import KERNELS, NetworkSettings
from panscape.networks._similarity import average_bins, edge_jaccard, linear_cka, neighbour_jaccard
from panscape.networks._tables import (
    edge_sets,
    edge_tables,
    figure_genes,
    gene_tables,
    known_table,
    library_sets,
    set_tables,
)

__all__ = [
    "CONTROLS",
    "KERNELS",
    "Collection",
    "Controlled",
    "EdgeTable",
    "LineFiles",
    "NetworkSettings",
    "Phenotype",
    "associate",
    "associate_edges",
    "associate_genes",
    "associate_sets",
    "average_bins",
    "benjamini_hochberg",
    "check_lines",
    "compare_lines",
    "coordinates",
    "distances",
    "double_centre",
    "draw_networks",
    "edge_jaccard",
    "edge_sets",
    "edge_table",
    "edge_tables",
    "enrichment_of_edges",
    "enrichment_score",
    "figure_genes",
    "gene_tables",
    "group_edges",
    "kernel_names",
    "known_table",
    "library_sets",
    "linear_cka",
    "mito_set",
    "neighbour_jaccard",
    "phenotype_columns",
    "prerank",
    "rank_sum",
    "read_collection",
    "read_lines",
    "read_phenotype",
    "read_phenotypes",
    "reliability",
    "rho_pvalue",
    "set_tables",
    "similarity_of",
    "spearman",
    "spearman_pvalue",
    "trained",
    "vector_similarity",
    "wl_histograms",
    "wl_kernel",
]
