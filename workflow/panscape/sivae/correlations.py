"""Networks and centralities of a bin from correlations of genes, beside those from embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.sivae.baselines import pearson
from panscape.sivae.network import correlation_network, densest
from panscape.sivae.values import Expression
from panscape.stats.count_correlation import corrected_correlations


@dataclass(frozen=True)
class Correlated:
    """Readout of an engine without embedding.

    Attributes
    ----------
    graph
        CSR bool (F, F), the strongest pairs.
    centrality
        (F,): mean squared correlation with the other genes, less what noise adds on average; NaN where the
        gene does not vary.
    """

    graph: sparse.csr_matrix
    centrality: np.ndarray


def correlated(expression: Expression, density: float, usable: np.ndarray) -> dict[str, Correlated]:
    """Return the readout of the engines ``pearson`` and ``corrected``, from a bin's training cells.

    Parameters
    ----------
    expression
        Prepared bin.
    density
        Fraction of all pairs that are edges.
    usable
        bool, (F,): genes that may have edges.

    Returns
    -------
    ``pearson``: the largest absolute correlations. ``corrected``: the largest positive score statistics of
    :func:`panscape.stats.count_correlation.corrected_correlations` (its correlations are right on average at
    any depth, but too noisy to rank rarely detected genes). Few shallow cells may have fewer such pairs than
    the density asks for. No edge and no centrality for log values.
    """
    train = ~expression.bin.test
    r = pearson(expression.bin).astype(np.float64)
    np.fill_diagonal(r, 0)
    genes, cells = len(r), int(train.sum())
    # the variance of r is 1 / (n - 1) for independent genes, whatever their distributions
    square = np.square(r).sum(axis=0) / max(genes - 1, 1) - 1 / max(cells - 1, 1)
    result = {
        "pearson": Correlated(correlation_network(r, density, usable), np.where(usable, square, np.nan))
    }
    counted = expression.counted
    if counted is None:
        empty = sparse.csr_matrix((genes, genes), dtype=bool)
        return result | {"corrected": Correlated(empty, np.full(genes, np.nan))}
    strata = counted.strata[train]
    fitted = corrected_correlations(counted.counts[train], counted.totals[train], strata)
    centrality = np.where(usable, fitted.connectivity(), np.nan)
    graph = densest(fitted.z, density, usable).multiply(fitted.z > 0)
    return result | {"corrected": Correlated(sparse.csr_matrix(graph, dtype=bool), centrality)}
