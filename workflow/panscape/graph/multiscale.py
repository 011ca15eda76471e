"""Palantir's multiscale diffusion space, in which SEACells evaluates metacells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.graph.components import components
from panscape.graph.neighbors import neighbors
from panscape.graph.normalised import normalised
from panscape.stats.decomposition import leading_eigen

N_NEIGHBORS = 29  # Palantir's 30 include the cell itself
COMPONENTS = 10  # eigenvectors, including the constant one
# eigenvalues this close to 1 separate (nearly) disconnected parts; they count as 1 - NEAR_ONE, since the
# published factor l / (1 - l) would depend on their last digits
NEAR_ONE = 1e-6
EXACT_BELOW = 20_000  # cells: above, the neighbour search is approximate


@dataclass(frozen=True)
class DiffusionSpace:
    """Cells in diffusion components.

    Attributes
    ----------
    plain
        Cells x 9, as published: components 2 to 10 times l / (1 - l), with 1 - l at least 1e-6. On a graph of
        several connected parts, the first of these only tell the parts apart (each from the larger ones
        together) and dominate every measure.
    guarded
        Cells x 9 or fewer: those of an eigenvalue up to 1 - 1e-6; equal to `plain` on connected graphs.
    parts
        Number of connected components of the graph.
    """

    plain: np.ndarray
    guarded: np.ndarray
    parts: int


def diffusion_space(
    view: np.ndarray, *, n_neighbors: int = N_NEIGHBORS, n_components: int = COMPONENTS, seed: int = 0
) -> DiffusionSpace:
    """Compute multiscale diffusion components of an embedding.

    Kernel exp(-d / s_i) on the `n_neighbors` nearest neighbours with s_i the distance to the 10th, made
    symmetric by adding its transpose; eigenvectors of the Markov matrix of length 1, times l / (1 - l).

    Parameters
    ----------
    view
        Cells x dimensions.
    n_neighbors
        Number of neighbours, excluding the cell itself (Palantir's `knn` includes it).
    n_components
        Number of eigenvectors, as in Palantir.
    seed
        Seed of the approximate neighbour search, above 20,000 cells.
    """
    indices, distances = neighbors(
        np.asarray(view, dtype=float), n_neighbors, exact_below=EXACT_BELOW, seed=seed
    )
    n, k = indices.shape
    at = max(min((n_neighbors + 1) // 3, k) - 1, 0)
    width = np.sort(distances, axis=1)[:, at]
    positive = width[width > 0]
    width = np.maximum(width, 1e-12 * float(np.median(positive)) if len(positive) else 1.0)
    weight = np.exp(-distances / width[:, None])
    arcs = sparse.csr_matrix((weight.ravel(), indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    kernel = sparse.csr_matrix(arcs + arcs.T)
    part = components(kernel)
    values, vectors = _moving(kernel, part, n_components - 1)
    scaled = vectors * (values / np.maximum(1 - values, NEAR_ONE))
    contrast = _contrasts(kernel, part, n_components - 1) * ((1 - NEAR_ONE) / NEAR_ONE)
    plain = np.hstack([contrast, scaled])[:, : n_components - 1]
    return DiffusionSpace(plain, scaled[:, 1 - values >= NEAR_ONE], int(part.max()) + 1)


def _contrasts(kernel: sparse.csr_matrix, part: np.ndarray, k: int) -> np.ndarray:
    """Return eigenvectors of eigenvalue 1 that tell each part from the larger ones; length 1, at most `k`."""
    degree = np.bincount(part, weights=np.asarray(kernel.sum(axis=1)).ravel())
    vectors = np.zeros((len(part), min(len(degree) - 1, k)))
    for at in range(vectors.shape[1]):
        # orthogonal in the inner product of the Markov matrix, as different eigenvectors are
        vectors[:, at] = np.where(part <= at, 1 / degree[: at + 1].sum(), 0.0)
        vectors[part == at + 1, at] = -1 / degree[at + 1]
    return vectors / np.linalg.norm(vectors, axis=0)


def _moving(kernel: sparse.csr_matrix, part: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `k` leading (eigenvalues, right eigenvectors of length 1) of D^-1 K but those of parts.

    Every connected part is decomposed by itself: the eigenvalue 1 is then simple, and its vector constant.
    """
    values, columns = [], []
    for number in range(int(part.max(initial=-1)) + 1):
        inside = np.flatnonzero(part == number)
        single = len(inside) == len(part)
        own, vectors = _markov(kernel if single else kernel[inside][:, inside], min(k + 1, len(inside)))
        values.append(own[1:])
        columns += [(inside, vector) for vector in vectors.T[1:]]
    pooled = np.concatenate(values) if values else np.zeros(0)
    order = np.argsort(-pooled.round(9), kind="stable")[:k]
    full = np.zeros((len(part), len(order)))
    for at, place in enumerate(order):
        inside, vector = columns[place]
        full[inside, at] = vector
    return pooled[order], full


def _markov(kernel: sparse.csr_matrix, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `k` leading (eigenvalues, right eigenvectors of length 1) of D^-1 K, descending."""
    symmetric, scale = normalised(kernel)
    values, vectors = leading_eigen(symmetric, k, tolerance=1e-10, max_iterations=20 * kernel.shape[0])
    vectors = vectors * scale[:, None]
    return values, vectors / np.linalg.norm(vectors, axis=0)
