"""Association of gene centrality with a phenotype, controlling for expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from panscape.sivae.networks.null import adjusted_for, null_blocks, observed, pvalues
from panscape.sivae.networks.phenotype import Phenotype
from panscape.stats.adjusted import Adjusted
from panscape.stats.fdr import benjamini_hochberg
from panscape.stats.permutation import permutation_pvalue

LEVEL = 0.05
BELOW = f"fraction of p < {LEVEL:g}"
CONTROLS = ("mean", "detection", "depth", "n_cells")
COLUMNS = [
    "gene", "phenotype", "model", "rho", "pvalue", "fdr", "pvalue_permuted", "rho_partial", "pvalue_partial",
    "fdr_partial", "pvalue_partial_permuted", "rho_mean_expression", "pvalue_mean_expression",
    "rho_detection", "n", "unit", "high", "covariates", "controls", "centrality", "call",
]  # fmt: skip
NAMES = ("line", "gene", "gene_a", "gene_b", "term", "set", "library", "phenotype", "model", "high", "call")
TEXT = dict.fromkeys(NAMES, str)  # columns of the tables that are text, also where all names are numbers


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
    fraction: float = 1.0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test every gene's centrality against the phenotype across lines, without and with controls.

    Numbers: Spearman's rho (p exact up to 9 units). Two groups: rho with the group (positive if the second
    is higher), p of Wilcoxon's rank-sum test. More groups: root of the fraction of variance between them.
    Blocks, covariates and controls: :class:`panscape.stats.adjusted.Adjusted`. The samples are the units of
    the phenotype; bins of a line must be averaged first.

    Parameters
    ----------
    centrality
        (G, L), one value per line.
    phenotype
        See :func:`read_phenotype`.
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
    fraction
        Fraction of the genes, those of highest mean centrality, that are tested, see :func:`central_genes`;
        `fdr` of the others is missing.

    Returns
    -------
    genes
        One row per gene in the given order, columns of :data:`COLUMNS` without `model`. ``call``:
        ``connectivity`` where raw and partial test both pass `fdr` (with the same sign), ``with expression``
        where only the raw test does.
    null
        Rows ``genes found`` and ``genes found, controlled``: number of significant genes at `fdr` with its
        permutation null; and :data:`BELOW` in the same way, whose null mean is 0.05 if p is calibrated.
    """
    x = phenotype.of_units(centrality)
    given = {name: phenotype.of_units(value) for name, value in controls.items()}
    names = [name for name in use if name in given]
    raw = adjusted_for(phenotype, x)
    partial = adjusted_for(phenotype, x, [given[name] for name in names], names)
    rng = rng or np.random.default_rng(0)
    kept = central_genes(x, fraction)
    table = pd.DataFrame({"gene": list(genes), "phenotype": phenotype.name})
    rows = []
    for tail, test, what in (("", raw, "genes found"), ("_partial", partial, "genes found, controlled")):
        rho = observed(test, phenotype)
        # with too few lines for any control both tests are the same
        p = pvalues(test, phenotype, rho, x)
        table[f"rho{tail}"], table[f"pvalue{tail}"] = rho, p
        table[f"fdr{tail}"] = benjamini_hochberg(np.where(kept, p, np.nan))
        permuted, counts, below = _permute(rho, test, phenotype, permutations, rng, fdr, kept)
        table[f"pvalue{tail}_permuted"] = permuted
        called = int((table[f"fdr{tail}"] < fdr).sum())
        labels = {"phenotype": phenotype.name, "n": phenotype.n}
        rows.append(null_row(what, called, counts) | labels)
        share = float(np.mean(p[np.isfinite(p)] < LEVEL)) if np.isfinite(p).any() else float("nan")
        rows.append(null_row(what.replace("genes found", BELOW), share, below) | labels)
    for name, column in (("mean", "rho_mean_expression"), ("detection", "rho_detection")):
        table[column] = np.nan
        if name in given:
            table[column] = observed(adjusted_for(phenotype, given[name]), phenotype)
    table["pvalue_mean_expression"] = pvalues(raw, phenotype, table["rho_mean_expression"].to_numpy())
    table["n"], table["controls"] = phenotype.n, ",".join(partial.names)
    table["unit"], table["covariates"] = phenotype.unit, ",".join(phenotype.adjusted)
    table["high"] = _high(x, phenotype)
    table["centrality"] = x.mean(axis=1)
    both = table[["rho", "rho_partial"]].to_numpy().T, table[["fdr", "fdr_partial"]].to_numpy().T
    connects = connected(both[0], both[1], fdr)
    table["call"] = np.where(connects, "connectivity", np.where(table["fdr"] < fdr, "with expression", ""))
    return table[[name for name in COLUMNS if name != "model"]], pd.DataFrame(rows)


def central_genes(values: np.ndarray, fraction: float) -> np.ndarray:
    """Return (G,) bool: the given fraction of genes, those of highest mean over the units.

    Genes without connections in any line cannot change them, and would cost power as tests. The mean does not
    depend on the order of the units, so that selecting by it leaves p-values as they are (independent
    filtering, Bourgon, Gentleman and Huber 2010).

    Parameters
    ----------
    values
        (G, n).
    fraction
        Above 0, at most 1.

    Examples
    --------
    >>> central_genes(np.array([[0.1, 0.2], [0.5, 0.7], [0.4, 0.3], [0.0, 0.0]]), 0.5)
    array([False,  True,  True, False])
    """
    means = values.mean(axis=1)
    return means >= np.quantile(means, 1 - fraction) if len(means) else np.zeros(0, dtype=bool)


def connected(rho: Sequence[np.ndarray], adjusted: Sequence[np.ndarray], fdr: float) -> np.ndarray:
    """Return (G,) bool: genes whose tests without and with controls both pass, with the same sign.

    Parameters
    ----------
    rho, adjusted
        Correlations and p adjusted for the number of genes, (G,) each, of both tests.
    fdr
        False discovery rate.
    """
    return (adjusted[0] < fdr) & (adjusted[1] < fdr) & (np.sign(rho[0]) == np.sign(rho[1]))


def _high(x: np.ndarray, phenotype: Phenotype) -> np.ndarray | str:
    """Return the second of two groups, or for more groups the one of highest mean centrality of each gene."""
    if not phenotype.many:
        return phenotype.groups[-1] if phenotype.two else ""
    means = [x[:, phenotype.values == code].mean(axis=1) for code in range(len(phenotype.groups))]
    return np.asarray(phenotype.groups, dtype=object)[np.argmax(means, axis=0)]


def _permute(
    rho: np.ndarray,
    test: Adjusted,
    phenotype: Phenotype,
    permutations: int,
    rng: np.random.Generator,
    fdr: float,
    kept: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return permutation p of each gene; per permutation the discoveries and the fraction of small p."""
    above, counts, below = np.zeros(len(rho)), [np.zeros(0, int)], [np.zeros(0)]
    for null in null_blocks(test, phenotype, permutations, rng):
        above += (np.abs(null) >= np.abs(rho)[:, None] - 1e-9).sum(axis=1)
        p = pvalues(test, phenotype, null)
        counts.append((benjamini_hochberg(p[kept]) < fdr).sum(axis=0))
        below.append((p < LEVEL).sum(axis=0) / np.maximum(np.isfinite(p).sum(axis=0), 1))
    found = np.concatenate(counts)
    permuted = np.where(np.isfinite(rho), (1 + above) / (1 + len(found)), np.nan)
    return permuted, found, np.concatenate(below)


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
