"""Settings of scoring, testing and choosing gene sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from panscape.settings import FromMapping, Renamed
from panscape.stats.aucell import TIES

RANDOM_GENES = ("uniform", "membership")
TESTS = ("classes", "entropy")
REPRESENTATIVES = ("importance", "entropy")


@dataclass(frozen=True)
class FeatureSettings(FromMapping):
    """Settings of the features, with the keys of the configuration's section ``features``.

    Parameters
    ----------
    label
        Column of the cells with the classes that sets are tested for and that the forest predicts; None tests
        sets by entropy.
    unit
        Column that names the sampled unit (donor, animal) within which AUROCs are computed; ``"auto"``
        takes the first mapped of :data:`panscape.unicoord.features.classes.UNITS`, None the study.
    min_cells
        Minimum number of cells of a class for a test within a unit.
    set_sizes
        Sets with fewer or more of the genes analysed are left out (50 to 500 in the UniCoord paper).
    top_fraction
        Fraction of the genes that count as a cell's top genes (AUCell's default, 5 %).
    ties
        See :func:`panscape.stats.aucell.aucell`.
    max_cells
        Maximum number of cells that sets are chosen on; the chosen sets are scored in all cells.
    random_sets, size_bins, detection_bins, random_genes
        Random sets per stratum, strata, and how genes are drawn; see
        :func:`panscape.unicoord.features.assess.assess_sets`.
    test
        ``"classes"``: sets must distinguish a class better than random sets; ``"entropy"``: their scores must
        vary more (the UniCoord paper). Without classes, entropy is always used.
    max_pvalue, max_fdr
        Sets with larger values in that test are excluded. The paper uses p < 0.001, uncorrected.
    trees
        Number of trees of the random forest.
    top, groups
        Number of the most important sets that are grouped, and number of groups (100 and 30 in the paper).
    representative
        Which set of a group is chosen: the most important, or the one of highest entropy (the paper).

    Examples
    --------
    >>> FeatureSettings(set_sizes=(500, 5)).set_sizes
    (5, 500)
    """

    SECTION: ClassVar[str] = "features"
    BESIDE: ClassVar[frozenset[str]] = frozenset(("gene_sets",))
    RENAMED: ClassVar[Mapping[str, Renamed]] = {"top_share": Renamed("top_fraction")}

    label: str | None = "cell_type"
    unit: str | None = "auto"
    min_cells: int = 5
    set_sizes: tuple[int, int] = (50, 500)
    top_fraction: float = 0.05
    ties: str = "mean"
    max_cells: int = 5000
    random_sets: int = 500
    size_bins: int = 5
    detection_bins: int = 4
    random_genes: str = "uniform"
    test: str = "classes"
    max_pvalue: float = 1.0
    max_fdr: float = 0.05
    trees: int = 500
    top: int = 100
    groups: int = 30
    representative: str = "importance"

    def __post_init__(self) -> None:
        object.__setattr__(self, "set_sizes", tuple(sorted(int(value) for value in self.set_sizes)))
        for key, allowed in (
            ("ties", TIES),
            ("random_genes", RANDOM_GENES),
            ("test", TESTS),
            ("representative", REPRESENTATIVES),
        ):
            if getattr(self, key) not in allowed:
                raise ValueError(f"{key} is {getattr(self, key)!r}, not one of {allowed}")
        if not 0 < self.top_fraction <= 1:
            raise ValueError(f"top_fraction is {self.top_fraction}, not above 0 and at most 1")

    def test_of(self, table: pd.DataFrame) -> str:
        """Return the test used to select the sets of a table: ``"class"`` or ``"entropy"``."""
        without = "class_fdr" not in table or table["class_fdr"].isna().all()
        return "entropy" if without or self.test == "entropy" else "class"

    def passed(self, table: pd.DataFrame) -> np.ndarray:
        """Return (T,) booleans: sets within the limits of p and false discovery rate in the deciding test."""
        test = self.test_of(table)
        within = (table[f"{test}_pvalue"] <= self.max_pvalue) & (table[f"{test}_fdr"] <= self.max_fdr)
        return within.to_numpy()
