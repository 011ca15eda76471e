"""Palantir's multiscale diffusion space, in which SEACells evaluates metacells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.graph.components import components
from panscape.graph.neighbors import neighbors
from panscape.stats.decomposition import leading_eigen

N_NEIGHBORS = 29  # Palantir's 30 include the cell itself
COMPONENTS = 10  # eigenvectors, including the constant one
NEAR_ONE = 1e-6  # eigenvalues this close to 1 indicate a disconnected component
MOST_PARTS = 200
EXACT_BELOW = 20_000  # cells: above, the neighbour search is approximate


@dataclass(frozen=True)
class DiffusionSpace:
    """Cells in diffusion components.

    Attributes
    ----------
    plain
        Cells x 9, as published: components 2 to 10 times l / (1 - l). On disconnected graphs some l are 1
        and the values are meaningless (up to 1e13).
    guarded
        `plain` without components of eigenvalue 1 up to rounding; equal to `plain` on connected graphs.
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
    parts = int(components(kernel).max(initial=-1)) + 1
    values, vectors = _markov(kernel, min(n_components + min(parts, MOST_PARTS) - 1, n - 2))
    scale = values / np.maximum(1 - values, 1e-16)
    moving = np.flatnonzero(1 - values >= NEAR_ONE)[: n_components - 1]
    return DiffusionSpace(
        vectors[:, 1:n_components] * scale[1:n_components], vectors[:, moving] * scale[moving], parts
    )


def _markov(kernel: sparse.csr_matrix, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `k` leading (eigenvalues, right eigenvectors of length 1) of D^-1 K, descending."""
    # not graph.normalised, whose last bits differ: in a disconnected graph, the published measures
    # (`DiffusionSpace.plain`) divide by 1 minus an eigenvalue that is 1 but for rounding
    root = np.sqrt(np.maximum(np.asarray(kernel.sum(axis=1)).ravel(), 1e-300))
    scale = sparse.diags_array(1 / root)
    symmetric = sparse.csr_matrix(scale @ kernel @ scale)
    values, vectors = leading_eigen(symmetric, k, tolerance=1e-10, max_iterations=20 * kernel.shape[0])
    vectors = vectors / root[:, None]
    return values, vectors / np.linalg.norm(vectors, axis=0)
