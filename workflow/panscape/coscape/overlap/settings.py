"""Settings of the overlap with known networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from panscape.coscape.overlap.scores import REWIRED
from panscape.settings import FromMapping


@dataclass(frozen=True)
class OverlapSettings(FromMapping):
    """Settings of :func:`panscape.coscape.overlap.scores.overlap_table` and of the baselines.

    Parameters
    ----------
    rewire
        Graph that is rewired for the null: ``"coexpression"`` or ``"known"`` (published).
    rewirings
        Number of null graphs per target and network, at least 2.
    tries_per_edge
        Number of attempted swaps per edge of a null graph.
    resolutions
        Resolutions of the panclusters used for baseline dictionaries.
    eta
        Threshold on ``|r|`` over all cells, for the baseline without panclusters.
    min_networks
        Minimum number of known networks with an edge for drawing edges found by panclustering only.

    Examples
    --------
    >>> OverlapSettings.of({"rewirings": 1000}).rewirings
    1000
    """

    SECTION: ClassVar[str] = "overlap"
    BESIDE: ClassVar[frozenset[str]] = frozenset(["networks"])

    rewire: str = "coexpression"
    rewirings: int = 100
    tries_per_edge: int = 10
    resolutions: tuple[float, ...] = (10, 1)
    eta: float = 0.7
    min_networks: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "resolutions", tuple(self.resolutions))
        if self.rewire not in REWIRED:
            raise ValueError(f"rewire is {self.rewire!r}, not one of {REWIRED}")
        if self.rewirings < 2 or self.tries_per_edge < 1:
            raise ValueError("rewirings must be at least 2, tries_per_edge at least 1")
