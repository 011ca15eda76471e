"""How gene sets are scored and chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from panscape.settings import FromMapping

TIES = ("mean", "order")
NULLS = ("membership", "uniform")


@dataclass(frozen=True)
class FeatureSettings(FromMapping):
    """Settings of the features; the keys of the configuration's section of the same names.

    Parameters
    ----------
    label
        Column of the cells that the forest predicts; None ranks sets by entropy instead of importance.
    set_sizes
        Sets with fewer or more of the genes analysed are left out (50 to 500 in the UniCoord paper).
    top_share
        Share of the genes that count as a cell's top genes (AUCell's default, 5 %).
    ties
        See :func:`panscape.features.aucell`.
    max_cells
        Sets are chosen on at most so many cells; the chosen ones are scored in all.
    random_sets, size_bins, entropy_null
        Random sets per class of sizes, those classes, and how genes are drawn: the arguments of
        :func:`panscape.features.entropy_test`.
    max_pvalue, max_fdr
        Sets of larger values in that test are dropped (the paper takes p < 0.001). The test is a filter for
        the forest: random sets of real genes vary with cell types too, so that a strict one loses true sets.
    trees
        Of the random forest.
    top, groups
        So many sets of the highest importance are grouped, into so many groups (100 and 30 in the paper).
    """

    label: str | None = "cell_type"
    set_sizes: tuple[int, int] = (50, 500)
    top_share: float = 0.05
    ties: str = "mean"
    max_cells: int = 5000
    random_sets: int = 1000
    size_bins: int = 10
    entropy_null: str = "membership"
    max_pvalue: float = 0.05
    max_fdr: float = 1.0
    trees: int = 500
    top: int = 100
    groups: int = 30

    def __post_init__(self) -> None:
        object.__setattr__(self, "set_sizes", tuple(sorted(int(value) for value in self.set_sizes)))
        if self.ties not in TIES or self.entropy_null not in NULLS:
            raise ValueError(f"ties is one of {TIES} and entropy_null one of {NULLS}")
        if not 0 < self.top_share <= 1:
            raise ValueError(f"top_share is {self.top_share}, not above 0 and at most 1")

    def passed(self, table: pd.DataFrame) -> np.ndarray:
        """Tell which gene sets vary more than random ones, by their p and false discovery rate."""
        return ((table["pvalue"] <= self.max_pvalue) & (table["fdr"] <= self.max_fdr)).to_numpy()
