"""New panclusters placed on a fitted dictionary and landscape without refitting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.dictionary._coding import encode
from panscape.errors import fail
from panscape.log import logger


@dataclass(frozen=True)
class Reference:
    """A fitted dictionary with the panclusters it was fitted on.

    Attributes
    ----------
    entries
        CSR (K, P), rows of norm 1.
    matrix
        CSR (N, P): the panclusters' values.
    gene_a, gene_b
        (P,) genes of the pairs, gene_a before gene_b in the order of `genes`.
    genes
        Genes that were analysed.
    study
        (N,) study of each pancluster.
    """

    entries: sparse.csr_matrix
    matrix: sparse.csr_matrix
    gene_a: np.ndarray
    gene_b: np.ndarray
    genes: Sequence[str]
    study: np.ndarray


@dataclass(frozen=True)
class Aligned:
    """Reference and new data over the pairs whose two genes both analysed.

    Attributes
    ----------
    entries, matrix, new
        CSR (K, Q), (N, Q), (M, Q).
    share
        Share of the entries' squared weight that lies in the Q pairs.
    """

    entries: sparse.csr_matrix
    matrix: sparse.csr_matrix
    new: sparse.csr_matrix
    share: float


def align(
    reference: Reference,
    matrix: sparse.csr_matrix,
    gene_a: np.ndarray,
    gene_b: np.ndarray,
    genes: Sequence[str],
    *,
    low: float = 0.5,
) -> Aligned:
    """Bring new coexpression onto the reference's pairs.

    A pair whose genes were analysed in the new study but that is not stored there is a true 0; a pair with a
    gene that was not analysed is left out on both sides. New pairs that the dictionary does not have are
    dropped.

    Parameters
    ----------
    reference
        The fitted dictionary.
    matrix, gene_a, gene_b, genes
        (M, P') values of the new panclusters, genes of the pairs, genes analysed.
    low
        A smaller share of the dictionary's weight within shared genes gives a warning.

    Raises
    ------
    UserError
        If no gene is shared.
    """
    known = set(genes)
    both = np.array(
        [a in known and b in known for a, b in zip(reference.gene_a, reference.gene_b, strict=True)]
    )
    shared = len(known.intersection(reference.genes))
    if shared == 0 or not both.any():
        raise fail(
            "dictionary.project_onto",
            f"the new studies share {shared} of the {len(reference.genes)} genes of the fitted dictionary",
            "analyse the same genes with the same kind of names",
        )
    weight = reference.entries.multiply(reference.entries)
    share = float(weight[:, np.flatnonzero(both)].sum() / max(weight.sum(), np.finfo(float).tiny))
    message = "%d of %d reference genes and %.0f %% of the dictionary's weight are shared"
    log = logger.warning if share < low else logger.info
    log(message, shared, len(reference.genes), 100 * share)
    columns = np.flatnonzero(both)
    place = {
        frozenset(pair): i
        for i, pair in enumerate(zip(reference.gene_a[columns], reference.gene_b[columns], strict=True))
    }
    source = sparse.coo_matrix(matrix)
    target = np.array(
        [place.get(frozenset(pair), -1) for pair in zip(gene_a, gene_b, strict=True)], dtype=int
    )
    found = target[source.col] >= 0
    new = sparse.csr_matrix(
        (source.data[found], (source.row[found], target[source.col[found]])),
        shape=(source.shape[0], len(columns)),
    )
    return Aligned(reference.entries[:, columns], reference.matrix[:, columns], new, share)


def project_codes(aligned: Aligned, *, alpha: float) -> np.ndarray:
    """Return the (M, K) codes of the new panclusters against the fixed entries."""
    gram = (aligned.entries @ aligned.entries.T).toarray()
    return encode(gram, (aligned.new @ aligned.entries.T).toarray(), alpha)


def neighbors(
    new: sparse.csr_matrix, matrix: sparse.csr_matrix, k: int, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k most similar reference panclusters by cosine.

    Parameters
    ----------
    new, matrix
        CSR (M, Q) and (N, Q).
    k
        At most this many.
    allowed
        (N,) bool: reference panclusters that may be neighbours; all if None.

    Returns
    -------
    index, cosine : (M, k), most similar first.
    """
    similarity = (unit_rows(new) @ unit_rows(matrix).T).toarray()
    if allowed is not None:
        similarity[:, ~allowed] = -np.inf
        k = min(k, int(allowed.sum()))
    k = min(k, similarity.shape[1])
    index = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return index, np.take_along_axis(similarity, index, axis=1)


def unit_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the matrix with rows of norm 1 (rows of zeros stay so)."""
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel())
    inverse = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
    return sparse.csr_matrix(sparse.diags_array(inverse) @ matrix)


def interpolate(index: np.ndarray, cosine: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and spread of a value over neighbours, weighted by cosine.

    Parameters
    ----------
    index, cosine
        From :func:`neighbors`; cosines at or below 0 do not count.
    values
        (N,) of the reference, NaN where unknown (those neighbours do not count).

    Returns
    -------
    mean, spread : (M,), NaN where no neighbour counts; spread is the weighted standard deviation.
    """
    value = np.asarray(values, dtype=float)[index]
    weight = np.where(np.isfinite(value) & (cosine > 0), cosine, 0.0)
    total = weight.sum(axis=1)
    value = np.where(weight > 0, value, 0.0)
    blank = np.full(len(index), np.nan)
    mean = np.divide((weight * value).sum(axis=1), total, out=blank.copy(), where=total > 0)
    square = (weight * (value - np.nan_to_num(mean)[:, None]) ** 2).sum(axis=1)
    return mean, np.sqrt(np.divide(square, total, out=blank, where=total > 0))


def calibrate(
    matrix: sparse.csr_matrix, study: np.ndarray, values: np.ndarray, *, k: int, coverage: float = 0.9
) -> tuple[float, np.ndarray]:
    """Measure the error of interpolation by leaving out each fitted study in turn.

    Parameters
    ----------
    matrix
        CSR (N, Q), reference.
    study
        (N,) labels; at least two studies.
    values
        (N,) true values.
    k
        Neighbours.
    coverage
        Share of left-out panclusters that the interval has to hold, in (0, 1).

    Returns
    -------
    half_width : the `coverage` quantile of the absolute error (NaN with one study).
    predicted : (N,) values interpolated from the other studies.
    """
    study = np.asarray(study)
    predicted = np.full(matrix.shape[0], np.nan)
    if len(set(study)) > 1:
        for name in sorted(set(study)):
            inside = study == name
            rows = np.flatnonzero(inside)
            index, cosine = neighbors(matrix[rows], matrix, k, allowed=~inside & np.isfinite(values))
            if index.shape[1]:
                predicted[rows] = interpolate(index, cosine, values)[0]
    error = np.abs(predicted - values)
    error = error[np.isfinite(error)]
    return (float(np.quantile(error, coverage)) if error.size else np.nan), predicted


def place(
    aligned: Aligned,
    study: np.ndarray,
    values: pd.DataFrame,
    *,
    k: int = 15,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """Interpolate values of the reference at new panclusters, with an interval from left-out studies.

    Parameters
    ----------
    aligned
        From :func:`align`.
    study
        (N,) study of the reference panclusters.
    values
        N rows; numeric columns to interpolate, such as pseudotime and age.
    k
        Neighbours.
    coverage
        Of the interval ``<column>_low`` to ``<column>_high``.

    Returns
    -------
    One row per new pancluster: similarity (cosine with the nearest), and per column its value, its
    weighted spread over neighbours, and the interval: half-width is the larger of the error of left-out
    studies at `coverage` and 1.64 spreads for coverage .9 (the normal quantile in general).
    """
    from statistics import NormalDist

    index, cosine = neighbors(aligned.new, aligned.matrix, k)
    quantile = NormalDist().inv_cdf((1 + coverage) / 2)
    table = pd.DataFrame({"similarity": cosine[:, 0]})
    for column in values.columns:
        known = values[column].to_numpy(dtype=float)
        mean, spread = interpolate(index, cosine, known)
        error, _ = calibrate(aligned.matrix, study, known, k=k, coverage=coverage)
        half = np.fmax(error, quantile * spread)
        table[column] = mean
        table[f"{column}_spread"] = spread
        table[f"{column}_low"], table[f"{column}_high"] = mean - half, mean + half
    return table
