"""The statistics of the landscape, and the spaces that they are computed in, in words."""

from __future__ import annotations

AGE = "rho_age"
"""Spearman's rho of pseudotime with age, on the clusters that all compared spaces reach: the headline."""
REACHED = "rho_age_reached"
"""The same on all clusters that the space itself reaches."""
WITHIN = "rho_age_within_studies"
"""The same within studies."""
OTHER_STUDIES = "rho_age_other_studies"
"""Spearman's rho of a cluster's age with that of its nearest clusters of other studies."""
MIXING = "other_study_share"
"""Mean share of a cluster's neighbours that belong to other studies."""

SPACES = {
    "coexpression": "coexpression",
    "expression": "expression",
    "expression-pca": "expression (principal components)",
    "diagonal": "which genes vary at all",
    "detected": "which genes are detected",
    "common-pairs": "cosine over commonly measurable pairs",
    "n_pairs": "number of pairs alone",
    "n_counts": "depth alone",
    "n_cells": "cluster size alone",
}
"""Space (or order of the clusters) -> what it knows of them."""

LABELS = {
    AGE: "pseudotime with age (ρ)",
    REACHED: "pseudotime with age, on all clusters that the space reaches (ρ)",
    WITHIN: "pseudotime with age within studies (ρ)",
    "partial_rho_age": "pseudotime with age, given size, pairs and depth (ρ)",
    OTHER_STUDIES: "age with age of the nearest clusters of other studies (ρ)",
    "rho_n_cells": "pseudotime with cluster size (ρ)",
    "rho_n_pairs": "pseudotime with number of pairs (ρ)",
    "rho_n_counts": "pseudotime with depth (ρ)",
    MIXING: "neighbours from other studies (share)",
    "other_study_share_at_age": "neighbours from other studies (share), chance at similar ages",
    "study_entropy": "entropy of studies among neighbours (0 to 1)",
    "components": "connected parts",
    "reached": "clusters with a pseudotime",
}
"""Statistic -> what it measures; others are shown by their name."""
_OF_STUDY = "rho_age_of_"

PANELS = (
    (AGE, "pseudotime with age\n(Spearman ρ)"),
    (WITHIN, "pseudotime with age\nwithin studies (ρ)"),
    (OTHER_STUDIES, "age with that of nearest\nclusters elsewhere (ρ)"),
    (MIXING, "neighbours from\nother studies (share)"),
)
"""What the figure of the spaces shows: (statistic, axis label)."""


def space_label(space: str) -> str:
    """Return what a space knows of the clusters."""
    return SPACES.get(space, space)


def label(statistic: str) -> str:
    """Return what a statistic measures."""
    if statistic.startswith(_OF_STUDY):
        return f"pseudotime with age within {statistic.removeprefix(_OF_STUDY)} (ρ)"
    return LABELS.get(statistic, statistic)
