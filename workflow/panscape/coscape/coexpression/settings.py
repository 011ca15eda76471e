"""Settings of coexpression matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from panscape.settings import FromMapping, Renamed

CORRECTED = "corrected"
ESTIMATORS = ("pearson", "spearman", CORRECTED)
SHRINKAGES = ("none", "soft", "garrote", "posterior")
EXPRESSIONS = ("geometric-mean", "ratio", "mean")
NORMALISATIONS = ("log1p", "depth-log1p")


@dataclass(frozen=True)
class CoexpressionSettings(FromMapping):
    """Settings of :func:`panscape.coscape.coexpression.coexpress.coexpress`.

    Parameters
    ----------
    estimator
        ``"pearson"`` (the paper), ``"spearman"`` (the released code) or ``"corrected"`` for the noise of
        counting, see :func:`panscape.coscape.coexpression.corrected.correct_clusters`.
    eta
        Correlations with ``|r| >= eta`` are kept, others are stored as 0; 0 to 1. Applied after `shrinkage`.
    normalisation
        ``"log1p"`` of the counts or ``"depth-log1p"``, see :func:`panscape.data.normalise.normalise`. The
        corrected estimator uses counts and depths as they are.
    min_expected
        Minimum number of cells that would have counts of both genes of a pair by chance, for the corrected
        estimator and the signal of pairs; it is that of the landscape.
    shrinkage
        How r is shrunk towards 0 by its standard error, see
        :func:`panscape.coscape.coexpression.correlation.shrink_correlations`.
    shrinkage_strength
        Noise threshold in standard errors; 0 disables shrinkage.
    max_pairs
        Maximum number of gene pairs per cluster (largest ``|r|``, diagonal not counted); 0 for no limit.
    expression
        Expression of a gene in a cluster: ``"geometric-mean"``, ``"ratio"`` (the paper) or ``"mean"`` (the
        released code), see :func:`panscape.coscape.coexpression.expression.cluster_expression`.

    Examples
    --------
    >>> CoexpressionSettings.of({"eta": 0.3}).estimator
    'pearson'
    """

    SECTION: ClassVar[str] = "coexpression"
    RENAMED: ClassVar[Mapping[str, Renamed]] = {"method": Renamed("estimator")}

    estimator: str = "pearson"
    eta: float = 0.2
    normalisation: str = "depth-log1p"
    shrinkage: str = "none"
    shrinkage_strength: float = 1.0
    max_pairs: int = 0
    expression: str = "geometric-mean"
    min_expected: float = 10.0

    def __post_init__(self) -> None:
        for name, allowed in (
            ("estimator", ESTIMATORS),
            ("shrinkage", SHRINKAGES),
            ("normalisation", NORMALISATIONS),
            ("expression", EXPRESSIONS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {allowed}")
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta is {self.eta}, not between 0 and 1")
        if self.shrinkage_strength < 0 or self.max_pairs < 0:
            raise ValueError("shrinkage_strength and max_pairs must not be negative")
