"""Random gene sets matched to real ones in size and detection of their genes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.unicoord.features.settings import RANDOM_GENES

GENE_BINS = 10  # number of equally large bins of detection within which genes are exchanged


def bins_of_size(values: np.ndarray, max_bins: int) -> np.ndarray:
    """Return the quantile bin (from 0) of each value; equal values are in the same bin."""
    quantiles = np.linspace(0, 1, max_bins + 1)[1:-1]
    edges = np.unique(np.quantile(values, quantiles)) if len(values) else np.empty(0)
    _, codes = np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)
    return codes


def strata(sizes: np.ndarray, detection: np.ndarray, size_bins: int, detection_bins: int) -> np.ndarray:
    """Return the stratum (from 0) of each set: bins of size, subdivided by mean detection.

    Parameters
    ----------
    sizes
        (T,) numbers of genes.
    detection
        (T,) mean detection of the genes, 0 to 1.
    size_bins, detection_bins
        Maximum number of bins of each.
    """
    of_size = bins_of_size(sizes, size_bins)
    code = np.zeros(len(sizes), dtype=np.int64)
    for number in np.unique(of_size):
        inside = of_size == number
        code[inside] = number * detection_bins + bins_of_size(detection[inside], detection_bins)
    return np.unique(code, return_inverse=True)[1]


@dataclass(frozen=True)
class GenePool:
    """Genes by bins of detection.

    Attributes
    ----------
    order
        (G,) genes sorted by bin.
    edges
        (B + 1,) start of each bin in `order`.
    bin_of
        (G,) the bin of each gene.
    weight
        (G,) relative probability of drawing each gene within its bin.
    """

    order: np.ndarray
    edges: np.ndarray
    bin_of: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, detection: np.ndarray, member: sparse.csr_matrix, random_genes: str = "uniform") -> GenePool:
        """Sort genes into bins.

        Parameters
        ----------
        detection
            (G,) fraction of cells that express each gene.
        member
            CSR (T, G) of ones: the real sets.
        random_genes
            ``"uniform"`` draws all genes of a bin with equal probability, ``"membership"`` in proportion to
            the number of sets that contain them, so that random sets contain equally well-studied genes.
        """
        if random_genes not in RANDOM_GENES:
            raise ValueError(f"random_genes is {random_genes!r}, not one of {RANDOM_GENES}")
        count = len(detection)
        order = np.argsort(detection, kind="stable")
        bins = min(GENE_BINS, count)
        edges = np.arange(bins + 1) * count // bins
        bin_of = np.empty(count, dtype=np.int64)
        bin_of[order] = np.repeat(np.arange(bins), np.diff(edges))
        counts = np.asarray(member.sum(axis=0), dtype=np.float64).ravel()
        # genes in no set are drawn only if the bin has too few others
        weight = np.maximum(counts, 1e-9) if random_genes == "membership" else np.ones(count)
        return cls(order, edges, bin_of, weight)

    def composition(self, member: sparse.csr_matrix) -> np.ndarray:
        """Return int (T, B): genes of each set in each bin."""
        count, bins = len(self.bin_of), len(self.edges) - 1
        place = sparse.csr_matrix((np.ones(count), (np.arange(count), self.bin_of)), shape=(count, bins))
        return np.rint((member @ place).toarray()).astype(np.int64)


def random_members(composition: np.ndarray, pool: GenePool, rng: np.random.Generator) -> sparse.csr_matrix:
    """Draw random sets, CSR (m, G) of ones, with given numbers of genes per bin and no duplicates.

    Parameters
    ----------
    composition
        (m, B) numbers of genes of each bin.
    pool
        The genes by bins of detection.
    rng
        Random generator.
    """
    weight = pool.weight[pool.order]
    rows = []
    for counts in composition:
        # the smallest exponential variates are a draw without replacement (Efraimidis and Spirakis)
        clock = rng.exponential(size=len(weight)) / weight
        parts = []
        for number in np.flatnonzero(counts):
            low, high, take = pool.edges[number], pool.edges[number + 1], counts[number]
            parts.append(pool.order[low + np.argpartition(clock[low:high], take - 1)[:take]])
        rows.append(np.sort(np.concatenate([*parts, np.zeros(0, dtype=np.int64)])))
    indptr = np.concatenate([[0], np.cumsum(composition.sum(axis=1))]).astype(np.int64)
    indices = np.concatenate([*rows, np.zeros(0, dtype=np.int64)])
    return sparse.csr_matrix((np.ones(len(indices)), indices, indptr), shape=(len(rows), len(weight)))
