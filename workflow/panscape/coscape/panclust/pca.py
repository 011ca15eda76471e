"""Principal components without a dense cells x genes matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from panscape.coscape.panclust.source import CellValues
from panscape.stats.decomposition import signs, symmetric_eigen
from panscape.stats.gram import Plan, moments

COVARIANCE_GENES = 3000  # up to here the genes x genes matrix is made and decomposed exactly
OVERSAMPLING, ITERATIONS = 20, 6


def principal_components(
    source: Callable[[np.ndarray | None], CellValues],
    n_components: int,
    rng: np.random.Generator,
    *,
    threads: int = 1,
) -> np.ndarray:
    """Compute principal component scores of centred values.

    Up to 3000 genes the covariance is summed over blocks in float64 and decomposed exactly; beyond, the
    leading subspace is computed by subspace iteration on the covariance, with one pass over the blocks per
    iteration; nothing of the size cells x components is in memory but the result.

    Parameters
    ----------
    source
        Function from an order of the genes (None: as they are) to the values.
    n_components
        Number of components; at most min(cells - 1, genes) are returned.
    rng
        For the random start of the subspace iteration.
    threads
        Of the products; results do not depend on it beyond rounding.

    Returns
    -------
    float32, cells x components, by falling variance. The sign of a component makes its largest loading
    positive.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads):
        return _scores(source, n_components, rng, threads)


def _scores(source, n_components: int, rng: np.random.Generator, threads: int) -> np.ndarray:
    values = source(None)
    n_cells, n_genes = values.shape
    k = min(n_components, n_cells - 1, n_genes)
    if n_genes <= COVARIANCE_GENES:
        first = next(iter(values))[1]
        detection = np.bincount(first.indices, minlength=n_genes) / first.shape[0]
        plan = Plan.choose(detection, n_cells, threads)
        if plan.n_sparse:
            values = source(plan.order)
        loadings, mean = _exact(values, plan, k)
    else:
        loadings, mean = _subspace(values, k, rng)
    loadings = loadings * signs(loadings)
    scores = np.empty((n_cells, k), dtype=np.float32)
    shift = mean @ loadings
    for cells, block in values:
        scores[cells] = block @ loadings - shift
    return scores


def _exact(values: CellValues, plan: Plan, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (genes x k loadings, gene means) from the covariance."""
    sums = moments((block for _, block in values), plan)
    n = sums.n
    mean = sums.total / n
    upper = np.triu(sums.products - np.multiply.outer(sums.total, mean))
    covariance = upper + np.triu(upper, 1).T
    return symmetric_eigen(covariance / (n - 1), k)[1], mean


def _subspace(values: CellValues, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return (genes x k loadings, gene means) by subspace iteration with a Rayleigh-Ritz step at the end."""
    n_cells, n_genes = values.shape
    width = min(k + OVERSAMPLING, n_genes)
    basis = np.linalg.qr(rng.standard_normal((n_genes, width)))[0]
    for _ in range(ITERATIONS - 1):
        basis = np.linalg.qr(_covariance_times(values, basis)[0])[0]
    image, total = _covariance_times(values, basis)
    ritz = basis.T @ image
    return basis @ symmetric_eigen((ritz + ritz.T) / 2, k)[1], total / n_cells


def _covariance_times(values: CellValues, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (co-sums of the centred genes times the basis, sums of the genes) in one pass."""
    n_cells, n_genes = values.shape
    image, total = np.zeros_like(basis), np.zeros(n_genes)
    for _, block in values:
        image += block.T @ (block @ basis)
        total += np.asarray(block.sum(axis=0)).ravel()
    image -= np.multiply.outer(total, (total / n_cells) @ basis)
    return image, total
