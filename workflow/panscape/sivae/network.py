"""Gene networks of equal density from embeddings or correlations."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.sivae.settings import METRICS


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
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r} is not one of {METRICS}")
    embedding = np.asarray(embedding, dtype=np.float64)
    product = embedding @ embedding.T
    square = np.diag(product)
    if metric == "dot":
        return product
    if metric == "cosine":
        norm = np.sqrt(square)
        return product / np.maximum(np.outer(norm, norm), 1e-12)
    return -np.sqrt(np.maximum(square[:, None] + square[None] - 2 * product, 0))


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
    count = min(max(round(density * (genes * (genes - 1) // 2)), 1), len(values))
    if not count:
        return sparse.csr_matrix((genes, genes), dtype=bool)
    # partition instead of a full sort; ties at the boundary are resolved in gene order
    limit = np.partition(values, len(values) - count)[len(values) - count]
    above = np.flatnonzero(values > limit)
    level = np.flatnonzero(values == limit)[: count - len(above)]
    chosen = np.concatenate([above, level])
    rows, columns = first[chosen], second[chosen]
    edges = np.ones(2 * count, dtype=bool)
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
    return densest(similarity(embedding, metric), density, usable)


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
