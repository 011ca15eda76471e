"""Settings of panclustering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from panscape.errors import fail
from panscape.settings import FromMapping

CHOICES = {
    "genes": ("selected", "all"),
    "scaling": ("depth-log1p", "standardised", "log1p", "l2"),
    "weights": ("umap", "none"),
    "algorithm": ("louvain", "louvain-igraph", "leiden", "ward"),
    "sketch_method": ("uniform", "even"),
}


@dataclass(frozen=True)
class PanclustSettings(FromMapping):
    """Settings of :func:`panscape.coscape.panclust.pancluster.pancluster`.

    Parameters
    ----------
    genes
        ``"selected"``: the given genes; ``"all"``: every gene of the study (released code).
    scaling
        ``"depth-log1p"`` or ``"log1p"``, see :func:`panscape.data.normalise.normalise`; ``"standardised"``:
        ``"depth-log1p"``, then each gene divided by its standard deviation; ``"l2"``: raw counts divided by
        each cell's Euclidean norm (released code).
    n_components
        Number of principal components, fewer for very small studies.
    n_neighbors
        Number of neighbors of a cell in the graph, not counting the cell itself.
    weights
        ``"umap"``: UMAP's edge weights; ``"none"``: no weights.
    algorithm
        ``"louvain"``: all agglomeration levels; ``"louvain-igraph"``: the same by igraph's program;
        ``"leiden"``: all levels of Leiden's refinement; ``"ward"``: all nodes of a Ward tree.
    resolutions
        Resolutions of the modularity for Louvain and Leiden; larger values give more, smaller clusters.
    min_cells
        Minimum number of cells of a cluster; ``"auto"`` depends on the study's size, see
        :func:`panscape.coscape.panclust.cluster_size.smallest_cluster`.
    repeat_last_level
        Count the clusters of the coarsest level twice, as in the released code.
    exact_below
        Number of cells above which neighbors are searched approximately.
    sketch_above, sketch_cells, sketch_method
        Studies with more than `sketch_above` cells are clustered on `sketch_cells` of them, drawn
        ``"uniform"`` or ``"even"`` over the principal components; the other cells join the cluster of their
        nearest sampled cell.

    Examples
    --------
    >>> PanclustSettings.of({"n_neighbors": 30}).resolutions
    (0.1, 1.0, 10.0)
    """

    SECTION: ClassVar[str] = "panclust"

    genes: str = "selected"
    scaling: str = "depth-log1p"
    n_components: int = 50
    n_neighbors: int = 14
    weights: str = "umap"
    algorithm: str = "louvain"
    resolutions: tuple[float, ...] = (0.1, 1.0, 10.0)
    min_cells: int | str = "auto"
    repeat_last_level: bool = False
    exact_below: int = 10_000
    sketch_above: int = 1_000_000
    sketch_cells: int = 500_000
    sketch_method: str = "uniform"

    def __post_init__(self) -> None:
        object.__setattr__(self, "resolutions", tuple(sorted({float(value) for value in self.resolutions})))
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {allowed}")
        if not self.resolutions or self.resolutions[0] <= 0:
            raise ValueError("resolutions must not be empty, and all must be greater than 0")
        for name, minimum in (("n_components", 1), ("n_neighbors", 1), ("min_cells", 1), ("sketch_cells", 2)):
            if getattr(self, name) == "auto" and name == "min_cells":
                continue
            if getattr(self, name) < minimum:
                raise ValueError(f"{name} is {getattr(self, name)}, less than {minimum}")
        if self.sketch_cells > self.sketch_above:
            raise fail(
                "panclust.sketch_cells",
                f"{self.sketch_cells} is more than sketch_above, {self.sketch_above}",
                "write a number up to sketch_above",
            )
