"""Cosine distance over the gene pairs that are measurable in both clusters."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.coscape.landscape.combine import Combined
from panscape.coscape.landscape.debiased import column_blocks
from panscape.graph.distances import BLOCK_BYTES

SPARSE = 0.06  # fraction of values that are not 0, below which a loop over them takes less time than BLAS
MANY = 1e10  # products that BLAS takes longer for than loading the loop


def common_pair_distances(
    data: Combined, vectors: sparse.csr_matrix, pairs: np.ndarray, min_expected: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return distances that do not depend on which pairs are measurable.

    The usual cosine treats a pair that is not measurable in a cluster as 0, so clusters with the same
    measurable pairs are similar. Here the norms of two clusters include only the pairs measurable in both.

    Parameters
    ----------
    data
        The clusters.
    vectors
        CSR (n_clusters, n_columns): r of each pair, 0 where it is below the threshold or cannot be measured.
    pairs
        int (n_columns, 2): positions of the genes of each column.
    min_expected
        Minimum number of cells expected to express both genes by chance for a pair to be measurable.

    Returns
    -------
    As :func:`squared_distances`: (n, n) float64, inf where two clusters have no common pair; bool (n,).
    """
    count = vectors.shape[0]
    # expected cells are products of number and fraction; genes are rows, so that a pair's values are adjacent
    assert data.detection is not None  # asked for by `min_expected`
    fraction = np.ascontiguousarray(data.detection.T, dtype=np.float64)
    number = data.clusters["n_cells"].to_numpy(dtype=np.float64) * fraction
    products = count**2 * vectors.shape[1]
    few = vectors.nnz < SPARSE * count * vectors.shape[1]
    summed = _by_values if few and products > MANY else _by_blocks
    inner, norm = summed(vectors, pairs, number, fraction, min_expected)
    inner += np.triu(inner, 1).T
    scale = norm * norm.T
    distances = np.full((count, count), np.inf)
    np.divide(inner, np.sqrt(scale), out=distances, where=scale > 0)
    distances = np.where(scale > 0, np.maximum(1 - distances, 0), np.inf)
    defined = norm.diagonal() > 0
    distances[~defined] = np.inf
    distances[:, ~defined] = np.inf
    np.fill_diagonal(distances, 0)
    return distances, defined


def _by_blocks(
    vectors: sparse.csr_matrix,
    pairs: np.ndarray,
    number: np.ndarray,
    fraction: np.ndarray,
    min_expected: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the inner products (upper triangle), and norms of the row's vector over the column's pairs.

    Parameters
    ----------
    vectors, pairs, min_expected
        As in :func:`common_pair_distances`.
    number, fraction
        (n_genes, n_clusters) cells that express each gene, and their fraction.
    """
    from scipy.linalg.blas import sgemm, ssyrk

    count = vectors.shape[0]
    inner, norm = np.zeros((2, count, count)).transpose(0, 2, 1)
    step = max(BLOCK_BYTES // (40 * max(count, 1)), 1)
    for chosen, block in column_blocks(vectors, step):
        first, second = pairs[chosen].T
        seen = np.ascontiguousarray((number[first] * fraction[second] >= min_expected).T, dtype=np.float32)
        block *= seen
        inner += ssyrk(1.0, block.T, trans=1)
        block *= block
        norm += sgemm(1.0, block.T, seen.T, trans_a=True)
    return inner, norm


def _by_values(
    vectors: sparse.csr_matrix,
    pairs: np.ndarray,
    number: np.ndarray,
    fraction: np.ndarray,
    min_expected: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what :func:`_by_blocks` does, by a loop over the values that are not 0."""
    from panscape.stats.common_pairs import add_common

    columns = sparse.csc_matrix(vectors)
    columns.sort_indices()
    first, second = np.ascontiguousarray(pairs.T, dtype=np.int64)
    inner, norm = np.zeros((2, len(number[0]), len(number[0])))
    given = columns.indptr, columns.indices, columns.data, first, second, number, fraction
    add_common(*given, float(min_expected), inner, norm)
    return inner, norm
