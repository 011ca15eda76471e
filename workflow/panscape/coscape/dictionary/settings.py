"""Settings of the dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from panscape.settings import FromMapping, Renamed

PAIRS = ("off-diagonal", "upper-triangle", "symmetric")
SCALES = ("unit", "none")
ENTRIES = ("products", "free")


@dataclass(frozen=True)
class DictionarySettings(FromMapping):
    """Settings of a dictionary; keys of the configuration's section ``dictionary``.

    Parameters
    ----------
    k
        Number of entries or ``"auto"``.
    k_range, elbow_factor
        See :func:`panscape.coscape.dictionary.elbow.elbow_table` and
        :func:`panscape.coscape.dictionary.elbow.grown_elbow_table`.
    entries
        ``"products"``: the weight of an edge is the product of its genes' loadings; ``"free"``:
        unconstrained.
    alpha, max_iter, tol, starts
        See :func:`panscape.coscape.dictionary.choose.fit_starts`.
    scale
        ``"unit"``: every pancluster's row has norm 1; ``"none"``: unscaled.
    pairs
        ``"off-diagonal"``, ``"upper-triangle"`` (with the diagonal; paper) or ``"symmetric"`` (off-diagonal
        pairs times the square root of 2, which is every pair twice; released code).
    min_expected
        Minimum number of cells expected to express both genes of a pair by chance in a pancluster.
    min_z
        A pair is dropped in a pancluster where Fisher's z of its correlation, atanh(|r|) sqrt(n_cells - 3),
        is smaller; smaller panclusters thus have a larger threshold on r.
    pair_support
        Minimum number of panclusters with a pair.
    duplicates
        Count panclusters `multiplicity` times.
    min_panclusters
        Minimum number of panclusters that use an entry, or ``"auto"``, see :meth:`least_panclusters`.
    usage_fraction, edge_fraction
        See :func:`panscape.coscape.dictionary.entries.arrange_entries`.

    Examples
    --------
    >>> DictionarySettings.of({"k": 12}).entries
    'products'
    """

    SECTION: ClassVar[str] = "dictionary"
    BESIDE: ClassVar[frozenset[str]] = frozenset(
        [
            "top_genes",
            "min_kme",
            "compare",
            "sample",
            "block",
            "covariates",
            "permutations",
            "gene_sets",
            "set_sizes",
            "nominal",
            "merge",
            "confidence",
            "depth_strata",
            "nmf_programs",
        ]
    )

    RENAMED: ClassVar[Mapping[str, Renamed]] = {
        "usage_share": Renamed("usage_fraction"),
        "edge_share": Renamed("edge_fraction"),
        "counterpart": Renamed("nmf_programs"),
    }

    k: int | str = "auto"
    k_range: tuple[int, int] = (2, 40)
    elbow_factor: float = 1.5
    entries: str = "products"
    alpha: float = 0.001
    scale: str = "unit"
    pairs: str = "off-diagonal"
    min_expected: float = 5.0
    min_z: float = 3.0
    pair_support: int = 3
    duplicates: bool = False
    starts: int = 5
    max_iter: int = 100
    tol: float = 1e-8
    min_panclusters: int | str = "auto"
    usage_fraction: float = 0.05
    edge_fraction: float = 0.9

    def __post_init__(self) -> None:
        object.__setattr__(self, "k_range", tuple(int(value) for value in self.k_range))
        for name, known in (("pairs", PAIRS), ("scale", SCALES), ("entries", ENTRIES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is one of {known}")
        if self.entries == "products" and self.pairs != "off-diagonal":
            raise ValueError("products need two genes: pairs must be off-diagonal")
        if self.k != "auto" and (not isinstance(self.k, int) or self.k < 1):
            raise ValueError(f"k is {self.k!r}, not auto or a number of at least 1")
        least = self.min_panclusters
        if least != "auto" and (not isinstance(least, int) or least < 1):
            raise ValueError(f"min_panclusters is {least!r}, not auto or a number of at least 1")

    def least_panclusters(self, count: int) -> int:
        """Return the minimum number of panclusters that use an entry, in a collection of `count`.

        ``"auto"`` is a thirtieth of them, at least three (as many as a pair needs by default) and at most the
        paper's ten.

        Parameters
        ----------
        count
            Number of panclusters, >= 1.

        Examples
        --------
        >>> [DictionarySettings().least_panclusters(count) for count in (40, 150, 2400)]
        [3, 5, 10]
        """
        if isinstance(self.min_panclusters, int):
            return self.min_panclusters
        return min(max(count // 30, 3), 10)
