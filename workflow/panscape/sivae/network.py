"""Gene networks of equal density from embeddings or correlations."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.sivae.settings import METRICS

WHOLE_GENES = 6000  # up to here all similarities are in memory at once, 288 MB
BLOCK_PAIRS = 20_000_000  # similarities in memory at a time beyond


def similarity(embedding: np.ndarray, metric: str = "dot") -> np.ndarray:
    """Return the similarity of genes, (F, F); larger is more similar.

    Parameters
    ----------
    embedding
        (F, K): loadings of the genes.
    metric
        ``"dot"``: v_f . v_g, the covariance predicted by the linear reconstruction; ``"cosine"``;
        ``"euclidean"``: minus the distance (paper), which connects uncorrelated genes, since all of them lie
        near 0.

    Examples
    --------
    >>> similarity(np.array([[1.0, 0.0], [1.0, 1.0]]))
    array([[1., 1.],
           [1., 2.]])
    """
    _check(metric)
    embedding = np.asarray(embedding, dtype=np.float64)
    product = embedding @ embedding.T
    square = np.diag(product)
    return _measured(product, square, square, metric)


def _check(metric: str) -> None:
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r} is not one of {METRICS}")


def _measured(product: np.ndarray, first: np.ndarray, second: np.ndarray, metric: str) -> np.ndarray:
    """Return similarities from dot products and the squared lengths of their rows and columns."""
    if metric == "dot":
        return product
    if metric == "cosine":
        return product / np.maximum(np.outer(np.sqrt(first), np.sqrt(second)), 1e-12)
    return -np.sqrt(np.maximum(first[:, None] + second[None] - 2 * product, 0))


def densest(similarities: np.ndarray, density: float, usable: np.ndarray | None = None) -> sparse.csr_matrix:
    """Return the network of the most similar pairs.

    Parameters
    ----------
    similarities
        (F, F), symmetric.
    density
        Fraction of all pairs of the F genes that become edges (at least one edge), so that all networks of a
        collection have the same number.
    usable
        bool, (F,): genes that may have edges; None for all.

    Returns
    -------
    CSR bool (F, F), symmetric, no diagonal. Ties are broken by gene order.
    """
    genes = len(similarities)
    first, second = np.triu_indices(genes, 1)
    values = similarities[first, second]
    if usable is not None:
        allowed = usable[first] & usable[second]
        first, second, values = first[allowed], second[allowed], values[allowed]
    chosen = _largest(values, _edges(density, genes))
    return _graph(first[chosen], second[chosen], genes)


def _edges(density: float, genes: int) -> int:
    return max(round(density * (genes * (genes - 1) // 2)), 1)


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the places, ascending, of the largest values; of ties at the boundary, the first."""
    if len(values) <= count:
        return np.arange(len(values))
    # partition instead of a full sort
    limit = np.partition(values, len(values) - count)[len(values) - count]
    chosen = values > limit
    chosen[np.flatnonzero(values == limit)[: count - int(chosen.sum())]] = True
    return np.flatnonzero(chosen)


def _graph(rows: np.ndarray, columns: np.ndarray, genes: int) -> sparse.csr_matrix:
    edges = np.ones(2 * len(rows), dtype=bool)
    both = (np.concatenate([rows, columns]), np.concatenate([columns, rows]))
    return sparse.csr_matrix((edges, both), shape=(genes, genes))


def network(
    embedding: np.ndarray,
    density: float,
    metric: str = "dot",
    usable: np.ndarray | None = None,
    min_norm: float = 0.0,
) -> sparse.csr_matrix:
    """Return the network of an embedding of genes at equal density, CSR bool (F, F).

    Parameters
    ----------
    embedding, metric
        See :func:`similarity`.
    density, usable
        See :func:`densest`.
    min_norm
        With ``"euclidean"`` only: genes whose loading is shorter than this fraction of the longest have no
        edges, because uncorrelated genes would otherwise be neighbors.
    """
    if metric == "euclidean" and min_norm > 0:
        norm = np.linalg.norm(embedding, axis=1)
        long = norm >= min_norm * norm.max(initial=0)
        usable = long if usable is None else usable & long
    if len(embedding) > WHOLE_GENES:
        return _in_blocks(embedding, density, metric, usable)
    return densest(similarity(embedding, metric), density, usable)


def _in_blocks(
    embedding: np.ndarray, density: float, metric: str, usable: np.ndarray | None
) -> sparse.csr_matrix:
    """Return :func:`network` from some rows of similarities at a time, of which the largest are kept."""
    _check(metric)
    genes = len(embedding)
    kept = np.arange(genes) if usable is None else np.flatnonzero(usable)
    embedding = np.asarray(embedding, dtype=np.float64)[kept]
    square, count = np.square(embedding).sum(axis=1), _edges(density, genes)
    values, rows, columns = np.empty(0), np.empty(0, np.int32), np.empty(0, np.int32)
    step, limit = max(BLOCK_PAIRS // max(len(kept), 1), 1), -np.inf
    for start in range(0, len(kept), step):
        end = min(start + step, len(kept))
        product = embedding[start:end] @ embedding[start:].T
        block = _measured(product, square[start:end], square[start:], metric)
        first, second = np.nonzero(block > limit)
        upper = second > first
        first, second = first[upper], second[upper]
        values = np.concatenate([values, block[first, second]])
        rows = np.concatenate([rows, (first + start).astype(np.int32)])
        columns = np.concatenate([columns, (second + start).astype(np.int32)])
        if len(values) > count:  # later pairs that tie with the least of these would not be taken
            chosen = _largest(values, count)
            values, rows, columns = values[chosen], rows[chosen], columns[chosen]
            limit = values.min()
    return _graph(kept[rows], kept[columns], genes)


def neighbours(embedding: np.ndarray, count: int = 20, metric: str = "dot") -> np.ndarray:
    """Return the nearest neighbors of each gene, nearest first, (F, count) (siVAE-Euc if euclidean).

    Parameters
    ----------
    embedding
        (F, K): loadings of the genes.
    count
        Number of neighbors of each gene.
    metric
        See :func:`similarity`.
    """
    return nearest(similarity(embedding, metric), count)


def nearest(similarities: np.ndarray, count: int) -> np.ndarray:
    """Return the most similar other genes of each gene, most similar first, (F, at most `count`).

    Parameters
    ----------
    similarities
        (F, F); larger is more similar. Ties are broken by gene order.
    count
        Number of neighbors.

    Examples
    --------
    >>> nearest(np.array([[9.0, 1.0, 2.0], [1.0, 9.0, 0.0], [2.0, 0.0, 9.0]]), 1).tolist()
    [[2], [0], [0]]
    """
    scores = -np.asarray(similarities)
    np.fill_diagonal(scores, np.inf)
    return np.argsort(scores, axis=1, kind="stable")[:, : min(count, len(scores) - 1)]


def correlation_network(
    values: np.ndarray, density: float, usable: np.ndarray | None = None
) -> sparse.csr_matrix:
    """Return the network of the largest absolute correlations, CSR bool (F, F).

    Parameters
    ----------
    values
        (F, F), symmetric.
    density, usable
        See :func:`densest`.
    """
    return densest(np.abs(values), density, usable)


def dependence(values: np.ndarray, how: str = "pearson") -> np.ndarray:
    """Infer the dependence between genes, (F, F); larger is stronger.

    Parameters
    ----------
    values
        (n, F): cells x genes, e.g. drawn from a model (siVAE-GCN).
    how
        ``"pearson"``: absolute correlation. ``"clr"``: context likelihood of relatedness (Faith 2007): mutual
        information of Gaussians, -log(1 - r^2) / 2, as sqrt(z_f^2 + z_g^2) of its positive z-scores among all
        pairs of either gene.
    """
    if how not in ("pearson", "clr"):
        raise ValueError(f"inference {how!r} is not pearson or clr")
    centred = np.asarray(values, dtype=np.float64) - np.mean(values, axis=0)
    norm = np.sqrt(np.square(centred).sum(axis=0))
    centred = np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 1e-9)
    strength = np.abs(centred.T @ centred)
    if how == "pearson":
        return strength
    information = -0.5 * np.log1p(-np.minimum(np.square(strength), 1 - 1e-12))
    np.fill_diagonal(information, 0)
    spread = information.std(axis=0)
    scores = (information - information.mean(axis=0)) / np.where(spread > 0, spread, 1)
    scores = np.maximum(scores, 0)
    return np.sqrt(np.square(scores) + np.square(scores.T))
