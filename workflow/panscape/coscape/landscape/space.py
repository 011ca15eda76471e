"""Space of clusters: neighbors, graph, diffusion map and pseudotime."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.graph.diffusion import Diffusion, diffusion_map, pseudotime
from panscape.graph.distances import squared_distances
from panscape.graph.knn import Neighbours, nearest
from panscape.graph.measured import Measured
from panscape.graph.umap_weights import connectivities


@dataclass(frozen=True)
class Space:
    """Embedding of the clusters by one kind of vectors.

    Parameters
    ----------
    name
        E.g. ``"coexpression"`` or ``"expression"``.
    neighbours, weights, diffusion
        Nearest neighbours, their weighted graph, and its diffusion map.
    root
        Position of the root, None if there is no pseudotime.
    pseudotime
        (n,), NaN where the root cannot be reached.
    distances
        From :func:`panscape.graph.distances.squared_distances`.
    """

    name: str
    neighbours: Neighbours
    weights: sparse.csr_matrix
    diffusion: Diffusion
    root: int | None
    pseudotime: np.ndarray
    distances: tuple[np.ndarray, np.ndarray]


def embed_clusters(
    name: str,
    vectors: sparse.csr_matrix | np.ndarray,
    root: int | None,
    *,
    metric: str,
    n_neighbors: int = 14,
    kernel: str = "umap",
    mutual: bool = False,
    n_maps: int = 10,
    clip: float | None = None,
    refine: bool = True,
    measured: Measured | None = None,
    distances: tuple[np.ndarray, np.ndarray] | None = None,
) -> Space:
    """Compute neighbors, graph, diffusion map and pseudotime of the rows of a matrix.

    Parameters
    ----------
    name
        Name of the space.
    vectors
        (n, p) CSR or dense, one row per cluster.
    root
        Position of the cluster where pseudotime starts; None for no pseudotime.
    metric
        See :func:`nearest`.
    n_neighbors
        Number of neighbors per cluster, not counting the cluster itself, >= 1.
    kernel, mutual
        See :func:`connectivities`.
    n_maps
        Number of diffusion components for pseudotime, including the stationary one.
    clip
        Upper limit at which pseudotime is clipped before rescaling to 1 (by hand in the released code).
    refine, distances
        See :func:`nearest`.
    measured
        See :func:`squared_distances`.
    """
    if distances is None:
        distances = squared_distances(vectors, metric, measured)
    neighbours = nearest(
        vectors, n_neighbors, metric=metric, distances=distances, refine=refine, measured=measured
    )
    weights = connectivities(neighbours, kernel=kernel, mutual=mutual)
    diffusion = diffusion_map(weights, max(15, n_maps))
    time = np.full(vectors.shape[0], np.nan)
    if root is not None:
        time = pseudotime(diffusion, root, n_maps=n_maps)
        if clip is not None:
            time = np.minimum(time, clip) / clip
    return Space(name, neighbours, weights, diffusion, root, time, distances)
