"""From an embedding of cells to metacells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from panscape.coem.metacells.enforce_sizes import renumber, repair
from panscape.coem.metacells.settings import GroupSettings
from panscape.errors import fail
from panscape.graph.components import components
from panscape.graph.kernels import affinities
from panscape.graph.neighbors import checked, neighbors
from panscape.graph.spectral import cut, kmeans
from panscape.log import logger
from panscape.stats.threads import limited


@dataclass(frozen=True)
class Grouping:
    """Cells in metacells.

    Attributes
    ----------
    label
        int64 per cell, 0..k-1, numbered by first cell; every cell has one.
    components
        Unconnected parts of the graph.
    adopted
        Cells of parts too small for a metacell of their own, which joined the nearest.
    merged, split
        Metacells that were too small, too large.
    """

    label: np.ndarray
    components: int
    adopted: int
    merged: int
    split: int

    @property
    def k(self) -> int:
        """Return the number of metacells."""
        return int(self.label.max()) + 1

    @property
    def sizes(self) -> np.ndarray:
        """Return the number of cells of each metacell."""
        return np.bincount(self.label, minlength=self.k)


def number_of_metacells(
    n_cells: int, k: int | None, cells_per_metacell: float = 75, where: str = "metacells"
) -> int:
    """Return the number of metacells asked for.

    Raises
    ------
    UserError
        If there would be fewer than 2, or fewer than 5 cells in each.
    """
    wanted = k if k is not None else max(round(n_cells / cells_per_metacell), 2)
    key = f"{where}.k" if k is not None else f"{where}.cells_per_metacell"
    if wanted < 2:
        raise fail(key, f"{wanted} metacells", "write at least 2")
    if wanted > n_cells / 5:
        raise fail(
            key,
            f"{wanted} metacells of {n_cells} cells leave fewer than 5 cells for each",
            f"ask for at most {max(n_cells // 5, 0)} metacells"
            if n_cells >= 10
            else "leave the sample out: it has too few cells",
            few=True,
        )
    return int(wanted)


def group_cells(
    z: np.ndarray,
    k: int,
    settings: GroupSettings | Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    threads: int = 1,
) -> Grouping:
    """Group cells into metacells: neighbours, adaptive kernel, spectral clustering, repair of sizes.

    Parameters
    ----------
    z
        Embedding, cells x dimensions, finite.
    k
        Number of metacells; kept unless sizes forbid it.
    settings
        See :class:`GroupSettings`.
    seed
        Of the approximate neighbour search and of k-means; equal seeds give equal labels.
    threads
        Of the exact neighbour search.

    Raises
    ------
    UserError
        If a coordinate is not finite.
    """
    settings = GroupSettings.of(settings)
    indices, distances = neighbors(
        z, settings.n_neighbors - 1, exact_below=settings.exact_below, seed=seed, threads=threads
    )
    return group_graph(affinities(indices, distances), z, k, settings, seed=seed)


def group_graph(
    graph: sparse.csr_matrix,
    z: np.ndarray,
    k: int,
    settings: GroupSettings | Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
) -> Grouping:
    """Group the cells of a graph of affinities; `z` places metacells that are merged or split.

    See :func:`group_cells`.
    """
    settings = GroupSettings.of(settings)
    z = checked(z)
    count = int(components(graph).max(initial=-1)) + 1
    with limited(1):
        label = cut(
            graph,
            k,
            eigenvectors=k if settings.eigenvectors == "metacells" else settings.eigenvectors,
            two_level_above=settings.two_level_above,
            coarse_cells=settings.coarse_cells,
            min_cells=settings.min_cells,
            seed=seed,
        )
        most = None if settings.max_ratio is None else int(settings.max_ratio * len(z) / k)
        label, done = repair(label, z, k=k, least=settings.min_cells, most=most, seed=seed)
    found = Grouping(label, count, **done)
    logger.info(
        "%d cells in %d metacells of %d to %d cells (%d parts of the graph, %d cells adopted, %d metacells "
        "merged, %d split)",
        len(z), found.k, found.sizes.min(), found.sizes.max(), count,
        done["adopted"], done["merged"], done["split"],
    )  # fmt: skip
    return found


def group_kmeans(z: np.ndarray, k: int, *, seed: int = 0) -> Grouping:
    """Group cells by k-means on the embedding: the plain baseline, sizes as they come."""
    label = renumber(kmeans(checked(z), k, seed, starts=3))
    return Grouping(label, 1, 0, 0, 0)


def group_random(n_cells: int, k: int, rng: np.random.Generator) -> Grouping:
    """Group cells at random into metacells of equal sizes: what any score is compared with."""
    return Grouping(renumber(rng.permutation(np.arange(n_cells) % k)), 1, 0, 0, 0)
