"""Distance of clusters by their score statistics, without the noise that they share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from scipy import sparse

from panscape.coscape.landscape.scores import Scores
from panscape.graph.distances import BLOCK_BYTES
from panscape.graph.measured import Measured

COMMON = 0.9  # fraction of a squared norm that is over the pairs valid in both clusters
LEAST = 0.1  # the debiased squared norm is at least this fraction of the raw one
ERRORS = 2.0  # a distance is the upper end of its interval of so many standard errors
SMALL = 1e-3  # distances below are compressed to positive ones
SPREAD_PAIRS = 20_000  # standard errors are sums over about so many pairs, evenly chosen


def debiased_distances(
    scores: Scores,
    measured: Measured | None = None,
    *,
    enough: np.ndarray | None = None,
    errors: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return an upper limit of 1 - cosine of the weighted statistics of all pairs of clusters, debiased.

    The noise of T has variance 1 / n in a cluster of n cells, and covariance c / (n_a n_b) in two clusters
    that share c cells. With the weight W of a pair of genes, the inner product of two clusters is

    G_ab = sum W T_a T_b - c / (n_a n_b) * sum W over the pairs valid in both,

    and the distance 1 - (G_ab - 2 E_ab) / sqrt(N_ab N_ba). N_ab is the squared norm of a as seen from b: 0.1
    G_aa, over the pairs that both studies measure, + 0.9 G_aa over the pairs valid in both clusters, each at
    least a tenth of its first term. Norms over all pairs make clusters with the same valid pairs similar,
    whatever their coexpression; norms over the common pairs alone let a few of these decide.

    E_ab is the standard error of G_ab as if pairs of genes were independent: with t^2 = T^2 - 1 / n, and the
    noise u_a = 1 / n_a - c / (n_a n_b) that a does not share with b,

    E_ab^2 = sum W^2 (t_a^2 u_b + t_b^2 u_a + (u_a / n_b + u_b / n_a) / 2) over the pairs valid in both.

    Without it, clusters of few cells or counts, whose cosines are mostly noise, are by chance the nearest
    neighbors of many others. A debiased cosine may exceed 1: distances d below :data:`SMALL` become
    SMALL^2 / (2 SMALL - d), which is positive and keeps their order.

    Parameters
    ----------
    scores
        The clusters.
    measured
        Pairs that each cluster measures (None: all). The norms of two clusters are over the pairs measured in
        both.
    enough
        bool (n,): clusters to compare; None: all.
    errors
        Number of standard errors above the estimate, :data:`ERRORS` by default; 0 for the estimate itself.

    Returns
    -------
    distances
        (n, n) float64, >= 0, diagonal 0; inf in rows and columns of undefined clusters, and of clusters that
        have no pair in common.
    defined
        bool, (n,): False for clusters without valid pairs, and those not in `enough`.

    Examples
    --------
    >>> t = sparse.csr_matrix(np.array([[0.5, 0.4], [0.5, 0.4], [0.1, -0.5]]))
    >>> pairs, size = np.array([[0, 1], [0, 2]]), np.array([100.0, 80, 90])
    >>> scores = Scores(t, pairs, np.ones(2), sparse.csr_matrix(np.diag(size)), size)
    >>> debiased_distances(scores)[0].round(2).tolist()
    [[0.0, 0.43, 2.04], [0.43, 0.0, 2.07], [2.04, 2.07, 0.0]]
    """
    count = scores.matrix.shape[0]
    inner, norms, common, spread = _products(scores, measured)
    group = np.zeros(count, dtype=np.int64) if measured is None else measured.group
    # squared norms of the row's cluster as seen from the column's
    across = (1 - COMMON) * norms[:, group] + COMMON * common
    scale = across * across.T
    distances = np.full((count, count), np.inf)
    inner -= (ERRORS if errors is None else errors) * _standard_errors(scores, spread)
    np.divide(inner, -np.sqrt(scale), out=distances, where=scale > 0)
    distances += 1
    close = distances < SMALL
    distances[close] = SMALL**2 / (2 * SMALL - distances[close])
    defined = across.diagonal() > 0
    if enough is not None:
        defined &= enough
    distances[~defined] = np.inf
    distances[:, ~defined] = np.inf
    np.fill_diagonal(distances, 0)
    return distances, defined


def _standard_errors(scores: Scores, spread: np.ndarray) -> np.ndarray:
    """Return the standard errors (n, n) of the inner products, 0 for clusters of the same cells."""
    size = np.maximum(scores.size, 1)
    both = scores.shared.toarray() / np.multiply.outer(size, size)
    own = np.maximum(both.diagonal()[None, :] - both, 0)  # of the column's cluster
    variance = spread * own
    return np.sqrt(np.maximum(variance + variance.T, 0))


def _products(
    scores: Scores, measured: Measured | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the debiased inner products, norms over each group's pairs and over common valid pairs, spread.

    Returns
    -------
    inner
        (n, n).
    norms
        (n, n_groups): squared, at least :data:`LEAST` of the raw ones.
    common
        (n, n): likewise of the row's cluster, over the pairs valid in the column's, too.
    spread
        (n, n): sum of W^2 (T^2 - 1 / 2n) of the row's cluster over these pairs, extrapolated from every k-th
        where there are more than :data:`SPREAD_PAIRS`.
    """
    from scipy.linalg.blas import sgemm, ssyrk

    count, width = scores.matrix.shape
    size = np.maximum(scores.size, 1)
    own = scores.shared.diagonal() / size**2
    known = np.ones((1, width)) if measured is None else measured.columns
    # sums of W T T', of W, of W T^2 of the row, and of the row's part of the variance, where both are valid
    inner, both, common, spread = np.zeros((4, count, count)).transpose(0, 2, 1)
    raw, noise = np.zeros((2, count, len(known)))
    apart = max(-(-width // SPREAD_PAIRS), 1)
    step = max(BLOCK_BYTES // (32 * max(count, 1)), 1)
    for chosen, block in column_blocks(scores.matrix, step):
        weight = scores.weight[chosen].astype(np.float32)
        flags = known[:, chosen].astype(np.float32)
        valid = (block != 0).astype(np.float32)
        noise += valid @ (flags * weight).T
        block *= np.sqrt(weight)
        inner += ssyrk(1.0, block.T, trans=1)
        block *= block
        raw += block @ flags.T
        common += sgemm(1.0, block.T, valid.T, trans_a=True)
        some = slice(-chosen.start % apart, None, apart)
        part, seen = weight[some] * block[:, some], np.ascontiguousarray(valid[:, some])
        part -= (0.5 * own[:, None]).astype(np.float32) * (seen * weight[some] ** 2)
        spread += sgemm(1.0, part.T, seen.T, trans_a=True)
        valid *= np.sqrt(weight)
        both += ssyrk(1.0, valid.T, trans=1)
    inner -= np.triu(scores.shared.toarray() * both) / np.multiply.outer(size, size)
    inner, both = np.triu(inner), np.triu(both)
    inner, both = inner + np.triu(inner, 1).T, both + np.triu(both, 1).T
    return (
        inner,
        np.maximum(raw - noise * own[:, None], LEAST * raw),
        np.maximum(common - both * own[:, None], LEAST * common),
        spread * (width / max(len(range(0, width, apart)), 1)),
    )


def column_blocks(matrix: sparse.csr_matrix, step: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield some columns at a time as float32, without a copy of the whole matrix by column.

    Parameters
    ----------
    matrix
        CSR (n, p).
    step
        Number of columns.

    Yields
    ------
    (their positions, (n, step)).
    """
    if not matrix.has_sorted_indices:
        matrix = matrix.sorted_indices()
    count, width = matrix.shape
    edges = np.append(np.arange(0, width, step), width)
    indptr, indices = matrix.indptr, matrix.indices
    cuts = np.empty((count, len(edges)), dtype=np.int64)
    for row in range(count):
        cuts[row] = indptr[row] + np.searchsorted(indices[indptr[row] : indptr[row + 1]], edges)
    for at, (start, stop) in enumerate(pairwise(edges.tolist())):
        block = np.zeros((count, stop - start), dtype=np.float32)
        for row in range(count):
            inside = slice(cuts[row, at], cuts[row, at + 1])
            block[row, indices[inside] - start] = matrix.data[inside]
        yield slice(start, stop), block
