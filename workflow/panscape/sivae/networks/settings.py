"""Settings of the comparison of lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from panscape.settings import FromMapping, Renamed

KERNELS = ("cka", "neighbours", "edges", "wl-degree", "wl-name")
TITLES = {
    "cka": "CKA of gene embeddings",
    "neighbours": "Jaccard index of neighbours",
    "edges": "Jaccard index of edges",
    "wl-degree": "WL kernel, degrees",
    "wl-name": "WL kernel, genes",
}
_LINES = ("phenotypes", "block", "covariates", "min_lines", "permutations", "engines")
RULE_KEYS: Mapping[str, tuple[str, ...]] = {
    "compare_lines": (*_LINES, "controls", "kernels", "wl_iterations", "genes", "central_top"),
    "check_lines": ("engines", "min_reliability"),
    "associate_genes": (*_LINES, "controls", "centrality", "central_fraction", "fdr"),
    "rank_sets": (
        *_LINES, "controls", "centrality", "fdr", "gene_sets", "mito_set", "ranking", "gsea_sizes",
        "gsea_permutations",
    ),
    "associate_edges": (
        *_LINES, "fdr", "gene_sets", "mito_set", "edge_sets", "edge_presence", "group_fraction",
    ),
    "score_edges": ("engines",),
    "list_neighbours": ("engines", "show_genes"),
    "measure_effects": (*_LINES, "controls", "centrality", "fdr", "gene_sets", "mito_set", "gsea_sizes"),
    "judge_engines": (
        "phenotypes", "block", "covariates", "min_lines", "engines", "controls", "centrality",
        "central_fraction", "fdr",
    ),
    "compare_ends": (
        "phenotypes", "block", "covariates", "min_lines", "engines", "gene_sets", "mito_set", "figure_set",
    ),
    "plot_effects": ("engines",),
    "plot_networks": (
        "phenotypes", "engines", "kernels", "gene_sets", "mito_set", "figure_set", "figure_lines",
    ),
}  # fmt: skip
"""Settings that each rule uses: a change of another one does not run it again."""
ROLES = ("line", "batch", "cell_type", "platform")  # mapped columns that are not phenotypes by default


@dataclass(frozen=True)
class NetworkSettings(FromMapping):
    """Settings of the comparison; keys of the configuration's section ``networks``.

    Parameters
    ----------
    phenotypes
        Mapped columns, or the path of a table of lines; None takes all mapped columns but :data:`ROLES`, the
        blocks and the covariates.
    block
        Column with the blocks of lines that belong together (e.g. the donor).
    covariates
        Columns that all tests adjust for.
    kernels, wl_iterations, genes, central_top
        Kernels, and selection of the genes to compare.
    engines
        Engines whose networks are tested; siVAE's are whether listed or not.
    centrality
        ``"all"`` cells or ``"heldout"``.
    central_fraction
        Fraction of the genes, those of highest mean centrality, that are tested.
    controls, permutations, fdr, min_lines, min_reliability
        Settings of the tests.
    gene_sets, mito_set, ranking, gsea_sizes, gsea_permutations
        Settings of GSEA.
    edge_sets, edge_presence, group_fraction
        Settings of the tests of edges.
    show_genes
        Genes whose neighbors are listed for every line.
    figure_set, figure_lines
        Settings of the figure of networks.
    """

    SECTION: ClassVar[str] = "networks"
    RENAMED: ClassVar[Mapping[str, Renamed]] = {
        "group_share": Renamed("group_fraction"),
        "baselines": Renamed("engines"),
    }

    phenotypes: tuple[str, ...] | str | None = None
    block: str | None = None
    covariates: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ("cka", "neighbours", "wl-degree")
    wl_iterations: int = 5
    genes: str = "all"
    central_top: int = 100
    engines: tuple[str, ...] = ("sivae", "pca", "pearson", "corrected")
    centrality: str = "all"
    central_fraction: float = 1.0
    controls: tuple[str, ...] = ("mean",)
    permutations: int = 1000
    fdr: float = 0.05
    min_lines: int = 6
    min_reliability: float = 0.2
    gene_sets: tuple[str | Mapping[str, str | None], ...] = ()
    mito_set: bool = True
    ranking: str = "signed"
    gsea_sizes: tuple[int, int] = (5, 500)
    gsea_permutations: int = 1000
    edge_sets: tuple[str, ...] = ()
    edge_presence: float = 0.2
    group_fraction: float = 0.2
    show_genes: tuple[str, ...] = ()
    figure_set: str | None = None
    figure_lines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, list):
                object.__setattr__(self, item.name, tuple(value))
        unknown = set(self.kernels) - set(KERNELS)
        if unknown or self.genes not in ("all", "central") or self.ranking not in ("signed", "absolute"):
            raise ValueError(
                f"unknown kernels {sorted(unknown)}, genes {self.genes!r} or ranking {self.ranking!r}"
            )

    @property
    def table(self) -> str | None:
        """Return the path of the table of lines, if phenotypes are from one."""
        return self.phenotypes if isinstance(self.phenotypes, str) else None

    @property
    def models(self) -> tuple[str, ...]:
        """Return siVAE and the other engines, in the order of the tables."""
        return ("sivae", *(name for name in self.engines if name != "sivae"))


def rule_settings(settings: Mapping[str, Any], rule: str) -> dict[str, Any]:
    """Return the settings of the comparison that a rule uses.

    Parameters
    ----------
    settings
        The configuration's section ``networks``.
    rule
        Name of the rule, a key of :data:`RULE_KEYS`.

    Examples
    --------
    >>> rule_settings({"engines": ["sivae"], "show_genes": [], "fdr": 0.1}, "score_edges")
    {'engines': ['sivae']}
    """
    return {name: settings[name] for name in RULE_KEYS[rule]}


def usable_engines(config: Mapping[str, Any]) -> list[str]:
    """Return ``networks.engines`` without those that the data do not allow.

    Correlations that are corrected for the noise of counting need the counts of all lines.
    """
    studies = [study for study in config["studies"] if "sivae" in study.get("use", ("sivae",))]
    logged = any(study.get("values") == "log" for study in studies)
    return [name for name in config["networks"]["engines"] if not (logged and name == "corrected")]
