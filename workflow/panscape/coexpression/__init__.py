"""Gene-gene correlation within each pancluster, and the clusters' expression."""

from panscape.coexpression._chance import (
    chance_edges,
    edges_per_cluster,
    sampled_chance,
    shrinker,
    with_shares,
)
from panscape.coexpression._coexpress import Coexpression, coexpress
from panscape.coexpression._correlation import Survivors, correlate, shrink
from panscape.coexpression._expression import cluster_expression
from panscape.coexpression._products import Moments, Plan, moments
from panscape.coexpression._ranks import tied_ranks
from panscape.coexpression._settings import CoexpressionSettings

__all__ = [
    "Coexpression",
    "CoexpressionSettings",
    "Moments",
    "Plan",
    "Survivors",
    "chance_edges",
    "cluster_expression",
    "coexpress",
    "correlate",
    "edges_per_cluster",
    "moments",
    "sampled_chance",
    "shrink",
    "shrinker",
    "tied_ranks",
    "with_shares",
]
