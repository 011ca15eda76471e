"""Group the cells of an embedding into metacells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from panscape.coem.metacells.enforce_sizes import enforce_sizes, renumber
from panscape.coem.metacells.exchange import exchange
from panscape.coem.metacells.settings import METACELL_KEYS, METACELL_RENAMED
from panscape.errors import fail
from panscape.graph.components import components
from panscape.graph.kernels import affinities
from panscape.graph.neighbors import checked, neighbors
from panscape.graph.spectral import cut, kmeans
from panscape.log import logger
from panscape.settings import FromMapping, Renamed
from panscape.stats.threads import limited


@dataclass(frozen=True)
class GroupSettings(FromMapping):
    """Settings of `group_cells`; keys of the configuration's section ``metacells``.

    Parameters
    ----------
    n_neighbors
        Number of nearest neighbors of a cell in the graph, not counting the cell itself.
    eigenvectors
        Maximum number of eigenvectors for spectral clustering; ``"metacells"`` uses the number of metacells.
    exact_below
        Number of cells above which neighbors are searched approximately.
    two_level_above
        Number of cells above which a connected component is clustered in two levels; None for never.
    coarse_cells
        Mean number of cells per group of the first level.
    min_cells
        Minimum number of cells of a metacell.
    max_ratio
        Maximum size of a metacell, as a multiple of the mean size; None sets no limit.
    exchange
        A metacell is split, and two others merged, if the split lowers the sum of squared distances within
        metacells by more than this many times what merging adds; None for never.
    """

    SECTION: ClassVar[str] = "metacells"
    BESIDE: ClassVar[frozenset[str]] = METACELL_KEYS
    RENAMED: ClassVar[Mapping[str, Renamed]] = METACELL_RENAMED

    n_neighbors: int = 14
    eigenvectors: int | str = 50
    exact_below: int = 20_000
    two_level_above: int | None = 4000
    coarse_cells: int = 2000
    min_cells: int = 5
    max_ratio: float | None = 3.0
    exchange: float | None = 2.0

    def __post_init__(self) -> None:
        text = isinstance(self.eigenvectors, str)
        if text and self.eigenvectors != "metacells":
            raise ValueError(f"eigenvectors {self.eigenvectors!r}: a number, or 'metacells'")
        few = isinstance(self.eigenvectors, int) and self.eigenvectors < 2
        tight = self.max_ratio is not None and self.max_ratio < 2
        loose = self.exchange is not None and self.exchange < 1
        if self.n_neighbors < 2 or few or self.min_cells < 1 or tight or loose:
            raise ValueError(
                "n_neighbors >= 2, eigenvectors >= 2, min_cells >= 1, max_ratio >= 2 and exchange >= 1 are "
                "needed"
            )


@dataclass(frozen=True)
class Grouping:
    """Assignment of cells to metacells.

    Attributes
    ----------
    label
        Metacell of each cell, int64, 0..k-1, numbered by first cell.
    components
        Connected components of the graph.
    adopted
        Number of cells of components too small for a metacell, which joined the nearest one.
    merged, split
        Number of metacells that were too small, or too large.
    exchanged
        Number of metacells that were split because they mixed distinct cells.
    """

    label: np.ndarray
    components: int
    adopted: int
    merged: int
    split: int
    exchanged: int = 0

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
    """Return the number of metacells: `k`, or the number of cells over `cells_per_metacell`.

    Parameters
    ----------
    n_cells
        Number of cells.
    k
        Number of metacells, or None.
    cells_per_metacell
        Mean number of cells in a metacell.
    where
        Section of the configuration, for messages.

    Raises
    ------
    UserError
        If there would be fewer than 2 metacells, or fewer than 5 cells per metacell.
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
    """Group cells into metacells: nearest neighbors, kernel, spectral clustering, limits, exchanges.

    Parameters
    ----------
    z
        Embedding, cells x dimensions, finite.
    k
        Number of metacells; changed only if the size limits require it.
    settings
        See :class:`GroupSettings`.
    seed
        Seed of the approximate neighbor search and of k-means; equal seeds give equal labels.
    threads
        Threads of the exact neighbor search.

    Raises
    ------
    UserError
        If a coordinate is not finite.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(60, 3))
    >>> group_cells(z, 4).k
    4
    """
    settings = GroupSettings.of(settings)
    # the neighbours are not kept beside the graph
    graph = affinities(
        *neighbors(z, settings.n_neighbors, exact_below=settings.exact_below, seed=seed, threads=threads)
    )
    return group_graph(graph, z, k, settings, seed=seed)


def group_graph(
    graph: sparse.csr_matrix,
    z: np.ndarray,
    k: int,
    settings: GroupSettings | Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
) -> Grouping:
    """Group cells by their graph of affinities.

    Parameters
    ----------
    graph
        Symmetric affinities, CSR, cells x cells.
    z
        Embedding, cells x dimensions, in which metacells are merged and split.
    k, settings, seed
        See :func:`group_cells`.
    """
    settings = GroupSettings.of(settings)
    z = checked(z)
    part = components(graph)
    count = int(part.max(initial=-1)) + 1
    with limited(1):
        label = cut(
            graph,
            k,
            eigenvectors=k if isinstance(settings.eigenvectors, str) else settings.eigenvectors,
            two_level_above=settings.two_level_above,
            coarse_cells=settings.coarse_cells,
            min_cells=settings.min_cells,
            seed=seed,
        )
        largest = None if settings.max_ratio is None else int(settings.max_ratio * len(z) / k)
        label, done = enforce_sizes(label, z, k=k, min_size=settings.min_cells, max_size=largest, seed=seed)
        exchanged = 0
        if settings.exchange is not None:
            label, exchanged = exchange(
                label, z, part, factor=settings.exchange, min_size=settings.min_cells, max_size=largest
            )
    grouping = Grouping(label, count, exchanged=exchanged, **done)
    logger.info(
        "%d cells in %d metacells of %d to %d cells (%d parts of the graph, %d cells adopted, %d metacells "
        "merged, %d split, %d exchanged)",
        len(z), grouping.k, grouping.sizes.min(), grouping.sizes.max(), count,
        done["adopted"], done["merged"], done["split"], exchanged,
    )  # fmt: skip
    return grouping


def group_kmeans(z: np.ndarray, k: int, *, seed: int = 0) -> Grouping:
    """Group cells by k-means on the embedding, a baseline without size limits.

    Parameters
    ----------
    z
        Embedding, cells x dimensions.
    k
        Number of metacells.
    seed
        Seed of k-means.
    """
    label = renumber(kmeans(checked(z), k, seed, starts=3))
    return Grouping(label, 1, 0, 0, 0)


def group_random(n_cells: int, k: int, rng: np.random.Generator) -> Grouping:
    """Group cells at random into metacells of equal size, as a null for every score.

    Parameters
    ----------
    n_cells
        Number of cells.
    k
        Number of metacells.
    rng
        Random numbers.
    """
    return Grouping(renumber(rng.permutation(np.arange(n_cells) % k)), 1, 0, 0, 0)
