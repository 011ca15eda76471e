"""Kernel archetypal analysis on a graph of cells by Frank-Wolfe steps, similar to SEACells."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape import seeds
from panscape.coem.metacells.enforce_sizes import centres, renumber
from panscape.coem.metacells.group import Grouping, GroupSettings
from panscape.graph.kernels import affinities
from panscape.graph.neighbors import neighbors
from panscape.graph.spectral import kmeans

ROUNDS = 10
STEPS = 20  # Frank-Wolfe steps per round
MAX_CELLS = 20_000


def group_archetypal(
    z: np.ndarray,
    k: int,
    settings: GroupSettings,
    *,
    rounds: int = ROUNDS,
    steps: int = STEPS,
    seed: int = 0,
    threads: int = 1,
) -> Grouping:
    """Group cells by their main archetype.

    With the graph's affinities M (ones on the diagonal) as the cells' coordinates, the kernel is M M', and
    |M' - M' B A| is minimised over B (cells to archetypes) and A (archetypes to cells), columns on the
    simplex, by alternating Frank-Wolfe steps. Archetypes are initialised at the cells nearest to k-means
    centres; SEACells uses waypoints in diffusion space.

    Parameters
    ----------
    z
        Embedding, cells x dimensions.
    k
        Number of archetypes.
    settings
        Number of neighbors of the graph.
    rounds
        Alternations between A and B.
    steps
        Frank-Wolfe steps per round.
    seed
        Seed of the k-means start.
    threads
        CPU threads of the neighbor search.

    Returns
    -------
    The grouping. Archetypes that are no cell's main archetype are dropped, so there may be fewer than k.
    """
    if len(z) > MAX_CELLS:
        raise ValueError(f"archetypal analysis is limited to {MAX_CELLS} cells")
    indices, distances = neighbors(z, settings.n_neighbors, exact_below=len(z) + 1, threads=threads)
    kernel = affinities(indices, distances) + sparse.eye_array(len(z), format="csr")
    kernel = sparse.csr_matrix(kernel @ kernel.T)
    n = len(z)
    start = kmeans(np.asarray(z), k, seeds.derive(seed, "archetypes"))
    mean, _ = centres(start, np.asarray(z, dtype=float))
    start_cells = np.array(
        [
            rows[np.argmin(((z[rows] - mean[c]) ** 2).sum(axis=1))]
            for c in range(len(mean))
            for rows in [np.flatnonzero(start == c)]
        ]
    )
    b = sparse.csc_matrix(
        (np.ones(len(start_cells)), (start_cells, np.arange(len(start_cells)))), shape=(n, len(start_cells))
    )
    a = np.zeros((len(start_cells), n))
    a[start, np.arange(n)] = 1.0
    for _ in range(rounds):
        a = _update_a(kernel, b, a, steps)
        b = _update_b(kernel, a, b, steps)
    return Grouping(renumber(a.argmax(axis=0)), 1, 0, 0, 0)


def _update_a(kernel: sparse.csr_matrix, b: sparse.csc_matrix, a: np.ndarray, steps: int) -> np.ndarray:
    """Update the cells' weights by `steps` Frank-Wolfe steps."""
    kb = sparse.csc_matrix(kernel @ b)
    inner = (b.T @ kb).toarray()
    cross = kb.T.toarray()
    cells = np.arange(a.shape[1])
    for t in range(steps):
        gradient = inner @ a - cross
        best = gradient.argmin(axis=0)
        rate = 2.0 / (t + 2.0)
        a *= 1 - rate
        a[best, cells] += rate
    return a


def _update_b(
    kernel: sparse.csr_matrix, a: np.ndarray, b: sparse.csc_matrix, steps: int
) -> sparse.csc_matrix:
    """Update the archetypes by `steps` Frank-Wolfe steps."""
    outer = a @ a.T
    target = kernel @ a.T
    for t in range(steps):
        gradient = (kernel @ b) @ outer - target
        best = np.asarray(gradient).argmin(axis=0)
        rate = 2.0 / (t + 2.0)
        step = sparse.csc_matrix((np.full(len(best), rate), (best, np.arange(len(best)))), shape=b.shape)
        b = sparse.csc_matrix(b * (1 - rate) + step)
    return b
