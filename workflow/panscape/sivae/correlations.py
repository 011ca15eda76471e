"""Networks and centralities of a bin from correlations of genes, beside those from embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.sivae.baselines import pearson
from panscape.sivae.network import densest, nearest
from panscape.sivae.values import Expression
from panscape.stats.count_correlation import corrected_correlations
from panscape.stats.proportionality import proportionality


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
    neighbours
        int (F, at most `n_neighbors`): most similar genes; -1 in place of those whose similarity is not
        above 0.
    """

    graph: sparse.csr_matrix
    centrality: np.ndarray
    neighbours: np.ndarray

    @classmethod
    def of(
        cls,
        similarities: np.ndarray,
        centrality: np.ndarray,
        density: float,
        usable: np.ndarray,
        n_neighbors: int,
    ) -> Correlated:
        """Return the readout of similarities (F, F), of which only positive ones count."""
        near = nearest(similarities, n_neighbors)
        near = np.where(np.take_along_axis(similarities, near, axis=1) > 0, near, -1)
        graph = densest(similarities, density, usable).multiply(similarities > 0)
        return cls(sparse.csr_matrix(graph, dtype=bool), np.where(usable, centrality, np.nan), near)


def correlated(
    expression: Expression, density: float, usable: np.ndarray, n_neighbors: int = 0
) -> dict[str, Correlated]:
    """Return the readout of the engines without embedding, from a bin's training cells.

    Parameters
    ----------
    expression
        Prepared bin.
    density
        Fraction of all pairs that are edges.
    usable
        bool, (F,): genes that may have edges.
    n_neighbors
        Number of neighbors of each gene to list.

    Returns
    -------
    ``pearson``: the largest absolute correlations. ``corrected``: the largest positive score statistics of
    :func:`panscape.stats.count_correlation.corrected_correlations` (its correlations are right on average at
    any depth, but too noisy to rank rarely detected genes). Few shallow cells may have fewer such pairs than
    the density asks for. Log values have no ``corrected`` edge, neighbor or centrality.
    ``proportionality``: the largest positive rho_p of log expression, of depths made equal.
    """
    train = ~expression.bin.test
    r = pearson(expression.bin).astype(np.float64)
    np.fill_diagonal(r, 0)
    genes, cells = len(r), int(train.sum())
    # the variance of r is 1 / (n - 1) for independent genes, whatever their distributions
    square = np.square(r).sum(axis=0) / max(genes - 1, 1) - 1 / max(cells - 1, 1)
    options = density, usable, n_neighbors
    result = {"pearson": Correlated.of(np.abs(r), square, *options)}
    result["proportionality"] = _proportional(expression, options)
    counted = expression.counted
    if counted is None:
        none = np.zeros((genes, genes), np.float32)
        return result | {"corrected": Correlated.of(none, np.full(genes, np.nan), *options)}
    fitted = corrected_correlations(counted.counts[train], counted.totals[train], counted.strata[train])
    return result | {"corrected": Correlated.of(fitted.z, fitted.connectivity(), *options)}


def _proportional(expression: Expression, options: tuple[float, np.ndarray, int]) -> Correlated:
    """Return the readout of the engine ``proportionality``; options are those of :meth:`Correlated.of`."""
    assert expression.scaling is not None, "of prepare_bin"
    log = expression.scaling.unscale(expression.bin.inputs[~expression.bin.test])
    fitted = proportionality(log, options[1])
    np.fill_diagonal(fitted.rho, 0)
    return Correlated.of(fitted.rho, fitted.connectivity(), *options)
