"""Correlations of many pairs of columns of two sparse matrices in bounded memory."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.stats.ranks import average_ranks

BLOCK_VALUES = 8_000_000  # dense values in memory at once


class PairMatrix:
    """A sparse matrix with columns standardised in blocks.

    Parameters
    ----------
    values
        Observations x features.
    """

    def __init__(self, values: sparse.spmatrix):
        self.by_column = sparse.csc_matrix(values, dtype=np.float32)
        self.n = values.shape[0]

    @property
    def step(self) -> int:
        """Return the number of columns per block."""
        return max(BLOCK_VALUES // max(self.n, 1), 1)

    def rows(self, columns: np.ndarray, *, ranks: bool = False) -> np.ndarray:
        """Return columns as rows of mean 0 and norm 1 (0 if constant), float32, columns x observations.

        With `ranks`, values are replaced by their ranks, ties averaged.
        """
        dense = self.by_column[:, columns].T.toarray()
        if ranks:
            dense = average_ranks(dense).astype(np.float32)
        dense -= dense.mean(axis=1, dtype=np.float64, keepdims=True).astype(np.float32)
        length = np.sqrt(np.einsum("ij,ij->i", dense, dense, dtype=np.float64))
        flat = length <= 1e-6 * np.sqrt(self.n)
        dense /= np.where(flat, 1, length)[:, None].astype(np.float32)
        dense[flat] = 0
        return dense


def pair_correlations(
    left: PairMatrix, right: PairMatrix, a: np.ndarray, b: np.ndarray, *, ranks: bool = False
) -> np.ndarray:
    """Correlate pairs of columns of two matrices.

    Each column of `right` is read once, of `left` once per block of `right`.

    Parameters
    ----------
    left, right
        Matrices of the same observations.
    a, b
        int (n,): columns of `left` and of `right` that form the pairs.
    ranks
        Whether to correlate ranks, ties averaged (Spearman), instead of values (Pearson).

    Returns
    -------
    float64 (n,), -1 to 1: correlation of column a[i] of `left` with column b[i] of `right`; 0 if either is
    constant.
    """
    result = np.zeros(len(a))
    if not len(a):
        return result
    order = np.argsort(b, kind="stable")
    names, first = np.unique(b[order], return_index=True)
    bounds = np.append(first, len(order))
    step = max(right.step // 2, 1)
    for start in range(0, len(names), step):
        stop = min(start + step, len(names))
        pairs = order[bounds[start] : bounds[stop]]
        blocks = right.rows(names[start:stop], ranks=ranks)
        partners, place = np.unique(a[pairs], return_inverse=True)
        at = np.searchsorted(names[start:stop], b[pairs])
        for low in range(0, len(partners), step):
            inside = np.flatnonzero((place >= low) & (place < low + step))
            rows_left = left.rows(partners[low : low + step], ranks=ranks)
            for begin in range(0, len(inside), step):
                chosen = inside[begin : begin + step]
                result[pairs[chosen]] = np.einsum(
                    "ij,ij->i", rows_left[place[chosen] - low], blocks[at[chosen]], dtype=np.float64
                )
    return np.clip(result, -1, 1)


def background_moments(
    left: PairMatrix,
    right: PairMatrix,
    gene: np.ndarray,
    wanted: np.ndarray,
    pool: np.ndarray,
    pool_bin: np.ndarray,
    gene_chrom: np.ndarray,
    peak_chrom: np.ndarray,
    *,
    min_peaks: int = 20,
    ranks: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each gene's correlations with the background peaks of a bin.

    Parameters
    ----------
    left, right
        Values of genes and peaks.
    gene, wanted
        Gene and bin of each pair.
    pool, pool_bin
        Background peaks and their bins.
    gene_chrom, peak_chrom
        Chromosome of each gene and peak; peaks on the gene's chromosome are excluded.
    min_peaks
        Minimum number of peaks; bins with fewer give NaN.

    Returns
    -------
    (mean, sd) per pair, float64.
    """
    mean, sd = np.full(len(gene), np.nan), np.full(len(gene), np.nan)
    if not len(gene) or not len(pool):
        return mean, sd
    bins, column = np.unique(pool_bin, return_inverse=True)
    other = right.rows(pool, ranks=ranks).T if len(pool) <= right.step * 8 else None
    genes, place = np.unique(gene, return_inverse=True)
    by_gene = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[by_gene], np.arange(len(genes) + 1))
    target = np.searchsorted(bins, wanted)
    step = max(min(left.step, BLOCK_VALUES // len(pool)), 1)
    for name in np.unique(gene_chrom[genes]):
        keep = peak_chrom[pool] != name
        if not keep.any():
            continue
        count = np.bincount(column[keep], minlength=len(bins)).astype(float)
        member = sparse.csr_matrix(
            (np.ones(keep.sum(), dtype=np.float32), (np.flatnonzero(keep), column[keep])),
            shape=(len(pool), len(bins)),
        )
        rows = np.flatnonzero(gene_chrom[genes] == name)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            rows_left = left.rows(genes[part], ranks=ranks)
            r = rows_left @ other if other is not None else _in_parts(rows_left, right, pool, ranks)
            total = r @ member
            square = (r * r) @ member
            with np.errstate(invalid="ignore", divide="ignore"):
                average = total / count
                spread = np.sqrt(np.maximum(square / count - average**2, 0) * count / (count - 1))
            average[:, count < min_peaks] = np.nan
            spread[:, count < min_peaks] = np.nan
            for at, one in enumerate(part):
                pairs = by_gene[bounds[one] : bounds[one + 1]]
                mean[pairs], sd[pairs] = average[at, target[pairs]], spread[at, target[pairs]]
    return mean, sd


def _in_parts(rows_left: np.ndarray, right: PairMatrix, pool: np.ndarray, ranks: bool) -> np.ndarray:
    result = np.empty((len(rows_left), len(pool)), dtype=np.float32)
    for start in range(0, len(pool), right.step):
        result[:, start : start + right.step] = (
            rows_left @ right.rows(pool[start : start + right.step], ranks=ranks).T
        )
    return result
