"""Principal component analysis of matrices in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.stats.decomposition import signs, symmetric_eigen
from panscape.stats.singular import leading_singular, singular


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
