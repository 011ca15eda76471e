"""Networks and centralities of a bin from correlations of genes, beside those from embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """Return the readout of all :data:`ENGINES`, from a bin's training cells.

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
    ``proportionality``: the largest positive rho_p of log expression, of depths made equal
    (:func:`panscape.stats.proportionality.proportionality`).
    """
    return {
        name: Correlated.of(*engine(expression, usable), density, usable, n_neighbors)
        for name, engine in ENGINES.items()
    }


def _pearson(expression: Expression, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return absolute correlations (F, F) and centralities (F,)."""
    r = pearson(expression.bin).astype(np.float64)
    np.fill_diagonal(r, 0)
    genes, cells = len(r), int((~expression.bin.test).sum())
    # the variance of r is 1 / (n - 1) for independent genes, whatever their distributions
    return np.abs(r), np.square(r).sum(axis=0) / max(genes - 1, 1) - 1 / max(cells - 1, 1)


def _corrected(expression: Expression, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return score statistics (F, F) and centralities (F,); 0 and missing for log values."""
    counted, train = expression.counted, ~expression.bin.test
    if counted is None:
        genes = len(usable)
        return np.zeros((genes, genes), np.float32), np.full(genes, np.nan)
    fitted = corrected_correlations(counted.counts[train], counted.totals[train], counted.strata[train])
    return fitted.z, fitted.connectivity()


def _proportional(expression: Expression, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rho_p (F, F) without its diagonal, and centralities (F,)."""
    assert expression.scaling is not None, "of prepare_bin"
    log = expression.scaling.unscale(expression.bin.inputs[~expression.bin.test])
    fitted = proportionality(log, usable)
    np.fill_diagonal(fitted.rho, 0)
    return fitted.rho, fitted.connectivity()


ENGINES: Mapping[str, Callable[[Expression, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "pearson": _pearson,
    "corrected": _corrected,
    "proportionality": _proportional,
}
"""Engine -> similarities (F, F) and centralities (F,) of a bin, given the genes that may have edges."""
