"""Checked eigendecompositions; with :mod:`panscape.stats.singular` the only caller of the solvers.

LAPACK and ARPACK may return too few vectors (``syevr`` where eigenvalues coincide, ARPACK where it stops
early) or not converge. Each function checks that the vectors are complete, finite, orthonormal and, where
cheap, eigenvectors, and otherwise falls back on a slower, more robust solver. Where eigenvalues coincide, the
eigenvectors are defined up to rotation; the dense functions return the same ones on every processor.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from panscape.log import logger
from panscape.stats.ties import canonical_rotation, tied

DENSE_BELOW = 500  # rows: smaller sparse matrices are decomposed exactly, as dense ones
DENSE_FALLBACK = 6000  # rows: up to here a dense decomposition (288 MB per copy) may replace ARPACK
SUBSET_ABOVE = 100  # rows: below, a subset of the vectors is not cheaper than all
ORTHONORMAL = 1e-6
WIDER = (1, 2, 4)  # sizes of ARPACK's subspace to try, relative to the default


class DecompositionError(np.linalg.LinAlgError):
    """Failure of all solvers to decompose a matrix."""


def signs(vectors: np.ndarray) -> np.ndarray:
    """Return the sign, 1 or -1, that makes the largest absolute entry of each column positive.

    Of entries equal up to rounding, the first one counts.

    Parameters
    ----------
    vectors
        (n, k).
    """
    size = np.abs(vectors)
    first = (size >= size.max(axis=0, initial=0.0) * (1 - 1e-8)).argmax(axis=0) if len(size) else []
    leading = vectors[first, np.arange(vectors.shape[1])] if len(size) else np.ones(vectors.shape[1])
    return np.where(leading < 0, -1.0, 1.0)


def symmetric_eigen(matrix: np.ndarray, k: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Decompose a dense symmetric matrix.

    Parameters
    ----------
    matrix
        (n, n), finite; only the lower triangle is read.
    k
        Number of leading eigenvalues, at most n; all by default.

    Returns
    -------
    values
        (k,) float64, descending.
    vectors
        (n, k), orthonormal columns, canonical for coinciding values other than 0.

    Raises
    ------
    ValueError
        If the matrix is not square or has non-finite values.
    DecompositionError
        If no solver converges.
    """
    matrix = _checked(matrix)
    n = len(matrix)
    k = n if k is None else max(min(k, n), 0)
    if n == 0 or k == 0:
        return np.zeros(k), np.zeros((n, k))
    if n > SUBSET_ABOVE and k + 1 <= n // 4:
        # one more than requested, to detect whether the last one coincides with the next
        leading = _subset(matrix, k + 1)
        if leading is not None and not tied(leading[0])[k - 1]:
            return _canonical(leading[0][:k], leading[1][:, :k], k)
    return _canonical(*_all_eigen(matrix), k)


def symmetric_eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """Return all eigenvalues of a dense symmetric matrix, descending (see :func:`symmetric_eigen`)."""
    matrix = _checked(matrix)
    try:
        values = np.linalg.eigvalsh(matrix)[::-1]
    except np.linalg.LinAlgError:
        values = np.full(len(matrix), np.nan)
    return values if np.isfinite(values).all() else _all_eigen(matrix)[0]


def leading_eigen(
    matrix: sparse.sparray | np.ndarray,
    k: int,
    *,
    by: str = "value",
    dense_below: int = DENSE_BELOW,
    tolerance: float = 0.0,
    max_iterations: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the leading eigenvalues and eigenvectors of a sparse symmetric matrix.

    Parameters
    ----------
    matrix
        (n, n), finite.
    k
        Number of eigenvalues, at most n.
    by
        ``"value"`` for the largest eigenvalues, ``"size"`` for those of largest absolute value.
    dense_below
        Matrices with fewer rows are decomposed exactly, as are those that need nearly all vectors.
    tolerance
        Relative accuracy of the eigenvalues; 0 for machine precision.
    max_iterations
        Maximum iterations of ARPACK's first attempt; 10 n by default.

    Returns
    -------
    values
        (k,) float64, descending (also for ``by="size"``).
    vectors
        (n, k), orthonormal columns. Signs are arbitrary (see :func:`signs`).

    Raises
    ------
    ValueError
        If the matrix is not square or has non-finite values.
    DecompositionError
        If no solver converges.
    """
    if by not in ("value", "size"):
        raise ValueError(f"by is {by!r}, not 'value' or 'size'")
    n = matrix.shape[0]
    k = max(min(k, n), 0)
    _checked(np.asarray(matrix.data if sparse.issparse(matrix) else matrix), shape=matrix.shape)
    if n < dense_below or k >= n - 1 or k == 0:
        values, vectors = _dense_leading(matrix, k, by)
    else:
        values, vectors = _arpack(matrix, k, by, tolerance, max_iterations)
    order = np.argsort(-values, kind="stable")
    return values[order], vectors[:, order]


def _dense_leading(matrix, k: int, by: str) -> tuple[np.ndarray, np.ndarray]:
    dense = matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)
    if by == "value":
        return symmetric_eigen(dense, k)
    values, vectors = symmetric_eigen(dense)
    # of a pair of opposite sign the positive one first, whatever the rounding
    size = np.abs(values) + 1e-12 * np.abs(values).max(initial=0.0) * np.sign(values)
    chosen = np.sort(np.argsort(-size, kind="stable")[:k])
    return values[chosen], vectors[:, chosen]


def _checked(values: np.ndarray, shape: tuple[int, ...] | None = None) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    shape = values.shape if shape is None else shape
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"a symmetric matrix is square; this one is {' x '.join(map(str, shape))}")
    return finite(values)


def finite(values: np.ndarray) -> np.ndarray:
    """Return `values` as an array; raise a ValueError with the number and position of non-finite ones."""
    values = np.asarray(values)
    good = np.isfinite(values)
    if not good.all():
        where = tuple(map(int, np.argwhere(~good)[0]))
        raise ValueError(
            f"{int((~good).sum())} of {good.size} values to decompose are not finite, the first at {where}; "
            "check the input for missing or infinite values"
        )
    return values


def _canonical(values: np.ndarray, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first `k` values and vectors, with tied vectors rotated to a canonical basis."""
    return values[:k], canonical_rotation(values, vectors, k)[0]


def _subset(matrix: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the `k` leading values and vectors by the fast solver, or None if it fails."""
    from scipy.linalg import eigh

    n = len(matrix)
    try:
        values, vectors = eigh(matrix, subset_by_index=(n - k, n - 1), check_finite=False)
    except np.linalg.LinAlgError as error:
        logger.debug("%d of %d eigenvectors: %s; computing all of them", k, n, error)
        return None
    values, vectors = values[::-1], vectors[:, ::-1]
    if not _sound(matrix, values, vectors, k, ORTHONORMAL):
        logger.debug("%d of %d eigenvectors came out as %s; computing all of them", k, n, vectors.shape)
        return None
    return values, vectors


def _all_eigen(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all values, descending, and vectors, by divide and conquer, else QR iterations."""
    from scipy.linalg import eigh

    n = len(matrix)
    solvers: tuple[Callable, ...] = (
        np.linalg.eigh,
        lambda x: eigh(x, driver="ev", check_finite=False),
    )
    for solver in solvers:
        try:
            values, vectors = solver(matrix)
        except np.linalg.LinAlgError as error:
            logger.debug("eigenvectors of %d x %d values: %s", n, n, error)
            continue
        if _sound(None, values, vectors, n, ORTHONORMAL):
            return values[::-1], vectors[:, ::-1]
    raise DecompositionError(f"no solver finds the eigenvectors of these {n} x {n} values")


def _arpack(matrix, k: int, by: str, tolerance: float, max_iterations: int | None):
    """Return values and vectors by Lanczos iterations, widening the subspace until they converge."""
    from scipy.sparse.linalg import ArpackError, eigsh

    n = matrix.shape[0]
    usual = min(n, max(2 * k + 1, 20))
    start = np.random.default_rng(0).random(n) + 0.5  # the same in every run, and not an eigenvector
    reason = ""
    for wider in WIDER:
        options = {"v0": start, "tol": tolerance, "ncv": min(n, usual * wider)}
        options["maxiter"] = None if max_iterations is None else max_iterations * wider
        try:
            values, vectors = eigsh(matrix, k=k, which="LA" if by == "value" else "LM", **options)
        except ArpackError as error:  # also if only some vectors converged
            reason = str(error)
        else:
            if _sound(matrix, values, vectors, k, max(100 * tolerance, ORTHONORMAL)):
                return values, vectors
            reason = f"{vectors.shape[1]} vectors instead of {k}, or not orthonormal eigenvectors"
        logger.debug("%d leading eigenvectors of %d rows: %s", k, n, reason)
    if n <= DENSE_FALLBACK:
        return _dense_leading(matrix, k, by)
    raise DecompositionError(
        f"{k} leading eigenvectors of {n} rows do not converge ({reason}); request fewer dimensions"
    )


def _sound(matrix, values: np.ndarray, vectors: np.ndarray, k: int, residual: float) -> bool:
    """Return whether the vectors are `k` orthonormal vectors and eigenvectors of the matrix."""
    if vectors.shape[1] != k or len(values) != k:
        return False
    if not (np.isfinite(values).all() and np.isfinite(vectors).all()):
        return False
    if np.abs(vectors.T @ vectors - np.eye(k)).max(initial=0.0) > ORTHONORMAL:
        return False
    if matrix is None:
        return True
    scale = max(float(np.abs(values).max(initial=0.0)), np.finfo(float).tiny)
    return float(np.abs(matrix @ vectors - vectors * values).max(initial=0.0)) <= residual * scale


def symmetric_pseudo_inverses(matrices: np.ndarray, relative: float = 1e-10) -> np.ndarray:
    """Return the pseudo-inverses of a stack of small symmetric matrices.

    Parameters
    ----------
    matrices
        (m, n, n), finite.
    relative
        Eigenvalues below this fraction of the largest absolute one count as 0.

    Returns
    -------
    (m, n, n) float64.

    Raises
    ------
    ValueError
        If a value is not finite.
    DecompositionError
        If no solver converges.

    Examples
    --------
    >>> symmetric_pseudo_inverses(np.array([[[2.0, 0.0], [0.0, 0.0]]]))
    array([[[0.5, 0. ],
            [0. , 0. ]]])
    """
    matrices = finite(np.asarray(matrices, dtype=np.float64))
    try:
        values, vectors = np.linalg.eigh(matrices)
        sound = np.isfinite(values).all() and np.isfinite(vectors).all()
    except np.linalg.LinAlgError as error:
        logger.debug("eigenvectors of %d matrices at once: %s; one by one", len(matrices), error)
        sound = False
    if not sound:
        each = [symmetric_eigen(matrix) for matrix in matrices]
        values, vectors = (np.stack(parts) for parts in zip(*each, strict=True))
    keep = np.abs(values) > relative * np.abs(values).max(axis=1, keepdims=True, initial=0.0)
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=keep)
    return (vectors * inverse[:, None, :]) @ vectors.transpose(0, 2, 1)
