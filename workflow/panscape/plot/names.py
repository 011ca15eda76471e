"""Display names of the landscape's statistics and feature spaces."""

from __future__ import annotations

import pandas as pd

AGE = "rho_age"
"""Spearman's rho of pseudotime with age, on the clusters reached in all spaces (main statistic)."""
REACHED = "rho_age_reached"
"""The same on all clusters reached in the space itself."""
MARGIN = "rho_age_margin"
"""The main statistic of coexpression space minus that of another description of the same clusters."""
WITHIN = "rho_age_within_studies"
"""The same within studies."""
OTHER_STUDIES = "rho_age_other_studies"
"""Spearman's rho of a cluster's age with that of its nearest clusters of other studies."""
MIXING = "other_study_share"
"""Mean fraction of a cluster's neighbours that belong to other studies."""

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
"""Feature space (or order of the clusters) -> display name."""

LABELS = {
    AGE: "pseudotime with age (ρ)",
    REACHED: "pseudotime with age, on all clusters that the space reaches (ρ)",
    MARGIN: "pseudotime with age, coexpression space minus this description (ρ)",
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
"""Statistic -> display name; others are shown by their key."""
_OF_STUDY = "rho_age_of_"

PANELS = (
    (AGE, "pseudotime with age\n(Spearman ρ)"),
    (WITHIN, "pseudotime with age\nwithin studies (ρ)"),
    (OTHER_STUDIES, "age with that of nearest\nclusters elsewhere (ρ)"),
    (MIXING, "neighbours from\nother studies (share)"),
)
"""Panels of the figure of the spaces: (statistic, axis label)."""


def space_label(space: str) -> str:
    """Return the display name of a feature space."""
    return SPACES.get(space, space)


def label(statistic: str) -> str:
    """Return the display name of a statistic."""
    if statistic.startswith(_OF_STUDY):
        return f"pseudotime with age within {statistic.removeprefix(_OF_STUDY)} (ρ)"
    return LABELS.get(statistic, statistic)


def entry_labels(programs: pd.DataFrame | None, names: list[str], *, limit: int = 44) -> dict[str, str]:
    """Return the label of each entry of a dictionary: its best gene set, else its top genes.

    Parameters
    ----------
    programs
        entry, top_genes and, if gene sets were given, name; None gives the names alone.
    names
        The entries.
    limit
        Maximum number of letters after the entry's number.

    Examples
    --------
    >>> table = pd.DataFrame({"entry": ["entry-01"], "top_genes": ["INS, IAPP"], "name": ["GO_SECRETION"]})
    >>> entry_labels(table, ["entry-01"])
    {'entry-01': '01 GO SECRETION: INS, IAPP'}
    """
    known = {} if programs is None else {row["entry"]: row for row in programs.to_dict("records")}
    labels = {}
    for name in names:
        row = known.get(name, {})
        term, genes = (row.get(key) if isinstance(row.get(key), str) else "" for key in ("name", "top_genes"))
        term = term.replace("_", " ")
        room = limit - len(genes) - 2
        if term and len(term) > max(room, 16):
            term = f"{term[: max(room, 16) - 1]}…"
        text = ": ".join(part for part in (term, genes) if part)
        labels[name] = f"{name.removeprefix('entry-')} {text}" if text else name
    return labels
