"""Initialisation of the dictionary: singular vectors, distant panclusters or groups of pairs."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.coscape.dictionary.learn import as_columns
from panscape.stats.decomposition import signs
from panscape.stats.singular import singular


def singular_start(
    data: sparse.spmatrix, k: int, rng: np.random.Generator, *, iterations: int = 8, oversample: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Return the truncated singular value decomposition as (entries, codes), the default start.

    Subspace iteration on N x (k + oversample) arrays: sparse products only, no Gram matrix of the
    panclusters (which would cost N^2 P here). Signs as in scikit-learn: the largest value of each
    column of codes in magnitude is positive.

    Parameters
    ----------
    data
        (N, P) sparse.
    k
        Number of entries; those beyond the rank are zero.
    rng
        Random number generator of the initial subspace, which affects the result only by rounding for a
        decaying spectrum.
    iterations, oversample
        Power iterations, and extra vectors.

    Returns
    -------
    entries : (k, P), singular values times right vectors.
    codes : (N, k), left vectors.
    """
    data = as_columns(data)
    rank = min(k + oversample, *data.shape)
    basis = np.linalg.qr(rng.standard_normal((data.shape[0], rank)))[0]
    for _ in range(iterations):
        basis = np.linalg.qr(data @ (data.T @ basis))[0]
    right, values, turn = singular(data.T @ basis)  # (P, r), (r,), (r, r)
    left = basis @ turn.T
    sign = signs(left)
    entries = np.zeros((k, data.shape[1]))
    codes = np.zeros((data.shape[0], k))
    kept = min(k, rank)
    entries[:kept] = ((values * sign) * right).T[:kept]
    codes[:, :kept] = (left * sign)[:, :kept]
    return entries, codes


def spread_start(data: sparse.spmatrix, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return k distant panclusters (k-means++ on cosine) as entries, and codes of zeros.

    O(nnz k) time, no N x N array.

    Parameters
    ----------
    data
        (N, P) sparse; negative values count as 0.
    k
        Number of entries, at most the number of rows with a positive value (the rest start as noise).
    rng
        Random number generator of the selection.
    """
    rows = sparse.csr_matrix(data, dtype=np.float64, copy=True)
    rows.data = np.maximum(rows.data, 0)
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    usable = lengths > 0
    unit = sparse.diags_array(np.divide(1, lengths, out=np.zeros_like(lengths), where=usable)) @ rows
    unit = sparse.csr_matrix(unit)
    far = usable.astype(float)  # squared distance to the nearest chosen row, 1 - cosine
    entries = np.zeros((k, rows.shape[1]))
    for index in range(k):
        if far.sum() <= 0:
            entries[index] = np.abs(rng.standard_normal(rows.shape[1]))
            entries[index] /= np.linalg.norm(entries[index])
            continue
        chosen = rng.choice(len(far), p=far / far.sum())
        entries[index] = unit[[chosen]].toarray().ravel()
        far = np.minimum(far, np.clip(1 - unit @ entries[index], 0, None))
        far[~usable] = 0
    return entries, np.zeros((rows.shape[0], k))


def profile_start(
    data: sparse.spmatrix, k: int, rng: np.random.Generator, *, iterations: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Return groups of pairs with similar profiles over panclusters as entries, and codes of zeros.

    Spherical k-means of the columns (a pair's profile over panclusters), from a k-means++ choice, each pair
    counted by its squared norm. If most edges belong to a single network, networks are groups of pairs with
    proportional profiles, even if no pancluster uses one network alone; starts from panclusters cannot
    represent this. O(iterations nnz k) time.

    Parameters
    ----------
    data
        (N, P) sparse; negative values count as 0.
    k
        Number of entries.
    rng
        Random number generator of the initial profiles.
    iterations
        Iterations of k-means.
    """
    columns = sparse.csc_matrix(data, dtype=np.float64, copy=True)
    columns.data = np.maximum(columns.data, 0)
    width = columns.shape[1]
    mass = np.add.reduceat(np.append(columns.data**2, 0), np.minimum(columns.indptr[:-1], columns.nnz))
    mass[np.diff(columns.indptr) == 0] = 0
    length = np.sqrt(mass)
    far = mass.copy()
    centres = np.zeros((columns.shape[0], k))
    for index in range(k):
        if far.sum() <= 0:
            centres[:, index] = np.abs(rng.standard_normal(columns.shape[0]))
        else:
            chosen = rng.choice(width, p=far / far.sum())
            centres[:, index] = columns[:, [chosen]].toarray().ravel()
        centres[:, index] /= np.linalg.norm(centres[:, index])
        far = np.minimum(far, np.clip(mass - (columns.T @ centres[:, index]) ** 2, 0, None))
    everything = np.arange(width)
    for _ in range(iterations):
        score = columns.T @ centres  # (P, k)
        owner = score.argmax(axis=1)
        weights = sparse.csr_matrix((length, (everything, owner)), shape=(width, k))
        centres = (columns @ weights).toarray()
        norm = np.linalg.norm(centres, axis=0)
        centres = np.divide(centres, norm, out=np.zeros_like(centres), where=norm > 0)
    entries = np.zeros((k, width))
    entries[owner, everything] = score[everything, owner]
    lengths = np.linalg.norm(entries, axis=1, keepdims=True)
    return np.divide(entries, lengths, out=entries, where=lengths > 0), np.zeros((columns.shape[0], k))
