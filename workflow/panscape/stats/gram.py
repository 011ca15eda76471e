"""Sums of products of genes over cells, in float64 and without a dense cells x genes matrix.

By default, sums are in float64 over uncentred values: zeros need no shift, sums of nested cell sets add up,
and pairs near a cutoff need no second computation. The work is split by gene between two kernels: pairs of
well-detected genes go to BLAS (`dsyrk` over dense chunks of those genes only), every other pair to a compiled
loop over the non-zero values.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from panscape.stats.column_counts import column_counts

CHUNK_CELLS = 4096
# measured seconds per product of two non-zero values, and per pair of dense genes and cell (AVX2 and AVX-512
# machines are within a factor of 2); only their ratio matters
SPARSE_SECONDS, DENSE_SECONDS, FILL_SECONDS = 1.1e-9, 1.5e-11, 1e-9
VALUE_SECONDS = 2e-8  # per value that the compiled loops visit in place of scipy
LOAD_SECONDS = 0.6  # of numba and machine code kept on disk


@dataclass(frozen=True)
class Plan:
    """Order of the genes, and number of genes for the sparse kernel.

    Parameters
    ----------
    order
        (n_genes,) gene indices, from rarely to often detected.
    n_sparse
        The first `n_sparse` genes of that order are summed by the sparse kernel.
    threads
        Threads of the sparse kernel; sums do not depend on it. Limit those of BLAS around the call.
    large
        Whether there are so many values that compiled loops are worth loading, also without sparse genes.
    """

    order: np.ndarray
    n_sparse: int
    threads: int = 1
    large: bool = False

    @property
    def compiled(self) -> bool:
        """Return whether to use compiled loops."""
        return self.large or self.n_sparse > 0

    @classmethod
    def choose(cls, detection: np.ndarray, n_cells: float, threads: int = 1) -> Plan:
        """Choose the plan of least estimated time for `n_cells` cells (summed over all calls).

        Parameters
        ----------
        detection
            (n_genes,) fraction of cells in which each gene is detected.
        """
        order = np.argsort(detection, kind="stable")
        rate = np.asarray(detection, dtype=np.float64)[order]
        after = np.cumsum(rate[::-1])[::-1]  # expected number of values of a row from each gene on
        sparse_cost = np.concatenate([[0.0], np.cumsum(rate * after)]) * SPARSE_SECONDS
        n_dense = np.arange(len(rate), -1, -1)
        cost = sparse_cost + n_dense**2 * DENSE_SECONDS + n_dense * FILL_SECONDS
        best = int(np.argmin(cost))
        # independent of the number of threads, so that the sums are too
        large = bool(rate.sum() * n_cells * VALUE_SECONDS > LOAD_SECONDS)
        if not large and (cost[0] - cost[best]) * n_cells < LOAD_SECONDS:
            best = 0
        return cls(order, best, threads, large)

    @classmethod
    def of_counts(
        cls, counts: sparse.csr_matrix, n_cells: float, threads: int = 1, n_sparse: int | None = None
    ) -> Plan:
        """Choose the plan for a matrix; if all genes go to BLAS, they keep their order.

        Parameters
        ----------
        counts
            CSR (n_rows, n_genes) without stored zeros.
        n_cells, threads
            As in :meth:`choose` and :class:`Plan`.
        n_sparse
            Number of genes on the sparse route, for tests and benchmarks; None chooses it by the detection.
        """
        detection = column_counts(counts.indices, counts.shape[1])
        plan = cls.choose(detection / max(counts.shape[0], 1), n_cells, threads)
        if n_sparse is not None:
            plan = replace(plan, n_sparse=n_sparse)
        return plan if plan.n_sparse else replace(plan, order=np.arange(len(plan.order)))


@dataclass
class Moments:
    """Sums over a set of cells, with genes in the order of a :class:`Plan`.

    Attributes
    ----------
    n
        Number of cells.
    total
        (n_genes,) sum of values.
    detected
        (n_genes,) number of cells with a value other than 0.
    products
        (n_genes, n_genes) sums of products; only the upper triangle is filled.
    """

    n: int
    total: np.ndarray
    detected: np.ndarray
    products: np.ndarray

    @classmethod
    def empty(cls, n_genes: int) -> Moments:
        """Return the sums over an empty set of cells."""
        return cls(0, np.zeros(n_genes), np.zeros(n_genes), np.zeros((n_genes, n_genes)))

    def add(self, other: Moments) -> None:
        """Add the sums over a disjoint set of cells."""
        self.n += other.n
        self.total += other.total
        self.detected += other.detected
        self.products += other.products


def moments(
    blocks: Iterable[sparse.csr_matrix], plan: Plan, into: Moments | None = None, *, rough: bool = False
) -> Moments:
    """Sum values and products over blocks of cells.

    Parameters
    ----------
    blocks
        CSR float64 or float32, cells x genes in the order of the plan, sorted indices, of at most a few
        thousand cells.
    plan
        From :meth:`Plan.choose`.
    into
        Sums to add to, in place.
    rough
        Multiply dense genes in float32 within a block (and sum the blocks in float64), in half the time. The
        error of a sum is at most ``cells of a block * 2**-24`` of the root of the product of both genes' sums
        of squares, see :func:`panscape.coscape.coexpression.screen.screen_pairs`.

    Returns
    -------
    Moments; `into` if given.
    """
    sums = into or Moments.empty(len(plan.order))
    direct = into is None and not plan.n_sparse
    dense_part = sums.products if direct else np.zeros((len(plan.order) - plan.n_sparse,) * 2)
    with ThreadPoolExecutor(plan.threads) as pool:
        for block in blocks:
            if plan.n_sparse:
                _add_sparse(block, sums.products, plan, pool)
            dense = _dense(block, plan, sums, np.float32 if rough else np.float64)
            if len(dense_part):
                (_add_rough if rough else _add_dense)(dense, dense_part)
            del dense  # before the next one is made
    if len(dense_part) and not direct:
        sums.products[plan.n_sparse :, plan.n_sparse :] += dense_part
    return sums


def _add_sparse(block: sparse.csr_matrix, total: np.ndarray, plan: Plan, pool: ThreadPoolExecutor) -> None:
    from panscape.stats.row_kernel import add_sparse_products

    starts, columns = block.indptr.astype(np.int64), block.indices.astype(np.int32, copy=False)
    jobs = [
        pool.submit(
            add_sparse_products, starts, columns, block.data, total, plan.n_sparse, first, plan.threads
        )
        for first in range(plan.threads)
    ]
    for job in jobs:
        job.result()


def _dense(block: sparse.csr_matrix, plan: Plan, sums: Moments, dtype: type) -> np.ndarray:
    """Return the well-detected genes of a block as a dense array, and add up the values of all genes."""
    sums.n += block.shape[0]
    if not plan.compiled:
        sums.total += np.bincount(block.indices, block.data, len(sums.total))
        sums.detected += np.bincount(block.indices, minlength=len(sums.total))
        return block.astype(dtype, copy=False).toarray()
    from panscape.stats.row_kernel import spread_rows

    dense = np.empty((block.shape[0], len(plan.order) - plan.n_sparse), dtype=dtype)
    starts, columns = block.indptr.astype(np.int64), block.indices.astype(np.int32, copy=False)
    spread_rows(starts, columns, block.data, plan.n_sparse, dense, sums.total, sums.detected)
    return dense


def _add_dense(values: np.ndarray, total: np.ndarray) -> None:
    from scipy.linalg.blas import dsyrk

    # the transposes are views in Fortran order: their lower triangle is our upper one, filled in place
    dsyrk(1.0, values.T, beta=1.0, c=total.T, lower=1, overwrite_c=1)


def _add_rough(values: np.ndarray, total: np.ndarray) -> None:
    from scipy.linalg.blas import ssyrk

    total += ssyrk(1.0, values.T, lower=1).T
