"""Feature vectors of clusters from their coexpression."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import sparse

from panscape.coscape.landscape.combine import Combined


def best_detected(data: Combined, number: int) -> np.ndarray:
    """Select the genes with the best detection in all studies.

    A gene's detection in a study is its fraction of expressing cells in the study's largest cluster (usually
    all cells). Genes are ranked by the mean rank over the studies that measure them, so that deep studies do
    not dominate.

    Parameters
    ----------
    data
        Clusters with `detection`.
    number
        Number of genes; all if there are fewer.

    Returns
    -------
    bool (n_genes,).

    Raises
    ------
    ValueError
        If `data` has no detection.
    """
    from scipy.stats import rankdata

    if data.detection is None:
        raise ValueError("the selection of genes needs the fraction of expressing cells of each cluster")
    study = data.clusters["study"].to_numpy()
    size = data.clusters["n_cells"].to_numpy()
    ranks = []
    for name in dict.fromkeys(study):
        rows = np.flatnonzero(study == name)
        ranks.append(rankdata(-data.detection[rows[size[rows].argmax()]], nan_policy="omit"))
    order = np.argsort(np.nanmean(ranks, axis=0), kind="stable")
    chosen = np.zeros(len(data.genes), dtype=bool)
    chosen[order[:number]] = True
    return chosen


def landscape_features(
    data: Combined,
    *,
    diagonal: bool = False,
    genes: np.ndarray | None = None,
    eta: float = 0.0,
    min_expected: float = 0.0,
    symmetric: bool = False,
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return the feature vector of each cluster over the gene pairs used for distances.

    Parameters
    ----------
    data
        Clusters and their coexpression.
    diagonal
        Keep the pairs of a gene with itself (1 where the gene varies in the cluster), as published.
    genes
        bool (n_genes,): keep pairs of these genes only.
    eta
        Drop off-diagonal values with |r| below it.
    min_expected
        Drop off-diagonal values where fewer cells than this would express both genes if they were
        independent, n p_a p_b (n cells of the cluster, p fractions of expressing cells). With fewer, single
        cells determine a correlation; the rule of thumb for tests of independence is 5.
    symmetric
        Multiply off-diagonal values by sqrt(2), so that Euclidean distances are those of the full symmetric
        matrices (released code) instead of their upper triangles (paper).

    Returns
    -------
    vectors : csr_matrix
        float32 (n_clusters, n_columns), without empty columns.
    columns : ndarray
        (n_columns,) positions of the columns among the pairs of `data`.

    Raises
    ------
    ValueError
        If `min_expected` is above 0 and `data` has no detection.
    """
    diagonal_pairs = data.diagonal
    keep = np.ones(len(diagonal_pairs), dtype=bool) if diagonal else ~diagonal_pairs
    if genes is not None:
        keep &= genes[data.pairs].all(axis=1)
    columns = np.flatnonzero(keep)
    vectors = sparse.csr_matrix(data.matrix[:, columns], dtype=np.float32, copy=True)
    pairs = data.pairs[columns]
    # blocks of rows bound the memory of the values' positions
    for start, stop in value_runs(vectors.indptr):
        place = slice(vectors.indptr[start], vectors.indptr[stop])
        column = vectors.indices[place]
        edge = pairs[column, 0] != pairs[column, 1]
        values = vectors.data[place]
        kept = np.abs(values) >= np.float32(eta)
        if min_expected > 0:
            row = np.repeat(np.arange(start, stop), np.diff(vectors.indptr[start : stop + 1]))
            kept &= expected_cells(data, row, pairs[column]) >= min_expected
        if symmetric:
            values = np.where(edge, values * np.float32(np.sqrt(2)), values)
        vectors.data[place] = np.where(kept | ~edge, values, 0)
    vectors.eliminate_zeros()
    used = np.flatnonzero(np.bincount(vectors.indices, minlength=vectors.shape[1]) > 0)
    return vectors[:, used], columns[used]


def value_runs(indptr: np.ndarray, values: int = 2_000_000):
    """Yield (start, stop) of blocks of rows (CSC: columns) with about equal numbers of values."""
    edges = np.searchsorted(indptr, np.arange(values, indptr[-1], values), side="left")
    edges = np.unique(np.r_[0, edges, len(indptr) - 1])
    yield from pairwise(edges.tolist())


def expected_cells(data: Combined, row: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the number of cells expected to express both genes of a pair by chance.

    Parameters
    ----------
    data
        Clusters with `detection`.
    row
        (m,) positions of clusters.
    pairs
        (m, 2) positions of genes.
    """
    if data.detection is None:
        raise ValueError("expected cells need the fraction of expressing cells of each cluster")
    size = data.clusters["n_cells"].to_numpy(dtype=np.float64)
    share = np.asarray(data.detection, dtype=np.float64)
    return size[row] * share[row, pairs[:, 0]] * share[row, pairs[:, 1]]


def detected_genes(data: Combined, min_expected: float) -> np.ndarray:
    """Return bool (n_clusters, n_genes): genes that pass `min_expected` when paired with themselves.

    A space of these vectors shows how far detection alone explains a landscape. False where a gene is not
    measured.
    """
    size = data.clusters["n_cells"].to_numpy(dtype=np.float64)[:, None]
    return size * np.asarray(data.detection, dtype=np.float64) ** 2 >= max(min_expected, 1e-9)
