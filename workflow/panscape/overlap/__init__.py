"""Overlap of coexpression networks with known gene-gene networks."""

from panscape.overlap._baselines import (
    at_resolution,
    correlation_of_shared,
    pooled_correlation,
    strong_pairs,
)
from panscape.overlap._edges import Graph, Network, graph_of, measurable, read_network, shared_genes
from panscape.overlap._figures import draw_overlap
from panscape.overlap._rewire import adjacency_bits, count_shared, rewire
from panscape.overlap._scores import overlap_score, overlap_table, supported_edges
from panscape.overlap._targets import (
    MAIN,
    all_cells_graph,
    baseline_graphs,
    graph_table,
    table_graphs,
    union_graph,
)

__all__ = [
    "MAIN",
    "Graph",
    "Network",
    "adjacency_bits",
    "all_cells_graph",
    "at_resolution",
    "baseline_graphs",
    "correlation_of_shared",
    "count_shared",
    "draw_overlap",
    "graph_of",
    "graph_table",
    "measurable",
    "overlap_score",
    "overlap_table",
    "pooled_correlation",
    "read_network",
    "rewire",
    "shared_genes",
    "strong_pairs",
    "supported_edges",
    "table_graphs",
    "union_graph",
]
