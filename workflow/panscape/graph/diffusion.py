"""Diffusion maps and diffusion pseudotime (Haghverdi et al. 2016) per connected component."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.graph.components import components
from panscape.graph.normalised import inverse, normalised
from panscape.stats.decomposition import leading_eigen, signs

# eigenvalues from here on count as stationary (as in scanpy)
STATIONARY = 0.9994
DENSE_LIMIT = 600  # up to here all eigenvectors are as fast as a few


@dataclass(frozen=True)
class Diffusion:
    """Diffusion maps of the connected components of a graph.

    Parameters
    ----------
    component
        int, (n,): connected component of each node, 0 is the largest.
    vectors
        (n, n_maps): eigenvectors of the symmetric transition matrix of the node's component, largest
        eigenvalue first; zero beyond the component's size. The largest entry is positive.
    values
        (n_components, n_maps): eigenvalues of each component; 0 beyond its size.
    """

    component: np.ndarray
    vectors: np.ndarray
    values: np.ndarray

    def position(self, n_maps: int) -> np.ndarray:
        """Return (n, n_maps) coordinates whose Euclidean distance within a component is the DPT distance.

        Each eigenvector is weighted by lambda / (1 - lambda), the sum over walks of all lengths; the
        stationary one by 1, as scanpy does.
        """
        values = self.values[:, :n_maps]
        moving = values < STATIONARY
        scale = np.where(moving, values / np.where(moving, 1 - values, 1.0), 1.0)
        return self.vectors[:, :n_maps] * scale[self.component]


def transition(weights: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the density-normalised symmetric transition matrix (Coifman & Lafon 2006, alpha = 1).

    Nodes without edges have an empty row.
    """
    density = sparse.diags_array(inverse(np.asarray(weights.sum(axis=0)).ravel()))
    return normalised(density @ weights @ density)[0]


def diffusion_map(weights: sparse.csr_matrix, n_maps: int = 15) -> Diffusion:
    """Compute diffusion maps, separately for each connected component.

    On a connected graph this equals ``scanpy.tl.diffmap``; on others, scanpy mixes the components and loses
    one map per further component.

    Parameters
    ----------
    weights
        CSR (n, n), symmetric, >= 0.
    n_maps
        Number of eigenvectors, including the stationary one, >= 2.
    """
    if n_maps < 2:
        raise ValueError(f"n_maps must be at least 2, found {n_maps}")
    part = components(weights)
    matrix = transition(weights)
    vectors = np.zeros((len(part), n_maps))
    values = np.zeros((part.max(initial=-1) + 1, n_maps))
    for number in range(len(values)):
        inside = np.flatnonzero(part == number)
        falling, basis = _spectrum(matrix[inside][:, inside], n_maps)
        values[number, : len(falling)] = falling
        vectors[np.ix_(inside, np.arange(len(falling)))] = basis
    return Diffusion(part, vectors, values)


def _spectrum(matrix: sparse.csr_matrix, n_maps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the eigenvalues of largest size, descending, and their vectors; a single node has the map 1."""
    size = matrix.shape[0]
    if size == 1:
        return np.ones(1), np.ones((1, 1))
    # at most size - 1 as in scanpy, but both of two nodes, lest only the constant vector remains
    count = min(n_maps, size - 1 if size > 2 else size)
    dense = max(DENSE_LIMIT, n_maps + 1) + 1
    values, vectors = leading_eigen(matrix, count, by="size", dense_below=dense)
    return values, vectors * signs(vectors)


def pseudotime(diffusion: Diffusion, root: int, *, n_maps: int = 10) -> np.ndarray:
    """Return diffusion pseudotime from a root.

    Parameters
    ----------
    diffusion
        From :func:`diffusion_map`.
    root
        Position of the root.
    n_maps
        Number of maps to use (scanpy's `n_dcs`).

    Returns
    -------
    (n,) float64 in [0, 1], 0 at the root, 1 at the farthest node; NaN in other components.
    """
    place = diffusion.position(n_maps)
    time = np.sqrt(((place - place[root]) ** 2).sum(axis=1))
    time[diffusion.component != diffusion.component[root]] = np.nan
    farthest = np.nanmax(time)
    return time / farthest if farthest > 0 else time


def choose_root(age: np.ndarray, n_cells: np.ndarray, *, usable: np.ndarray | None = None) -> int | None:
    """Return the node of lowest mean age, the largest among ties; None if no age is known.

    Parameters
    ----------
    age
        (n,) mean age of each cluster, NaN where unknown.
    n_cells
        (n,) sizes.
    usable
        bool (n,): candidates for the root; all by default.
    """
    known = np.isfinite(age) if usable is None else np.isfinite(age) & usable
    if not known.any():
        return None
    index = np.flatnonzero(known)
    return int(index[np.lexsort((index, -np.asarray(n_cells)[index], np.asarray(age)[index]))[0]])
