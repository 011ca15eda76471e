"""Association of gene centrality with a phenotype, controlling for expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from panscape.sivae.networks.phenotype import Phenotype
from panscape.stats.fdr import benjamini_hochberg
from panscape.stats.permutation import permutation_pvalue
from panscape.stats.rank_tests import (
    Controlled,
    rank_sum,
    spearman_pvalue,
)
from panscape.stats.ranks import correlation_pvalues, spearman_rows

CONTROLS = ("mean", "detection", "depth", "n_cells")
BLOCK_VALUES = 20_000_000  # genes x permutations in memory at once
COLUMNS = [
    "gene", "phenotype", "model", "rho", "pvalue", "fdr", "pvalue_permuted", "rho_partial", "pvalue_partial",
    "fdr_partial", "pvalue_partial_permuted", "rho_mean_expression", "pvalue_mean_expression",
    "rho_detection", "n", "high", "controls", "centrality", "call",
]  # fmt: skip


def associate_genes(
    centrality: np.ndarray,
    phenotype: Phenotype,
    controls: Mapping[str, np.ndarray],
    genes: Sequence[str] | np.ndarray,
    *,
    use: Sequence[str] = CONTROLS,
    permutations: int = 1000,
    rng: np.random.Generator | None = None,
    fdr: float = 0.05,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test every gene's centrality against the phenotype across lines, without and with controls.

    Numbers: Spearman's rho (p exact up to 9 lines). Two groups: rho with the group (positive if the second is
    higher), p of Wilcoxon's rank-sum test. With controls: :class:`Controlled`. Lines are the samples; bins of
    a line must be averaged first.

    Parameters
    ----------
    centrality
        (G, L), one value per line.
    phenotype
        See :func:`read_phenotype`; must be `testable`.
    controls
        Name -> (G, L) or (L,); ``mean`` and ``detection`` are also tested separately.
    genes
        Names.
    use
        Controls in order of importance.
    permutations
        Label permutations for the null distributions.
    rng
        Random number generator of the permutations.
    fdr
        False discovery rate of the discoveries.

    Returns
    -------
    genes
        One row per gene in the given order, columns of :data:`COLUMNS` without `model`. ``call``:
        ``connectivity`` where raw and partial test both pass `fdr` (with the same sign), ``with expression``
        where only the raw test does.
    null
        Rows ``genes found`` and ``genes found, controlled``: number of significant genes at `fdr` with its
        permutation null.
    """
    known = phenotype.known
    x = np.asarray(centrality, dtype=float)[:, known]
    known_controls = {name: np.asarray(value, dtype=float)[..., known] for name, value in controls.items()}
    names = [name for name in use if name in known_controls]
    partial = Controlled(x, [known_controls[name] for name in names], names)
    rng = rng or np.random.default_rng(0)
    shuffled = phenotype.shuffled(permutations, rng)
    raw = _Raw(x, phenotype)
    table = pd.DataFrame({"gene": list(genes), "phenotype": phenotype.name})
    table["rho"], table["pvalue"] = raw.rho(phenotype.values), raw.pvalue()
    table["rho_partial"] = partial.rho(phenotype.values)
    if partial.used:
        table["pvalue_partial"] = correlation_pvalues(table["rho_partial"].to_numpy(), partial.freedom)
    else:  # too few lines for any control
        table["pvalue_partial"] = table["pvalue"]
    for tail in ("", "_partial"):
        table[f"fdr{tail}"] = benjamini_hochberg(table[f"pvalue{tail}"].to_numpy())
    null = []
    for tail, rho, freedom, what in (
        ("", raw.rho, None, "genes found"),
        (
            "_partial",
            partial.rho,
            partial.freedom[:, None] if partial.used else None,
            "genes found, controlled",
        ),
    ):
        n_genes = int((table[f"fdr{tail}"] < fdr).sum())
        permuted, counts = _permute(table[f"rho{tail}"].to_numpy(), rho, freedom, shuffled, fdr)
        table[f"pvalue{tail}_permuted"] = permuted
        null.append(null_row(what, n_genes, counts) | {"phenotype": phenotype.name, "n": phenotype.n})
    for name, column in (("mean", "rho_mean_expression"), ("detection", "rho_detection")):
        known_column = name in known_controls
        table[column] = spearman_rows(known_controls[name], phenotype.values) if known_column else np.nan
    table["pvalue_mean_expression"] = spearman_pvalue(table["rho_mean_expression"].to_numpy(), phenotype.n)
    table["n"], table["controls"] = phenotype.n, ",".join(partial.names)
    table["high"] = phenotype.groups[-1] if phenotype.two else ""
    table["centrality"] = x.mean(axis=1)
    passed = table["fdr"] < fdr
    kept = passed & (table["fdr_partial"] < fdr) & (np.sign(table["rho"]) == np.sign(table["rho_partial"]))
    table["call"] = np.where(kept, "connectivity", np.where(passed, "with expression", ""))
    return table[[name for name in COLUMNS if name != "model"]], pd.DataFrame(null)


class _Raw:
    """The test without controls."""

    def __init__(self, x: np.ndarray, phenotype: Phenotype):
        self.x, self.phenotype = x, phenotype

    def rho(self, phenotype: np.ndarray) -> np.ndarray:
        return spearman_rows(self.x, phenotype)

    def pvalue(self) -> np.ndarray:
        if self.phenotype.two:
            return rank_sum(self.x, self.phenotype.values == 1)
        return spearman_pvalue(spearman_rows(self.x, self.phenotype.values), self.phenotype.n)


def _permute(observed, rho, freedom, shuffled, fdr: float) -> tuple[np.ndarray, np.ndarray]:
    """Return permutation p-values of each gene, and the number of discoveries per permutation."""
    above, counts = np.zeros(len(observed)), []
    step = max(BLOCK_VALUES // max(len(observed) * shuffled.shape[1], 1), 1)
    for start in range(0, len(shuffled), step):
        null = rho(shuffled[start : start + step])  # (G, P)
        above += (np.abs(null) >= np.abs(observed)[:, None] - 1e-9).sum(axis=1)
        n = shuffled.shape[1]
        p = spearman_pvalue(null, n) if freedom is None else correlation_pvalues(null, freedom)
        counts.append((benjamini_hochberg(p) < fdr).sum(axis=0))
    p = (1 + above) / (1 + len(shuffled))
    return np.where(np.isfinite(observed), p, np.nan), np.concatenate([np.zeros(0, int), *counts])


def null_row(what: str, observed: float, null: np.ndarray) -> dict:
    """Return a statistic with its null distribution and one-sided p-value.

    Parameters
    ----------
    what
        Name of the statistic.
    observed
        Its value.
    null
        Its values under permutations.
    """
    there = len(null) > 0
    return {
        "statistic": what,
        "value": observed,
        "null_mean": float(np.mean(null)) if there else np.nan,
        "null_sd": float(np.std(null)) if there else np.nan,
        "null_95": float(np.quantile(null, 0.95)) if there else np.nan,
        "pvalue": permutation_pvalue(observed, null),
    }
