"""Cosine distance over the gene pairs that are measurable in both clusters."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.coscape.landscape.combine import Combined
from panscape.coscape.landscape.debiased import column_blocks
from panscape.graph.distances import BLOCK_BYTES


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
    from scipy.linalg.blas import sgemm, ssyrk

    count = vectors.shape[0]
    # expected cells are products of number and fraction; genes are rows, so that a pair's values are adjacent
    assert data.detection is not None  # asked for by `min_expected`
    fraction = np.ascontiguousarray(data.detection.T, dtype=np.float64)
    number = data.clusters["n_cells"].to_numpy(dtype=np.float64) * fraction
    inner, norm = np.zeros((2, count, count)).transpose(0, 2, 1)
    step = max(BLOCK_BYTES // (40 * max(count, 1)), 1)
    for chosen, block in column_blocks(vectors, step):
        first, second = pairs[chosen].T
        seen = np.ascontiguousarray((number[first] * fraction[second] >= min_expected).T, dtype=np.float32)
        block *= seen
        inner += ssyrk(1.0, block.T, trans=1)
        block *= block
        norm += sgemm(1.0, block.T, seen.T, trans_a=True)
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
