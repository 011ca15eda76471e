"""Edges of the lines' networks: which go with a phenotype, and which belong to one group of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.sivae.networks.centrality import null_row
from panscape.sivae.networks.phenotype import Phenotype
from panscape.sivae.networks.similarity import edge_codes
from panscape.stats.fdr import benjamini_hochberg
from panscape.stats.permutation import permutation_pvalue
from panscape.stats.rank_tests import (
    Controlled,
    rank_sum,
    spearman_pvalue,
)
from panscape.stats.ranks import correlation_pvalues, spearman_rows

OTHER = "others"
EDGE_COLUMNS = [
    "gene_a", "gene_b", "set_a", "set_b", "phenotype", "model", "lines_with", "rho", "pvalue", "fdr",
    "rho_partial", "pvalue_partial", "fdr_partial", "n", "high",
]  # fmt: skip
SET_COLUMNS = [
    "set_a", "set_b", "phenotype", "model", "edges", "possible", "rho", "pvalue", "fdr", "rho_partial",
    "pvalue_partial", "fdr_partial", "pvalue_permuted", "n", "high",
]  # fmt: skip
GROUP_COLUMNS = ["gene_a", "gene_b", "phenotype", "model", "group", "share", "share_others", "only_here"]
PRESENT = 0.5  # fraction of a line's bins that have an edge the line is said to have


@dataclass(frozen=True)
class EdgeTable:
    """Edges of many lines.

    Attributes
    ----------
    genes
        (G,) names.
    first, second
        (E,) positions of the edges' genes, first < second, sorted.
    share
        (L, E) CSR: fraction of a line's bins that have the edge, 0 to 1.
    """

    genes: np.ndarray
    first: np.ndarray
    second: np.ndarray
    share: sparse.csr_matrix

    @property
    def present(self) -> sparse.csr_matrix:
        """Return (L, E) CSR of ones where at least half of a line's bins have the edge."""
        fraction = self.share.copy()
        fraction.data = (fraction.data >= PRESENT).astype(float)
        fraction.eliminate_zeros()
        return fraction

    def take(self, edges: np.ndarray) -> EdgeTable:
        """Return some of the edges (bool or positions)."""
        return EdgeTable(self.genes, self.first[edges], self.second[edges], self.share[:, edges])


def edge_table(graphs: Sequence[Sequence[sparse.csr_matrix]], genes: Sequence[str] | np.ndarray) -> EdgeTable:
    """Put the edges of all lines (each a list of its bins' graphs on `genes`) together."""
    rows, weights = [], []
    for bins in graphs:
        codes = np.concatenate([edge_codes(graph) for graph in bins]) if bins else np.zeros(0, np.int64)
        names, counts = np.unique(codes, return_counts=True)
        rows.append(names)
        weights.append(counts / max(len(bins), 1))
    names = np.unique(np.concatenate([*rows, np.zeros(0, np.int64)]))
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    place = np.concatenate([np.searchsorted(names, row) for row in rows])
    share = sparse.csr_matrix((np.concatenate(weights), place, indptr), shape=(len(graphs), len(names)))
    count = len(genes)
    return EdgeTable(np.asarray(genes, dtype=object), names // count, names % count, share)


def associate_edges(
    table: EdgeTable,
    sets: Mapping[str, Sequence[str]],
    phenotype: Phenotype,
    *,
    presence: float = 0.2,
    means: np.ndarray | None = None,
) -> pd.DataFrame:
    """Test every edge inside a gene set or between two sets: is it in lines of high or of low phenotype.

    Spearman's rho of the fraction of bins that have the edge (two groups: rank-sum p), over edges that
    at least `presence` of the lines have and at least `presence` do not, with the FDR over all
    tested.

    With `means`, the genes' mean expression (G, L), also with that of both genes controlled (`rho_partial`
    ...).

    Parameters
    ----------
    table
        Edges of all lines.
    sets
        Name -> genes.
    phenotype
        Of the lines.
    presence
        Minimum fraction of the lines that have, and that lack, a tested edge, in [0, 0.5].
    means
        (G, L) mean expression of the genes in the lines, to control for; None does not.

    Returns
    -------
    Columns of :data:`EDGE_COLUMNS` without `model`, by p. `lines_with`: lines with the edge in half their
    bins.
    """
    share = table.share[np.flatnonzero(phenotype.known)]
    kept_table = EdgeTable(table.genes, table.first, table.second, share)
    count = np.asarray(kept_table.present.sum(axis=0)).ravel()
    least = max(presence * phenotype.n, 1)
    frequent = (count >= least) & (count <= phenotype.n - least)
    parts = []
    for name_a, name_b, mask in _pairs(kept_table, sets):
        chosen = np.flatnonzero(mask & frequent)
        if not len(chosen):
            continue
        values = share[:, chosen].toarray().T
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
    result = pd.concat(parts, ignore_index=True)
    for tail in ("", "_partial"):
        result[f"fdr{tail}"] = benjamini_hochberg(result[f"pvalue{tail}"].to_numpy())
    result["phenotype"], result["n"] = phenotype.name, phenotype.n
    result["high"] = phenotype.groups[-1] if phenotype.two else ""
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
    """Test the number of edges inside each set, between two sets, and from a set to all other genes.

    With `means`, the genes' mean expression (G, L), also with the sets' mean expression controlled.

    Parameters
    ----------
    table
        Edges of all lines.
    sets
        Name -> genes.
    phenotype
        Of the lines.
    permutations
        Permutations of the phenotype.
    rng
        Random numbers of the permutations.
    means
        See :func:`associate_edges`.

    Returns
    -------
    Columns of :data:`SET_COLUMNS` without `model`: `edges` is the mean number per line, `possible` the
    number of gene pairs, `pvalue_permuted` by label permutation.
    """
    rng = rng or np.random.default_rng(0)
    share = table.share[np.flatnonzero(phenotype.known)]
    names, counts, possible, levels = [], [], [], []
    inside = {name: np.isin(table.genes.astype(str), list(members)) for name, members in sets.items()}
    for name_a, name_b, mask in _pairs(table, sets, others=True):
        a = inside[name_a]
        b = ~a if name_b == OTHER else inside[name_b]
        pairs = a.sum() * (a.sum() - 1) // 2 if name_a == name_b else a.sum() * b.sum() - (a & b).sum()
        names.append((name_a, name_b))
        counts.append(np.asarray(share[:, np.flatnonzero(mask)].sum(axis=1)).ravel())
        possible.append(int(pairs))
        if means is not None:
            levels.append([means[members].mean(axis=0) for members in (a, b)])
    columns = [name for name in SET_COLUMNS if name != "model"]
    if not names:
        return pd.DataFrame(columns=columns)
    values = np.stack(counts)
    rho = spearman_rows(values, phenotype.values)
    null = np.abs(spearman_rows(values, phenotype.shuffled(permutations, rng)))
    permuted = permutation_pvalue(np.abs(rho), null, tolerance=1e-9)
    controls = list(np.array(levels).transpose(1, 0, 2)) if levels else []
    result = pd.DataFrame(names, columns=["set_a", "set_b"]).assign(
        phenotype=phenotype.name,
        edges=values.mean(axis=1),
        possible=possible,
        **_tests(values, phenotype, controls),
    )
    for tail in ("", "_partial"):
        result[f"fdr{tail}"] = benjamini_hochberg(result[f"pvalue{tail}"].to_numpy())
    result["pvalue_permuted"] = permuted
    result["n"], result["high"] = phenotype.n, phenotype.groups[-1] if phenotype.two else ""
    return result[columns]


def _tests(values: np.ndarray, phenotype: Phenotype, controls: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return rho and p of rows (E, n), raw and given controls of all lines (E, L)."""
    rho = spearman_rows(values, phenotype.values)
    p = rank_sum(values, phenotype.values == 1) if phenotype.two else spearman_pvalue(rho, phenotype.n)
    columns = {"rho": rho, "pvalue": p, "rho_partial": np.full(len(rho), np.nan)}
    freedom: np.ndarray | int = 0
    if controls:
        partial = Controlled(values, [one[:, phenotype.known] for one in controls])
        columns["rho_partial"], freedom = partial.rho(phenotype.values), partial.freedom
    return columns | {"pvalue_partial": correlation_pvalues(columns["rho_partial"], freedom)}


def group_edges(
    table: EdgeTable,
    phenotype: Phenotype,
    *,
    share: float = 0.2,
    permutations: int = 100,
    rng: np.random.Generator | None = None,
) -> tuple[pd.DataFrame, dict]:
    """List the edges that at least `share` of the lines of a group have.

    Parameters
    ----------
    table
        Edges of all lines.
    phenotype
        Of the lines; it has groups.
    share
        Minimum fraction of a group's lines that have a listed edge, in (0, 1].
    permutations
        Permutations of the phenotype.
    rng
        Random numbers of the permutations.

    Returns
    -------
    edges
        Columns of :data:`GROUP_COLUMNS` without `model`; `share_others`: of the lines of the other groups
        that have the edge; `only_here` where that is below `share`.
    null
        The number of edges of one group only, beside its distribution when lines are dealt to groups at
        random.
    """
    rng = rng or np.random.default_rng(0)
    present = table.present[np.flatnonzero(phenotype.known)]
    total = np.asarray(present.sum(axis=0)).ravel()
    parts = []
    for code, group in enumerate(phenotype.groups):
        inside = phenotype.values == code
        inside_fraction, others = _group_shares(present, total, inside)
        chosen = np.flatnonzero(inside_fraction >= share)
        parts.append(
            pd.DataFrame(
                {
                    "gene_a": table.genes[table.first[chosen]],
                    "gene_b": table.genes[table.second[chosen]],
                    "phenotype": phenotype.name,
                    "group": group,
                    "share": inside_fraction[chosen],
                    "share_others": others[chosen],
                    "only_here": others[chosen] < share,
                }
            )
        )
    result = pd.concat(parts, ignore_index=True)[[name for name in GROUP_COLUMNS if name != "model"]]
    null = np.array(
        [_one_group_only(present, total, values, share) for values in phenotype.shuffled(permutations, rng)]
    )
    row = null_row("edges of one group only", int(result["only_here"].sum()), null)
    return result, row | {"phenotype": phenotype.name, "n": phenotype.n}


def _group_shares(present, total: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inside_fraction = inside.astype(float) @ present
    return inside_fraction / inside.sum(), (total - inside_fraction) / max((~inside).sum(), 1)


def _one_group_only(present, total: np.ndarray, values: np.ndarray, share: float) -> int:
    count = 0
    for code in np.unique(values):
        inside_fraction, others = _group_shares(present, total, values == code)
        count += int(((inside_fraction >= share) & (others < share)).sum())
    return count


def _pairs(table: EdgeTable, sets: Mapping[str, Sequence[str]], *, others: bool = False):
    """Yield (set, set, bool mask of edges): inside each, between each two, from each to all other genes."""
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
