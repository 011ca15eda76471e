"""Settings of the metacells stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from panscape.settings import FromMapping, Renamed

EMBEDDINGS = ("coem", "pca_lsi", "wnn", "rna", "atac")


METACELL_KEYS = frozenset(
    [
        "embedding",
        "pool",
        "k",
        "cells_per_metacell",
        "size_sweep",
        "repeats",
        "n_components",
        "n_neighbors",
        "eigenvectors",
        "exact_below",
        "two_level_above",
        "min_cells",
        "max_ratio",
        "exchange",
        "compare",
        "permutations",
        "labels",
        "genes",
        "transcripts",
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
METACELL_RENAMED: Mapping[str, Renamed] = {
    "ladder": Renamed("size_sweep"),
    "components": Renamed("n_components"),
}
"""Keys of earlier versions and their names of today."""


@dataclass(frozen=True)
class MetacellSettings(FromMapping):
    """Settings of the metacells stage; keys of the configuration's section ``metacells``.

    Parameters
    ----------
    embedding
        Embedding in which cells are compared, one of :data:`EMBEDDINGS`.
    k
        Number of metacells; ``"cells"``: the number of cells over `cells_per_metacell`; ``"sweep"``: the best
        of `size_sweep`.
    cells_per_metacell
        Mean number of cells of a metacell.
    size_sweep
        Mean sizes to score; empty skips the sweep.
    repeats
        Groupings of random samples of the cells, for the stability of each size.
    n_components
        Dimensions of the linear embeddings of RNA and of accessibility.
    compare
        Methods to compare with.
    permutations
        Permutations per metacell of the test of its heterogeneity.
    labels
        Columns of `obs` for evaluation; None takes all.
    contrast_cells
        Maximum number of single cells for the comparison of links; 0 skips it.
    activity_window
        Base pairs around a gene's start within which peaks are summed for its activity.

    Examples
    --------
    >>> MetacellSettings.of({"k": "sweep", "size_sweep": [20, 50]}).size_sweep
    (20, 50)
    """

    SECTION: ClassVar[str] = "metacells"
    BESIDE: ClassVar[frozenset[str]] = METACELL_KEYS
    RENAMED: ClassVar[Mapping[str, Renamed]] = METACELL_RENAMED

    embedding: str = "coem"
    k: int | str = "cells"
    cells_per_metacell: float = 75
    size_sweep: tuple[float, ...] = (20, 35, 50, 75, 110, 160)
    repeats: int = 2
    n_components: int = 30
    compare: tuple[str, ...] = ("pca_lsi", "wnn", "rna", "atac", "kmeans", "random")
    permutations: int = 20
    labels: tuple[str, ...] | None = None
    contrast_cells: int = 5000
    activity_window: int = 5000

    def __post_init__(self) -> None:
        for name in ("size_sweep", "compare"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.embedding not in EMBEDDINGS:
            raise ValueError(f"embedding {self.embedding!r}: one of {', '.join(EMBEDDINGS)}")
        if isinstance(self.k, str) and self.k not in ("cells", "sweep"):
            raise ValueError(f"k {self.k!r}: a number, 'cells' or 'sweep'")
