"""What metacells are made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from panscape.settings import FromMapping

EMBEDDINGS = ("coem", "pca_lsi", "wnn", "rna", "atac")


METACELL_KEYS = frozenset(
    [
        "embedding",
        "pool",
        "k",
        "cells_per_metacell",
        "ladder",
        "repeats",
        "components",
        "n_neighbors",
        "eigenvectors",
        "exact_below",
        "two_level_above",
        "min_cells",
        "max_ratio",
        "compare",
        "permutations",
        "labels",
        "genes",
        "anchor",
        "window",
        "peak_cells",
        "statistic",
        "background",
        "fdr",
        "contrast_cells",
        "activity_window",
        "track_gene",
    ]
)
"""Keys of the configuration's section ``metacells``, which several classes of settings read."""


@dataclass(frozen=True)
class GroupSettings(FromMapping):
    """Settings of `group_cells`; keys of the configuration's section ``metacells``.

    Parameters
    ----------
    n_neighbors
        Neighbours in the graph, the cell itself counted.
    eigenvectors
        At most so many eigenvectors span the space that is cut; ``"metacells"``: as many as there are
        metacells.
    exact_below
        Cells from which on neighbours are searched approximately.
    two_level_above
        Cells from which on the graph is cut in two levels; None never does.
    coarse_cells
        Cells of a group of the first level.
    min_cells
        Smallest metacell.
    max_ratio
        Largest metacell, in multiples of the mean size; None sets no limit.
    """

    SECTION: ClassVar[str] = "metacells"
    BESIDE: ClassVar[frozenset[str]] = METACELL_KEYS

    n_neighbors: int = 15
    eigenvectors: int | str = 50
    exact_below: int = 20_000
    two_level_above: int | None = 30_000
    coarse_cells: int = 3000
    min_cells: int = 5
    max_ratio: float | None = 3.0

    def __post_init__(self) -> None:
        text = isinstance(self.eigenvectors, str)
        if text and self.eigenvectors != "metacells":
            raise ValueError(f"eigenvectors {self.eigenvectors!r}: a number, or 'metacells'")
        few = not text and self.eigenvectors < 2
        tight = self.max_ratio is not None and self.max_ratio < 2
        if self.n_neighbors < 3 or few or self.min_cells < 1 or tight:
            raise ValueError(
                "n_neighbors >= 3, eigenvectors >= 2, min_cells >= 1 and max_ratio >= 2 are needed"
            )
