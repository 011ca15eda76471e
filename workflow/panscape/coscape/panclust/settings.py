"""Settings of panclustering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from panscape.errors import fail
from panscape.settings import FromMapping

CHOICES = {
    "genes": ("selected", "all"),
    "scaling": ("depth-log1p", "log1p", "l2"),
    "weights": ("umap", "none"),
    "algorithm": ("louvain", "leiden", "ward"),
    "sketch_method": ("uniform", "even"),
}


@dataclass(frozen=True)
class PanclustSettings(FromMapping):
    """Settings of :func:`panscape.coscape.panclust.pancluster.pancluster`.

    Parameters
    ----------
    genes
        ``"selected"``: the genes handed over; ``"all"``: every gene of the study (released code).
    scaling
        ``"depth-log1p"`` or ``"log1p"``, see :func:`panscape.data.normalise.normalise`; ``"l2"``: raw counts
        divided by each cell's Euclidean norm (released code).
    n_components
        Principal components, fewer where the study is too small for them.
    n_neighbors
        Neighbours of a cell in the graph, the cell itself not counted.
    weights
        ``"umap"``: UMAP's edge weights; ``"none"``: no weights.
    algorithm
        ``"louvain"``: all agglomeration levels; ``"leiden"``: one level per resolution; ``"ward"``: all
        nodes of a Ward tree.
    resolutions
        Of the modularity that Louvain and Leiden maximise; greater gives more and smaller clusters.
    min_cells
        Clusters with fewer cells are dropped; ``"auto"`` goes by the study's size, see
        :func:`panscape.coscape.panclust.cluster_size.smallest_cluster`.
    repeat_last_level
        Count the clusters of the coarsest level once more, as the released code stores that level twice.
    exact_below
        Studies with fewer cells get exact neighbours, greater ones approximate ones.
    sketch_above, sketch_cells, sketch_method
        Studies with more than `sketch_above` cells are clustered on `sketch_cells` of them, drawn
        ``"uniform"`` or ``"even"`` over the principal components; the other cells follow their nearest one.

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
    exact_below: int = 50_000
    sketch_above: int = 1_000_000
    sketch_cells: int = 500_000
    sketch_method: str = "uniform"

    def __post_init__(self) -> None:
        object.__setattr__(self, "resolutions", tuple(sorted({float(value) for value in self.resolutions})))
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {allowed}")
        if not self.resolutions or self.resolutions[0] <= 0:
            raise ValueError("resolutions must be greater than 0, at least one")
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
