"""Association of single edges, and of edge counts of gene sets, with a phenotype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.sivae.networks.edge_table import EdgeTable
from panscape.sivae.networks.null import adjusted_for, null, observed, pvalues
from panscape.sivae.networks.phenotype import Phenotype
from panscape.stats.fdr import benjamini_hochberg
from panscape.stats.permutation import permutation_pvalue

OTHER = "others"
EDGE_COLUMNS = [
    "gene_a", "gene_b", "set_a", "set_b", "phenotype", "model", "lines_with", "rho", "pvalue", "fdr",
    "rho_partial", "pvalue_partial", "fdr_partial", "n", "high",
]  # fmt: skip
SET_COLUMNS = [
    "set_a", "set_b", "phenotype", "model", "edges", "possible", "rho", "pvalue", "fdr", "rho_partial",
    "pvalue_partial", "fdr_partial", "pvalue_permuted", "n", "high",
]  # fmt: skip


def associate_edges(
    table: EdgeTable,
    sets: Mapping[str, Sequence[str]],
    phenotype: Phenotype,
    *,
    presence: float = 0.2,
    means: np.ndarray | None = None,
) -> pd.DataFrame:
    """Test every edge within a gene set or between two sets for association with the phenotype.

    Spearman's rho of the fraction of bins that have the edge (two groups: rank-sum p), over edges present and
    absent in at least a fraction `presence` of the units each, with the FDR over all tested edges. Blocks and
    covariates are adjusted for as in the tests of genes.

    With `means`, partial correlations control for the mean expression of both genes (`rho_partial` ...).

    Parameters
    ----------
    table
        Edges of all lines.
    sets
        Name -> genes.
    phenotype
        Phenotype of the lines.
    presence
        Minimum fraction of the lines that have, and that lack, a tested edge, in [0, 0.5].
    means
        Mean expression of the genes in the lines, (G, L), to control for; None skips the control.

    Returns
    -------
    Columns of :data:`EDGE_COLUMNS` without `model`, by p. `lines_with`: number of units with the edge in at
    least half of their bins.
    """
    fractions = sparse.csr_matrix(phenotype.weights @ table.fractions)
    kept_table = EdgeTable(table.genes, table.first, table.second, fractions)
    count = np.asarray(kept_table.present.sum(axis=0)).ravel()
    required = max(presence * phenotype.n, 1)
    frequent = (count >= required) & (count <= phenotype.n - required)
    parts = []
    for name_a, name_b, mask in _pairs(kept_table, sets):
        chosen = np.flatnonzero(mask & frequent)
        if not len(chosen):
            continue
        values = fractions[:, chosen].toarray().T
        controls = [] if means is None else [means[ends[chosen]] for ends in (table.first, table.second)]
        parts.append(
            pd.DataFrame(
                {
                    "gene_a": table.genes[table.first[chosen]],
                    "gene_b": table.genes[table.second[chosen]],
                    "set_a": name_a,
                    "set_b": name_b,
                    "lines_with": count[chosen].astype(int),
                    **_tests(values, phenotype, controls),
                }
            )
        )
    columns = [name for name in EDGE_COLUMNS if name != "model"]
    if not parts:
        return pd.DataFrame(columns=columns)
    result = _described(pd.concat(parts, ignore_index=True), phenotype)
    return result.sort_values(["pvalue", "gene_a", "gene_b"], ignore_index=True)[columns]


def associate_sets(
    table: EdgeTable,
    sets: Mapping[str, Sequence[str]],
    phenotype: Phenotype,
    *,
    permutations: int = 1000,
    rng: np.random.Generator | None = None,
    means: np.ndarray | None = None,
) -> pd.DataFrame:
    """Test the number of edges within each set, between two sets, and from a set to all other genes.

    With `means`, partial correlations control for the mean expression of the sets.

    Parameters
    ----------
    table
        Edges of all lines.
    sets
        Name -> genes.
    phenotype
        Phenotype of the lines.
    permutations
        Number of permutations of the phenotype.
    rng
        Random number generator of the permutations.
    means
        See :func:`associate_edges`.

    Returns
    -------
    Columns of :data:`SET_COLUMNS` without `model`: `edges` is the mean number per unit, `possible` the
    number of gene pairs, `pvalue_permuted` by label permutation.
    """
    rng = rng or np.random.default_rng(0)
    fractions = sparse.csr_matrix(phenotype.weights @ table.fractions)
    names, counts, possible, levels = [], [], [], []
    inside = {name: np.isin(table.genes.astype(str), list(members)) for name, members in sets.items()}
    for name_a, name_b, mask in _pairs(table, sets, others=True):
        a = inside[name_a]
        b = ~a if name_b == OTHER else inside[name_b]
        if not a.any() or not b.any():  # no pair of genes, e.g. of a set that has all genes and others
            continue
        pairs = a.sum() * (a.sum() - 1) // 2 if name_a == name_b else a.sum() * b.sum() - (a & b).sum()
        names.append((name_a, name_b))
        counts.append(np.asarray(fractions[:, np.flatnonzero(mask)].sum(axis=1)).ravel())
        possible.append(int(pairs))
        if means is not None:
            levels.append([means[members].mean(axis=0) for members in (a, b)])
    columns = [name for name in SET_COLUMNS if name != "model"]
    if not names:
        return pd.DataFrame(columns=columns)
    values = np.stack(counts)
    raw = adjusted_for(phenotype, values)
    rho = observed(raw, phenotype)
    draws = np.abs(null(raw, phenotype, permutations, rng))
    permuted = permutation_pvalue(np.abs(rho), draws, tolerance=1e-9)
    controls = list(np.array(levels).transpose(1, 0, 2)) if levels else []
    result = pd.DataFrame(names, columns=["set_a", "set_b"]).assign(
        edges=values.mean(axis=1),
        possible=possible,
        pvalue_permuted=permuted,
        **_tests(values, phenotype, controls),
    )
    return _described(result, phenotype)[columns]


def _described(table: pd.DataFrame, phenotype: Phenotype) -> pd.DataFrame:
    """Add false discovery rates and the description of the phenotype to a table of tests."""
    for suffix in ("", "_partial"):
        table[f"fdr{suffix}"] = benjamini_hochberg(table[f"pvalue{suffix}"].to_numpy())
    high = phenotype.groups[-1] if phenotype.two else ""
    return table.assign(phenotype=phenotype.name, n=phenotype.n, high=high)


def _tests(values: np.ndarray, phenotype: Phenotype, controls: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return rho and p of rows (E, n), raw and given controls of all lines (E, L)."""
    raw = adjusted_for(phenotype, values)
    rho = observed(raw, phenotype)
    nothing = np.full(len(rho), np.nan)
    columns = {"rho": rho, "pvalue": pvalues(raw, phenotype, rho, values)}
    if not controls:
        return columns | {"rho_partial": nothing, "pvalue_partial": nothing}
    partial = adjusted_for(phenotype, values, [phenotype.of_units(one) for one in controls])
    columns["rho_partial"] = observed(partial, phenotype)
    return columns | {"pvalue_partial": pvalues(partial, phenotype, columns["rho_partial"], values)}


def _pairs(table: EdgeTable, sets: Mapping[str, Sequence[str]], *, others: bool = False):
    """Yield (set, set, bool mask of edges): within sets, between sets, from sets to all other genes."""
    inside = {name: np.isin(table.genes.astype(str), list(members)) for name, members in sets.items()}
    for name, set_members in inside.items():
        yield name, name, set_members[table.first] & set_members[table.second]
    for one, two in combinations(inside, 2):
        a, b = inside[one], inside[two]
        between = (a[table.first] & b[table.second]) | (b[table.first] & a[table.second])
        yield one, two, between
    if others:
        for name, set_members in inside.items():
            yield name, OTHER, set_members[table.first] != set_members[table.second]
