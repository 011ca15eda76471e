"""Space of clusters: neighbors, graph, diffusion map and pseudotime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from panscape.graph.diffusion import Diffusion, diffusion_map, pseudotime
from panscape.graph.distances import squared_distances
from panscape.graph.knn import nearest
from panscape.graph.measured import Measured
from panscape.graph.points import Neighbours
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
    sweep
        Diffusion maps of graphs with other numbers of neighbors, over which pseudotime is the median; without
        any, pseudotime is that of `diffusion`.
    """

    name: str
    neighbours: Neighbours
    weights: sparse.csr_matrix
    diffusion: Diffusion
    root: int | None
    pseudotime: np.ndarray
    distances: tuple[np.ndarray, np.ndarray]
    sweep: tuple[Diffusion, ...] = ()

    def times(self, root: int, n_maps: int, clip: float | None = None) -> np.ndarray:
        """Return pseudotime from a root, (n,), 0 to 1 before it is clipped; NaN in other components.

        Parameters
        ----------
        root
            Position of the root.
        n_maps
            Number of diffusion components.
        clip
            Upper limit; None for none.
        """
        if self.sweep:
            time = swept_pseudotime(self.sweep, root, n_maps)
            time[self.diffusion.component != self.diffusion.component[root]] = np.nan
        else:
            time = pseudotime(self.diffusion, root, n_maps=n_maps)
        return time if clip is None else np.minimum(time, clip)


def swept_pseudotime(sweep: Sequence[Diffusion], root: int, n_maps: int) -> np.ndarray:
    """Return the median of the pseudotimes of several graphs of the same nodes, each scaled to 1.

    A median, since single numbers of neighbors may give a quite different order.

    Parameters
    ----------
    sweep
        Diffusion maps, at least one.
    root
        Position of the root.
    n_maps
        Number of diffusion components.

    Returns
    -------
    (n,), NaN for nodes that the root reaches in fewer than half of the graphs.
    """
    times = np.stack([pseudotime(one, root, n_maps=n_maps) for one in sweep])
    known = np.isfinite(times)
    enough = 2 * known.sum(axis=0) >= len(times)
    result = np.full(times.shape[1], np.nan)
    result[enough] = np.nanmedian(times[:, enough], axis=0)
    return result


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
    sweep: Sequence[int] = (),
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
    sweep
        Numbers of neighbors over which pseudotime is the median, lowered to three quarters of the rows:
        beyond, the neighbors of all rows are much the same. Empty takes `n_neighbors` alone.
    """
    sweep = sorted({min(k, max(3 * vectors.shape[0] // 4, 1)) for k in sweep})
    if distances is None:
        distances = squared_distances(vectors, metric, measured)
    neighbours = nearest(
        vectors,
        max(n_neighbors, *sweep) if sweep else n_neighbors,
        metric=metric,
        distances=distances,
        refine=refine,
        measured=measured,
    )

    def graph(k: int) -> tuple[Neighbours, sparse.csr_matrix, Diffusion]:
        near = Neighbours(neighbours.index[:, :k], neighbours.distance[:, :k], neighbours.defined)
        weights = connectivities(near, kernel=kernel, mutual=mutual)
        return near, weights, diffusion_map(weights, max(15, n_maps))

    main = graph(n_neighbors)
    others = tuple(main[2] if k == n_neighbors else graph(k)[2] for k in sweep)
    space = Space(name, *main, root, np.full(vectors.shape[0], np.nan), distances, others)
    if root is None:
        return space
    time = space.times(root, n_maps, clip)
    return replace(space, pseudotime=time if clip is None else time / clip)
