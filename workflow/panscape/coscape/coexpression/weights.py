"""Weights of a study's counts, with the variance within its smallest clusters."""

from __future__ import annotations

from scipy import sparse

from panscape.coscape.coexpression.nesting import finest_clusters
from panscape.coscape.coexpression.values import Values
from panscape.stats.count_weights import ROUNDS, Weights, weigh_counts


def fit_weights(values: Values, members: sparse.csr_matrix, *, rounds: int = ROUNDS) -> Weights:
    """Estimate the weights of a study, see :func:`panscape.stats.count_weights.weigh_counts`.

    Parameters
    ----------
    values
        Counts of the study.
    members
        CSR (n_clusters, n_cells). The variance is within the smallest cluster of each cell, pooled over these
        clusters; cells in no cluster are left out.
    rounds
        Rounds of reweighting.
    """
    return weigh_counts(values.counts, values.totals, finest_clusters(members), rounds=rounds)
