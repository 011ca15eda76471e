"""Leading eigenvectors of the covariance of a sparse matrix read in blocks, by block Lanczos iterations.

Each pass over the rows multiplies the covariance by a few vectors. All vectors so far span the Krylov space,
in which the leading eigenvectors converge far faster than by subspace iteration: to single
precision within 10 to 16 passes, while the genes x genes matrix is never formed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from panscape.stats.decomposition import symmetric_eigen

if TYPE_CHECKING:
    from panscape.stats.blockwise import Blocks

WIDTH = 32  # vectors multiplied at a time; the compiled loop is fastest per vector from here on
# vectors are rounded to multiples of this: sums of BLAS differ between processors in the last digits, which
# must not reach the products in single precision
GRID = 2.0**-16
TOLERANCE = 1e-5  # growth of the variance of the components within two passes
MAX_PASSES = 60
DEPENDENT = 1e-6  # a vector that keeps less than this share of its length is a combination of earlier ones


def leading_covariance(
    values: Blocks, k: int, rng: np.random.Generator, scale: np.ndarray, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Find the leading eigenvectors of the covariance of scaled columns.

    Parameters
    ----------
    values
        The matrix; its blocks are CSR float32 of a few thousand rows.
    k
        Number of eigenvectors, at most the number of columns.
    rng
        Random generator of the first vectors.
    scale
        (p,): divides each column.
    threads
        Threads of the products; the result does not depend on them.

    Returns
    -------
    vectors, mean
        (p, k) orthonormal columns by descending eigenvalue, and the means (p,) of the unscaled columns.
    """
    n, p = values.shape
    variance = -np.inf
    basis: list[np.ndarray] = []
    products = overlaps = np.zeros((0, 0))
    total: np.ndarray | None = None
    block = _rounded(np.linalg.qr(rng.standard_normal((p, min(WIDTH, p))))[0])
    with ThreadPoolExecutor(threads) as pool:
        for done in range(1, MAX_PASSES + 1):
            image, total = _times(values, block, scale, total, pool, threads)
            basis.append(block.astype(np.float32, order="C"))  # exact, since the vectors are rounded
            products, overlaps = (_bordered(x, basis, y) for x, y in ((products, image), (overlaps, block)))
            block = _rest(image, basis)
            if not block.shape[1] and len(products) < k:  # the rank is below k: any other directions do
                block = _rest(rng.standard_normal((p, WIDTH)), basis)
            last = not block.shape[1] or done == MAX_PASSES
            if last or (len(products) >= 2 * k and done % 2 == 0):
                sizes, mixture = _ritz(products, overlaps, k)
                grown, variance = sizes.sum() - variance, sizes.sum()
                if last or grown <= TOLERANCE * variance:
                    break
    heads = np.cumsum([0] + [part.shape[1] for part in basis])
    vectors = sum(part @ mixture[a:b] for part, (a, b) in zip(basis, pairwise(heads), strict=True))
    return np.asarray(vectors), np.asarray(total) / n


def _rounded(vectors: np.ndarray) -> np.ndarray:
    return np.round(vectors / GRID) * GRID


def _times(
    values: Blocks, block: np.ndarray, scale, total, pool: ThreadPoolExecutor, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariance of the scaled columns times the vectors, float64, and the sums of the columns.

    The sums are made if `total` is None.
    """
    from panscape.stats.row_kernel import times_transposed

    n, p = values.shape
    vectors = block / scale[:, None]
    single = vectors.astype(np.float32, order="C")  # the loops go along the vectors

    def product(part: tuple[slice, sparse.csr_matrix]) -> tuple[np.ndarray, np.ndarray | float]:
        rows, image = part[1], np.zeros(single.shape, np.float32)
        times_transposed(rows.indptr, rows.indices, rows.data, single, image)
        return image, np.bincount(rows.indices, rows.data, p) if total is None else 0.0

    image, sums, parts = np.zeros(block.shape), np.zeros(p), iter(values)
    while group := list(islice(parts, threads)):  # few at a time: they may be read from a file
        for one, more in pool.map(product, group):
            image += one
            sums += more
    sums = sums if total is None else total
    image -= np.multiply.outer(sums, sums @ single / n)
    return image / (n - 1) / scale[:, None], sums


def _bordered(matrix: np.ndarray, basis: list[np.ndarray], image: np.ndarray) -> np.ndarray:
    """Return a symmetric matrix of inner products extended by those of the basis with the latest image."""
    border = np.vstack([part.T.astype(np.float64) @ image for part in basis])
    size, more = len(matrix), image.shape[1]
    result = np.empty((size + more, size + more))
    result[:size, :size] = matrix
    result[:, size:], result[size:, :size] = border, border[:size].T
    result[size:, size:] = (border[size:] + border[size:].T) / 2
    return result


def _rest(image: np.ndarray, basis: list[np.ndarray]) -> np.ndarray:
    """Return rounded orthonormal vectors for the part of the image outside the basis, if any."""
    length = np.linalg.norm(image, axis=0).max()
    left = len(image) - sum(part.shape[1] for part in basis)
    for _ in range(2):  # the basis is orthonormal up to rounding only
        for part in basis:
            exact = part.astype(np.float64)
            image = image - exact @ (exact.T @ image)
    vectors, upper = np.linalg.qr(image)
    kept = np.flatnonzero(np.abs(np.diagonal(upper)) > DEPENDENT * length)[:left]
    return _rounded(vectors[:, kept])


def _ritz(products: np.ndarray, overlaps: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the leading eigenvalues within the basis and the mixtures of its vectors that belong to them."""
    one = np.eye(len(overlaps))
    off = overlaps - one  # so small that three terms of the series give its inverse root
    white = one - off / 2 + 0.375 * (off @ off)
    inside = white @ products @ white
    values, vectors = symmetric_eigen((inside + inside.T) / 2, k)
    return values, white @ vectors
