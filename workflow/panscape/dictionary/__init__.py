"""The few coexpression networks that explain a landscape: learning, reading, testing and reusing them."""

from panscape.dictionary._choose import Choice, fit_starts, match
from panscape.dictionary._coding import encode
from panscape.dictionary._confidence import (
    entry_reliability,
    halves,
    pair_correlations,
    reliability,
    split_half,
)
from panscape.dictionary._counterpart import (
    Factors,
    FactorTables,
    compare_usage,
    expression_factors,
    factor_genes,
    factor_tables,
)
from panscape.dictionary._elbow import elbow, grown_elbow, suggest
from panscape.dictionary._enrich import consolidate, enrich, overrepresented
from panscape.dictionary._entries import (
    Dictionary,
    arrange,
    entry_edges,
    entry_names,
    usage_by,
    weighted_mean,
)
from panscape.dictionary._figures import Tables, draw_dictionary
from panscape.dictionary._grow import Growth, chance_gain, grow
from panscape.dictionary._interpret import Reading, read_entries
from panscape.dictionary._learn import Fit, learn
from panscape.dictionary._networks import (
    all_centralities,
    centralities,
    gene_network,
    marker_edges,
    marker_genes,
    top_network,
)
from panscape.dictionary._products import Ends, learn_products
from panscape.dictionary._rows import unit_rows
from panscape.dictionary._settings import DictionarySettings
from panscape.dictionary._stack import Stack, learn_stack, make_stack, read_stack, stack_elbow, stack_fit
from panscape.dictionary._starts import profile_start, singular_start, spread_start
from panscape.dictionary._study import StudyConfidence, normalised, study_confidence
from panscape.dictionary._write import Saved, read_dictionary, to_anndata
from panscape.gene_sets import GeneSets, read_gene_sets, restrict

__all__ = [
    "Choice",
    "Dictionary",
    "DictionarySettings",
    "Ends",
    "FactorTables",
    "Factors",
    "Fit",
    "GeneSets",
    "Growth",
    "Reading",
    "Saved",
    "Stack",
    "StudyConfidence",
    "Tables",
    "all_centralities",
    "arrange",
    "centralities",
    "chance_gain",
    "compare_usage",
    "consolidate",
    "draw_dictionary",
    "elbow",
    "encode",
    "enrich",
    "entry_edges",
    "entry_names",
    "entry_reliability",
    "expression_factors",
    "factor_genes",
    "factor_tables",
    "fit_starts",
    "gene_network",
    "grow",
    "grown_elbow",
    "halves",
    "learn",
    "learn_products",
    "learn_stack",
    "make_stack",
    "marker_edges",
    "marker_genes",
    "match",
    "normalised",
    "overrepresented",
    "pair_correlations",
    "profile_start",
    "read_dictionary",
    "read_entries",
    "read_gene_sets",
    "read_stack",
    "reliability",
    "restrict",
    "singular_start",
    "split_half",
    "spread_start",
    "stack_elbow",
    "stack_fit",
    "study_confidence",
    "suggest",
    "to_anndata",
    "top_network",
    "unit_rows",
    "usage_by",
    "weighted_mean",
]
