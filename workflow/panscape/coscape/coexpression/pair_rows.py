"""Passes over blocks of rows of a cluster's correlation matrix, for few pairs in numpy, for many compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

BLOCK_ROWS = 64  # rows of the matrix at a time, so that temporaries fit in cache
TIE = 1e-10  # a correlation equal to eta up to rounding is kept
WORTH = 5e7  # pairs, over all clusters, whose passes in numpy take longer than loading the compiled ones


def fill_correlations(
    products: np.ndarray, total: np.ndarray, mean: np.ndarray, scale: np.ndarray, start: int, r: np.ndarray
) -> None:
    """Write the correlations of some genes with all later ones.

    Parameters
    ----------
    products
        (n_genes, n_genes) sums of products, of which the upper triangle is read.
    total, mean
        (n_genes,) sums and means of the values.
    scale
        (n_genes,) 1 / root of the sum of squared differences from the mean, 0 for constant genes.
    start
        First gene of the rows.
    r
        (n_rows, n_genes - start) to write to, -1 to 1; only entries right of the diagonal have a meaning.
    """
    stop = start + len(r)
    np.subtract(products[start:stop, start:], np.multiply.outer(total[start:stop], mean[start:]), out=r)
    r *= scale[start:stop, None]
    r *= scale[start:]
    np.clip(r, -1.0, 1.0, out=r)


def take_strong(
    r: np.ndarray, start: int, genes: np.ndarray, varies: np.ndarray, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the strong pairs of some rows.

    Parameters
    ----------
    r
        (n_rows, n - start) correlations of the genes from `start` on with all later ones.
    start
        First gene of the rows.
    genes
        int64 (n,): numbers of the genes, ascending.
    varies
        bool (n,): genes with a diagonal entry, which is 1.
    cutoff
        Pairs with ``|r| >= cutoff`` are strong, > 0.

    Returns
    -------
    first, second : ndarray
        int32, the genes by their numbers.
    value : ndarray
        float32, their correlations.
    """
    local = np.arange(len(r))
    keep = np.triu(np.abs(r) >= cutoff)
    keep[local, local] = varies[start : start + len(r)]
    row, column = np.nonzero(keep)
    value = np.where(row == column, 1.0, r[row, column])
    first, second = genes[start + row], genes[start + column]
    return first.astype(np.int32), second.astype(np.int32), value.astype(np.float32)


def add_signal(
    score: np.ndarray,
    start: int,
    genes: np.ndarray,
    detected: np.ndarray,
    n: float,
    least: float,
    squares: np.ndarray,
    noise: np.ndarray,
) -> None:
    """Add the squared statistics T of valid pairs, and their expectation 1 / n under independence.

    Parameters
    ----------
    score
        (n_rows, n - start) T of the genes from `start` on with all later ones; 0 is not valid.
    start, genes
        As in :func:`take_strong`.
    detected
        (n,) number of cells with a count of each gene.
    n
        Number of cells, > 0.
    least
        A pair is valid if at least so many cells would have counts of both genes by chance.
    squares, noise
        (n_genes, n_genes) sums to add to, right of the diagonal.
    """
    rows, columns = slice(start, start + len(score)), slice(start, None)
    valid = np.multiply.outer(detected[rows], detected[columns]) >= least * n
    valid &= score != 0
    row, column = np.nonzero(np.triu(valid, 1))
    at = genes[start + row], genes[start + column]
    squares[at] += score[row, column] ** 2
    noise[at] += 1 / n


def flag_near(
    products: np.ndarray,
    total: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    cutoff: float,
    near: np.ndarray,
) -> None:
    """Set ``near[i]`` and ``near[j]`` for pairs of genes whose approximate correlation reaches the cutoff.

    Parameters
    ----------
    products, total, mean, scale
        As in :func:`fill_correlations`.
    cutoff
        Smallest ``|r|``, > 0.
    near
        bool (n_genes,), changed in place.
    """
    first = total * scale
    for start in range(0, len(scale), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        r = products[rows, start:] * scale[rows, None]
        r *= scale[start:]
        r -= np.multiply.outer(first[rows], (mean * scale)[start:])
        strong = np.triu(np.abs(r) >= cutoff, 1)
        near[rows] |= strong.any(axis=1)
        near[start:] |= strong.any(axis=0)


@dataclass(frozen=True)
class Passes:
    """The passes, in numpy unless others are given."""

    fill: Callable = fill_correlations
    take: Callable = take_strong
    add: Callable = add_signal
    flag: Callable = flag_near

    @classmethod
    def of_work(cls, n_clusters: int, n_genes: int, *, loaded: bool = False) -> Passes:
        """Return the passes that take less time, their compilation included; the results are the same.

        Parameters
        ----------
        n_clusters, n_genes
            How many matrices of how many genes there will be.
        loaded
            Whether other compiled loops are loaded anyway.
        """
        if not loaded and n_clusters * n_genes * (n_genes - 1) / 2 < WORTH:
            return cls()
        from panscape.stats import correlation_kernel as compiled

        return cls(compiled.fill_correlations, compiled.take_strong, compiled.add_signal, compiled.flag_near)
