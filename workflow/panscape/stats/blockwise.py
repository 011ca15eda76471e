"""Principal component scores of a matrix that is read in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from scipy import sparse

from panscape.stats.decomposition import signs, symmetric_eigen
from panscape.stats.gram import Plan, moments
from panscape.stats.krylov import leading_covariance

COVARIANCE_GENES = 500  # up to here the genes x genes covariance is decomposed exactly
CONSTANT = 1e-12  # a variance below this share of the mean square is rounding


class Blocks(Protocol):
    """A matrix that can be read repeatedly in blocks.

    The result does not depend on the order of the columns.
    """

    shape: tuple[int, int]

    def detection(self) -> np.ndarray:
        """Return the fraction of some rows in which each column is not zero."""
        ...

    def ordered(self, order: np.ndarray) -> Blocks:
        """Return the matrix with column ``order[i]`` at place i."""
        ...

    def __iter__(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (rows, CSR block of these rows)."""
        ...


def blockwise_scores(
    values: Blocks,
    n_components: int,
    rng: np.random.Generator,
    *,
    standardise: bool = False,
    threads: int = 1,
) -> np.ndarray:
    """Compute principal component scores of a matrix that is read in blocks of rows.

    Up to 500 genes the covariance is summed over blocks in float64 and decomposed exactly; beyond, its
    leading eigenvectors are computed by :func:`panscape.stats.krylov.leading_covariance`, in a few passes
    over the blocks. The result is the only array of size cells x components.

    Parameters
    ----------
    values
        The matrix.
    n_components
        Number of components, at most min(cells - 1, genes).
    rng
        Random generator, for the start of the iterations.
    standardise
        Divide each gene by its standard deviation over the cells. The values stay sparse: the scales enter
        the products. Genes that do not vary keep a scale of 1.
    threads
        Threads of the products; results do not depend on it beyond rounding.

    Returns
    -------
    float32, cells x components, by descending variance. The largest loading of each component is positive.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads):
        return _scores(values, n_components, rng, standardise, threads)


def _scores(
    values: Blocks, n_components: int, rng: np.random.Generator, standardise: bool, threads: int
) -> np.ndarray:
    n_cells, n_genes = values.shape
    k = min(n_components, n_cells - 1, n_genes)
    if n_genes <= COVARIANCE_GENES:
        plan = Plan.choose(values.detection(), n_cells, threads)
        if plan.n_sparse:
            values = values.ordered(plan.order)
        loadings, mean, scale = _exact(values, plan, k, standardise)
    else:
        scale = _spread(values) if standardise else np.ones(n_genes)
        loadings, mean = leading_covariance(values, k, rng, scale, threads)
    loadings = loadings * signs(loadings) / scale[:, None]
    scores = np.empty((n_cells, k), dtype=np.float32)
    shift = mean @ loadings
    for cells, block in values:
        scores[cells] = block @ loadings - shift
    return scores


def _exact(
    values: Blocks, plan: Plan, k: int, standardise: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (genes x k loadings of the scaled genes, gene means, scales) from the covariance."""
    sums = moments((block for _, block in values), plan)
    n = sums.n
    mean = sums.total / n
    mean_square = sums.products.diagonal() / n
    covariance = sums.products  # in place: at 3000 genes, each copy has 72 MB
    for gene, row in enumerate(covariance):
        row[gene:] -= sums.total[gene] * mean[gene:]
        row[gene:] /= n - 1
        covariance[gene + 1 :, gene] = row[gene + 1 :]
    scale = np.ones(len(mean))
    if standardise:
        scale = _scale(np.diag(covariance), mean_square)
        covariance /= scale
        covariance /= scale[:, None]
    return symmetric_eigen(covariance, k)[1], mean, scale


def _scale(variance: np.ndarray, mean_square: np.ndarray) -> np.ndarray:
    """Return standard deviations; 1 where the variance is no more than rounding of the mean square."""
    return np.sqrt(np.where(variance > CONSTANT * mean_square, variance, 1.0))


def _spread(values: Blocks) -> np.ndarray:
    """Return the scales of the genes in one pass."""
    n_cells, n_genes = values.shape
    total, squares = np.zeros(n_genes), np.zeros(n_genes)
    for _, block in values:
        total += np.bincount(block.indices, block.data, n_genes)
        squares += np.bincount(block.indices, np.square(block.data, dtype=np.float64), n_genes)
    return _scale((squares - total**2 / n_cells) / (n_cells - 1), squares / n_cells)
