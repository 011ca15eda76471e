"""Principal component analysis of matrices in memory or read in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from panscape.stats.decomposition import signs, symmetric_eigen
from panscape.stats.gram import Plan, moments
from panscape.stats.krylov import leading_covariance
from panscape.stats.singular import leading_singular, singular

COVARIANCE_GENES = 500  # up to here the genes x genes covariance is decomposed exactly
CONSTANT = 1e-12  # a variance below this share of the mean square is rounding


@dataclass(frozen=True)
class Components:
    """Leading principal components.

    Attributes
    ----------
    scores
        (n, k): coordinates of the rows.
    axes
        (p, k), orthonormal columns.
    values
        (k,), descending: norms of the columns of `scores` (singular values).
    """

    scores: np.ndarray
    axes: np.ndarray
    values: np.ndarray


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


def principal_components(
    values: np.ndarray | sparse.csr_matrix, k: int, *, centre: bool = True, tolerance: float = 1e-6
) -> Components:
    """Compute the leading principal components of a matrix in memory.

    Parameters
    ----------
    values
        (n, p), finite. A sparse matrix stays sparse: it is centred within the products.
    k
        Number of components; at most the rank of a dense matrix, or min(n, p) - 1 of a sparse one.
    centre
        Subtract the column means first.
    tolerance
        Relative accuracy of the singular values of a sparse matrix; 0 for machine precision.

    Returns
    -------
    Components, float64. The sign makes the largest score of a component positive.

    Raises
    ------
    ValueError
        If a value is not finite, or a sparse matrix has fewer than two rows or columns.

    Examples
    --------
    >>> pca = principal_components(np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]), 2)
    >>> pca.scores.shape, pca.values.round(6)
    ((3, 1), array([7.071068]))
    >>> pca.axes.round(6)
    array([[-0.6],
           [-0.8]])
    """
    if sparse.issparse(values):
        mean = np.asarray(values.mean(axis=0)).ravel() if centre else None
        left, size, right = leading_singular(values, k, centre=mean, tolerance=tolerance)
        return Components(left * size, right.T, size)
    values = np.asarray(values, dtype=np.float64)
    left, size, right = singular(values - np.mean(values, axis=0) if centre else values)
    k = min(k, int((size > 1e-10 * max(size[0], 1e-300)).sum()) if len(size) else 0)
    left, turn = left[:, :k], signs(left[:, :k])
    return Components(left * turn * size[:k], right[:k].T * turn, size[:k])


def leading_axes(values: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the axes and variances of a centred dense matrix, from the smaller of its Gram matrices.

    Faster than :func:`principal_components` where k is small; variances below 1e-9 of the largest are lost.

    Parameters
    ----------
    values
        (n, p), centred.
    k
        Number of components, at most the rank.

    Returns
    -------
    axes
        (p, k) float64, orthonormal columns whose largest entry is positive.
    variances
        (k,), descending: mean squares of the scores.
    """
    values = np.asarray(values, dtype=np.float64)
    few = len(values) <= values.shape[1]
    squares, vectors = symmetric_eigen(values @ values.T if few else values.T @ values, k)
    squares = np.clip(squares, 0, None)
    kept = squares > 1e-9 * max(squares[0], 1e-12)
    squares, vectors = squares[kept], vectors[:, kept]
    axes = values.T @ vectors / np.sqrt(squares) if few else vectors
    return axes * signs(axes), squares / len(values)


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


def plane(values: np.ndarray) -> np.ndarray:
    """Return the scores (n, 2) of the two leading principal components of standardised columns.

    Parameters
    ----------
    values
        (n, m); columns that do not vary are left out, and missing components are 0.

    Examples
    --------
    >>> plane(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    centred = values - values.mean(axis=0)
    scale = centred.std(axis=0)
    centred = centred[:, scale > 0] / scale[scale > 0]
    if centred.shape[1] < 2:
        return np.pad(centred, ((0, 0), (0, 2 - centred.shape[1])))
    vectors = symmetric_eigen(centred.T @ centred, 2)[1]
    return centred @ (vectors * signs(vectors))
