"""AUCell scores of gene sets (Aibar et al. 2017) on sparse matrices.

The area under the recovery curve up to rank n is a sum over a set's genes of n - rank, so ranks become a
sparse cells x genes matrix of weights, and all scores are one product with the sets.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

TIES = ("mean", "order")

_BLOCK_VALUES = 4_000_000  # non-zero values ranked per block


def top_count(n_genes: int, top_fraction: float = 0.05) -> int:
    """Return the number of top genes: `top_fraction` of all genes, rounded up, at least 2."""
    return int(np.clip(np.ceil(top_fraction * n_genes - 1e-9), 2, max(n_genes, 2)))


def aucell(
    matrix: sparse.csr_matrix, member: sparse.csr_matrix, *, top_fraction: float = 0.05, ties: str = "mean"
) -> np.ndarray:
    """Score gene sets in cells.

    Parameters
    ----------
    matrix
        CSR (n, G), non-negative: counts, or values with the same ranks within cells.
    member
        CSR (T, G) of ones: the sets.
    top_fraction
        Fraction of all G genes that count as the top genes of a cell.
    ties
        ``"mean"``: tied genes get the mean of their weights, and unexpressed genes have weight 0,
        so that the score does not depend on the order of the genes. ``"order"``: the gene that
        comes first ranks first, also among unexpressed genes (decoupler 2.2; AUCell itself breaks ties at
        random).

    Returns
    -------
    float32 (n, T), 0 to 1; 1 if the top genes of a cell are those of the set.

    Raises
    ------
    ValueError
        For negative values, an unknown `ties`, or sets over a different number of genes.
    """
    n_up = top_count(matrix.shape[1], top_fraction)
    scores = np.empty((matrix.shape[0], member.shape[0]), dtype=np.float32)
    for rows, weights in weight_blocks(matrix, n_up, ties):
        scores[rows] = areas(weights, member, n_up)
    return scores


def areas(weights: sparse.csr_matrix, member: sparse.csr_matrix, n_up: int) -> np.ndarray:
    """Return float32 (n, T) scores of weights (n, G) from :func:`weight_blocks`.

    Parameters
    ----------
    weights
        CSR (n, G) from :func:`weight_blocks`.
    member
        CSR (T, G) of ones: genes of the sets.
    n_up
        Number of top genes.
    """
    if weights.shape[1] != member.shape[1]:
        raise ValueError(f"the sets are over {member.shape[1]} genes, the cells have {weights.shape[1]}")
    raw = (weights @ member.T.astype(np.float32).tocsr()).toarray()
    return raw / largest_area(np.diff(member.indptr), n_up).astype(np.float32)


def largest_area(sizes: np.ndarray, n_up: int) -> np.ndarray:
    """Return the maximum sum of weights (at least 1) of sets of given sizes, whose genes rank first."""
    reached = np.minimum(sizes, n_up - 1)
    return np.maximum(reached * n_up - reached * (reached + 1) / 2, 1)


def weight_blocks(
    matrix: sparse.csr_matrix, n_up: int, ties: str = "mean"
) -> Iterator[tuple[slice, sparse.csr_matrix]]:
    """Yield (rows, CSR weights n_up - rank of the top genes) of blocks of cells; see :func:`aucell`.

    Parameters
    ----------
    matrix
        CSR (n, G) of counts.
    n_up
        Number of top genes.
    ties
        ``"mean"`` or ``"order"``, see :func:`aucell`.
    """
    if ties not in TIES:
        raise ValueError(f"ties is {ties!r}, not one of {TIES}")
    matrix = sparse.csr_matrix(matrix)
    if not matrix.has_sorted_indices:
        matrix = matrix.sorted_indices()
    start = 0
    while start < matrix.shape[0]:
        limit = matrix.indptr[start] + _BLOCK_VALUES
        stop = max(int(np.searchsorted(matrix.indptr, limit, side="right")) - 1, start + 1)
        yield slice(start, stop), _weights(matrix[start:stop], n_up, ties)
        start = stop


def _weights(block: sparse.csr_matrix, n_up: int, ties: str) -> sparse.csr_matrix:
    if block.nnz and block.data.min() < 0:
        raise ValueError("AUCell needs non-negative values")
    if block.nnz and block.data.min() == 0:
        block = block.copy()
        block.eliminate_zeros()
    filled = np.diff(block.indptr)
    row = np.repeat(np.arange(block.shape[0], dtype=np.int64), filled)
    # positive floats sort like their bits: one integer encodes the row and the value, descending
    bits = np.ascontiguousarray(block.data, dtype=np.float32).view(np.int32).astype(np.int64)
    key = (row << 32) | (np.int64(0x7FFFFFFF) - bits)
    order = np.argsort(key, kind="stable")  # stable: keeps rows together, and ties in the order of the genes
    rank = np.arange(1, len(key) + 1) - np.repeat(block.indptr[:-1].astype(np.int64), filled)
    weight = _shared(key[order], rank, n_up) if ties == "mean" else np.maximum(n_up - rank, 0)
    used = weight > 0
    indptr = np.r_[0, np.cumsum(used)][block.indptr]
    weights = (weight[used].astype(np.float32), block.indices[order[used]], indptr)
    result = sparse.csr_matrix(weights, shape=block.shape)
    return result if ties == "mean" else result + _not_shown(block, filled, n_up)


def _shared(key: np.ndarray, rank: np.ndarray, n_up: int) -> np.ndarray:
    """Return the weights, n_up - rank (0 beyond n_up), averaged over the tied genes of each cell."""
    if not len(key):
        return np.zeros(0)
    first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    count = np.diff(np.r_[first, len(key)])
    low = rank[first]
    high = np.minimum(low + count - 1, n_up - 1)
    inside = np.maximum(high - low + 1, 0)
    mean = inside * (n_up - (low + high) / 2) / count
    return np.repeat(mean, count)


def _not_shown(block: sparse.csr_matrix, filled: np.ndarray, n_up: int) -> sparse.csr_matrix:
    """Return the weights of unexpressed genes that rank within n_up by their position alone."""
    few = np.flatnonzero(filled < min(n_up - 1, block.shape[1]))
    columns, weights = [], []
    for i in few:
        shown = np.zeros(block.shape[1], dtype=bool)
        shown[block.indices[block.indptr[i] : block.indptr[i + 1]]] = True
        columns.append(np.flatnonzero(~shown)[: n_up - 1 - filled[i]])
        weights.append(n_up - filled[i] - 1 - np.arange(len(columns[-1])))
    row = np.repeat(few, [len(part) for part in columns])
    column, weight = (np.concatenate([*parts, np.zeros(0)]) for parts in (columns, weights))
    return sparse.csr_matrix((weight.astype(np.float32), (row, column.astype(int))), shape=block.shape)
