"""Singular value decompositions and least squares, checked as in :mod:`panscape.stats.decomposition`."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.log import logger
from panscape.stats.decomposition import DENSE_FALLBACK, DecompositionError, finite, signs, symmetric_eigen
from panscape.stats.ties import canonical_rotation


def singular(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decompose a dense matrix, or a stack of them, into ``left * values @ right``.

    Parameters
    ----------
    matrix
        (..., n, p), finite.

    Returns
    -------
    left, values, right
        (..., n, r), (..., r) descending and (..., r, p), r = min(n, p). Where values of a single matrix
        coincide (above 0), the basis does not depend on the processor. Signs are arbitrary.

    Raises
    ------
    ValueError
        If a value is not finite.
    DecompositionError
        If no solver converges.
    """
    matrix = finite(np.asarray(matrix, dtype=np.float64))
    try:
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        sound = all(np.isfinite(part).all() for part in (left, values, right))
    except np.linalg.LinAlgError as error:
        logger.debug("singular values of %s: %s", matrix.shape, error)
        sound = False
    if not sound:
        left, values, right = _robust(matrix)
    return _canonical(left, values, right) if matrix.ndim == 2 else (left, values, right)


def _canonical(left, values, right) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    turned, rotations = canonical_rotation(values, right.T, len(values))
    if rotations:
        left = left.copy()
        for columns, rotation in rotations:
            left[:, columns] = left[:, columns] @ rotation
    return left, values, turned.T


def _robust(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the decomposition by QR iterations, one matrix of a stack after the other."""
    from scipy.linalg import svd

    n, p = matrix.shape[-2:]
    stack = matrix.reshape(-1, n, p)
    try:
        result = [svd(one, full_matrices=False, lapack_driver="gesvd", check_finite=False) for one in stack]
    except np.linalg.LinAlgError as error:
        raise DecompositionError(f"no solver finds singular values of {n} x {p} values: {error}") from error
    left, values, right = (np.array(parts) for parts in zip(*result, strict=True))
    r, before = min(n, p), matrix.shape[:-2]
    return left.reshape(*before, n, r), values.reshape(*before, r), right.reshape(*before, r, p)


def leading_singular(
    matrix: sparse.csr_matrix,
    k: int,
    *,
    centre: np.ndarray | None = None,
    tolerance: float = 1e-6,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the `k` largest singular values and vectors of a sparse matrix, optionally centred.

    Parameters
    ----------
    matrix
        (n, p), finite.
    k
        Number of singular values, at most min(n, p) - 1.
    centre
        (p,) subtracted from every row, without making the matrix dense; None subtracts nothing.
    tolerance
        Relative accuracy of the values.

    Returns
    -------
    left, values, right
        (n, k), (k,) descending and (k, p). A left vector's largest entry is positive.

    Raises
    ------
    ValueError
        If there are fewer than two rows or columns, or a value is not finite.
    DecompositionError
        If no solver converges.
    """
    from scipy.sparse.linalg import ArpackError, svds

    n, p = matrix.shape
    k = min(k, n - 1, p - 1)
    if k < 1:
        raise ValueError(f"{n} x {p} values leave nothing to decompose")
    matrix = sparse.csr_matrix(matrix, dtype=float)
    finite(matrix.data)
    row = np.zeros(p) if centre is None else finite(np.asarray(centre, dtype=float))
    start = np.random.default_rng(0).standard_normal(min(n, p))
    result, reason = None, ""
    try:
        result = svds(_operator(matrix, row), k=k, v0=start, tol=tolerance)
    except ArpackError as error:
        reason = str(error)
    if result is None or not _sound(result, k):
        logger.debug("%d singular vectors of %d x %d values: %s", k, n, p, reason or "not all of them")
        if min(n, p) > DENSE_FALLBACK:
            raise DecompositionError(f"{k} singular vectors of {n} x {p} values do not converge {reason}")
        result = _through_products(matrix, row, k)
    left, values, right = result
    order = np.argsort(-values, kind="stable")
    turn = signs(left[:, order])
    return left[:, order] * turn, values[order], right[order] * turn[:, None]


def _operator(matrix: sparse.csr_matrix, row: np.ndarray):
    from scipy.sparse.linalg import LinearOperator

    back = matrix.T.tocsr()
    return LinearOperator(
        matrix.shape,
        matvec=lambda v: matrix @ v.ravel() - row @ v.ravel(),
        rmatvec=lambda u: back @ u.ravel() - row * u.sum(),
        matmat=lambda v: matrix @ v - row @ v,
        rmatmat=lambda u: back @ u - np.outer(row, u.sum(axis=0)),
        dtype=float,
    )


def _sound(parts, k: int) -> bool:
    left, values, right = parts
    if not (len(values) == left.shape[1] == len(right) == k):
        return False
    return all(np.isfinite(part).all() for part in parts)


def _through_products(matrix: sparse.csr_matrix, row: np.ndarray, k: int):
    """Return the leading singular vectors from the smaller, dense Gram matrix."""
    n, p = matrix.shape
    if n <= p:
        shift = np.asarray(matrix @ row).ravel()
        products = (matrix @ matrix.T).toarray() - shift[:, None] - shift[None, :] + row @ row
    else:
        total = np.asarray(matrix.sum(axis=0)).ravel()
        products = (matrix.T @ matrix).toarray() - np.outer(total, row) - np.outer(row, total)
        products += n * np.outer(row, row)
    squares, vectors = symmetric_eigen(products, k)
    values = np.sqrt(np.maximum(squares, 0.0))
    scale = np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
    operator = _operator(matrix, row)
    if n <= p:
        return vectors, values, (operator.rmatmat(vectors) * scale).T
    return operator.matmat(vectors) * scale, values, vectors.T


def least_squares(design: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return least-squares coefficients, of minimum norm if the design is rank deficient.

    Parameters
    ----------
    design
        (n, k), finite.
    wanted
        (n,) or (n, m), finite.

    Returns
    -------
    (k,) or (k, m).

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    from scipy.linalg import lstsq

    design, wanted = finite(design), finite(wanted)
    try:
        result = np.linalg.lstsq(design, wanted, rcond=None)[0]
    except np.linalg.LinAlgError as error:
        logger.debug("least squares: %s; by QR with pivots", error)
        return lstsq(design, wanted, lapack_driver="gelsy")[0]
    return result


def pseudo_inverse(matrix: np.ndarray) -> np.ndarray:
    """Return the Moore-Penrose inverse (p, n) of a finite matrix (n, p), by :func:`singular`."""
    left, values, right = singular(matrix)
    cutoff = 1e-15 * values.max(initial=0.0)
    scale = np.divide(1.0, values, out=np.zeros_like(values), where=values > cutoff)
    return (right.T * scale) @ left.T
