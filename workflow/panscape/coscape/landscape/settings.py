"""Settings of the landscape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

from panscape.coscape.landscape.units import AUTO
from panscape.graph.distances import METRICS
from panscape.settings import FromMapping, Renamed

THRESHOLDED, CORRECTED = "thresholded", "corrected"
DISTANCES = (THRESHOLDED, CORRECTED)
LOWEST_AGE, NO_ROOT = "lowest-age", "none"
KERNELS = ("umap", "gauss")
DRAW_PAIRS = 20_000  # pairs with the most signal that are scored in draws of cells
DRAW_SCORES = 3 << 25  # scores of draws in memory at a time (0.6 GB at most): sums are made once for them
PAIR_CORRELATIONS = ("spearman", "pearson")


@dataclass(frozen=True)
class LandscapeSettings(FromMapping):
    """Settings of :func:`panscape.coscape.landscape.build.compute_landscape`.

    Parameters
    ----------
    distance
        ``"corrected"``: between the correlations of the pairs with the most signal, see
        :func:`panscape.coscape.landscape.debiased.debiased_distances`; ``"thresholded"``: between the vectors
        of strong correlations (published).
    metric
        Of thresholded correlations: ``"cosine"``, ``"euclidean"`` (published) or ``"correlation"``.
    top_pairs
        Number of gene pairs for the corrected distance.
    diagonal, eta, min_expected, symmetric
        Values in the vectors, see :func:`panscape.coscape.landscape.features.landscape_features`.
    min_pairs
        Minimum number of pairs of a cluster; clusters with fewer are isolated. 0 keeps all.
    best_detected
        Use pairs of this many best-detected genes only; 0: all.
    duplicates
        Repeat a cluster `multiplicity` times (released code).
    n_neighbors
        Number of neighbors of a cluster in the graph, not counting the cluster itself.
    neighbor_sweep
        With the corrected distance, numbers of neighbors over which pseudotime is the median, each at most
        three quarters of the clusters; empty takes `n_neighbors` alone.
    kernel, mutual
        See :func:`connectivities`.
    n_maps
        Number of diffusion components for pseudotime.
    root
        ``"lowest-age"``, ``"none"`` or the name of a cluster.
    root_below
        With ``"lowest-age"``: take the first cluster whose mean age is below this (released code).
    clip
        Upper limit of pseudotime, above which values are clipped (released code, by hand); None for no limit.
    layout_iterations, layout_scaling, layout_gravity, layout_theta, pack
        See :func:`force_layout`.
    expression_components
        Number of principal components of the expression space.
    sample
        Unit that was sampled at one age, see :func:`panscape.coscape.landscape.units.choose_units`.
    permutations
        Number of permutations of the ages per null; 0 for no p-values.
    bootstraps
        Number of bootstrap draws per interval; 0 for no intervals.
    pseudotime_draws
        With the corrected distance, number of draws of cells and samples for the interval of every cluster's
        pseudotime; 0 for no intervals. A landscape itself does not depend on it: see
        :func:`panscape.coscape.landscape.intervals.drawn_pseudotimes`, which needs the counts.
    pair_correlation
        Correlation of gene pairs with pseudotime, ``"spearman"`` or ``"pearson"``.
    pairs_listed
        Number of pairs to report, strongest first; 0 for all.

    Examples
    --------
    >>> LandscapeSettings.of({"n_neighbors": 29}).metric
    'cosine'
    """

    SECTION: ClassVar[str] = "landscape"
    BESIDE: ClassVar[frozenset[str]] = frozenset(("sensitivity",))
    RENAMED: ClassVar[Mapping[str, Renamed]] = {
        "neighbours": Renamed("n_neighbors", minus=1),
        "distance": Renamed("metric", values=METRICS, instead="thresholded"),
    }

    # settings of one distance alone
    ONLY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        THRESHOLDED: ("metric", "diagonal", "eta", "symmetric", "best_detected"),
        CORRECTED: ("top_pairs", "neighbor_sweep", "pseudotime_draws"),
    }

    distance: str = CORRECTED
    metric: str = "cosine"
    top_pairs: int = 100_000
    diagonal: bool = False
    eta: float = 0.0
    min_expected: float = 10.0
    min_pairs: int = 10
    symmetric: bool = False
    best_detected: int = 0
    duplicates: bool = False
    n_neighbors: int = 19
    neighbor_sweep: tuple[int, ...] = (20, 30, 40)
    kernel: str = "umap"
    mutual: bool = False
    n_maps: int = 10
    root: str = LOWEST_AGE
    root_below: float | None = None
    clip: float | None = None
    layout_iterations: int = 500
    layout_scaling: float = 2.0
    layout_gravity: float = 1.0
    layout_theta: float = 1.2
    pack: bool = True
    expression_components: int = 20
    sample: str = AUTO
    permutations: int = 1000
    bootstraps: int = 500
    pseudotime_draws: int = 50
    pair_correlation: str = "spearman"
    pairs_listed: int = 10_000

    def __post_init__(self) -> None:
        for name, allowed in (
            ("distance", DISTANCES),
            ("metric", METRICS),
            ("kernel", KERNELS),
            ("pair_correlation", PAIR_CORRELATIONS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {allowed}")
        if self.n_neighbors < 1 or self.n_maps < 2:
            raise ValueError("n_neighbors must be at least 1, n_maps at least 2")
        if self.top_pairs < 1 or min(self.neighbor_sweep, default=1) < 1:
            raise ValueError("top_pairs and the numbers of neighbor_sweep must be at least 1")
        if self.pseudotime_draws < 0:
            raise ValueError("pseudotime_draws must be at least 0")

    @property
    def n_draws(self) -> int:
        """Return the number of draws for intervals of pseudotime; 0 if they cannot be had."""
        ordered = self.distance == CORRECTED and self.root != NO_ROOT
        return self.pseudotime_draws if ordered else 0

    @property
    def sweep(self) -> tuple[int, ...]:
        """Return the numbers of neighbors over which pseudotime is the median; empty: `n_neighbors` alone."""
        return tuple(self.neighbor_sweep) if self.distance == CORRECTED else ()

    @property
    def unused(self) -> tuple[str, ...]:
        """Return the settings that differ from their default and do not change the distance.

        Examples
        --------
        >>> LandscapeSettings(eta=0.3).unused, LandscapeSettings(eta=0.3, distance="thresholded").unused
        (('eta',), ())
        """
        default = {field.name: field.default for field in fields(self)}
        others = (keys for distance, keys in self.ONLY.items() if distance != self.distance)
        return tuple(key for keys in others for key in keys if _plain(getattr(self, key)) != default[key])

    def without_effect(self, key: str) -> str:
        """Return what to say of a setting in :attr:`unused`."""
        (other,) = (distance for distance, keys in self.ONLY.items() if key in keys)
        return (
            f"{getattr(self, key)} does not change the distance of clusters, which is {self.distance}: "
            f"write landscape.distance: {other}, or leave it out"
        )


def _plain(value):
    """Return a list of numbers, which YAML has for a tuple, as a tuple."""
    return tuple(value) if isinstance(value, list) else value
