"""Gene set enrichment of the entries' marker genes, and grouping of redundant sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from panscape.data.gene_sets import GeneSets
from panscape.stats.fdr import benjamini_hochberg

COLUMNS = [
    "entry",
    "library",
    "term",
    "size",
    "overlap",
    "query",
    "odds_ratio",
    "pvalue",
    "fdr",
    "nominal",
    "group",
    "representative",
    "genes",
]


def overrepresented_sets(query: Iterable[str], sets: GeneSets) -> pd.DataFrame:
    """Test every set for over-representation of query genes.

    p = P(X >= overlap), X hypergeometric with the genes analysed as population; false discovery rate by
    Benjamini and Hochberg over all sets tested (also those without overlap, whose p is 1).

    Returns
    -------
    term, size, overlap, query (number of query genes), odds_ratio, pvalue, fdr, genes (of the overlap,
    joined by ";"), in the order of the sets.
    """
    from scipy.stats import hypergeom

    inside = np.isin(sets.genes.astype(str), np.asarray(sorted(set(query)), dtype=str))
    population, drawn = len(sets.genes), int(inside.sum())
    size = np.diff(sets.member.indptr)
    overlap = np.rint(sets.member @ inside.astype(float)).astype(int)
    pvalue = np.asarray(hypergeom.sf(overlap - 1, population, size, drawn), dtype=float)
    pvalue = np.minimum(pvalue, 1.0)
    # adding one half to each cell keeps the ratio finite (Haldane and Anscombe)
    a, b, c = overlap + 0.5, size - overlap + 0.5, drawn - overlap + 0.5
    d = population - size - drawn + overlap + 0.5
    rows = [
        sets.member.indices[s:e] for s, e in zip(sets.member.indptr[:-1], sets.member.indptr[1:], strict=True)
    ]
    return pd.DataFrame(
        {
            "term": sets.terms,
            "size": size,
            "overlap": overlap,
            "query": drawn,
            "odds_ratio": a * d / (b * c),
            "pvalue": pvalue,
            "fdr": benjamini_hochberg(pvalue),
            "genes": [";".join(sets.genes[row[inside[row]]]) for row in rows],
        }
    )


def enrich_genes(
    queries: Mapping[str, Iterable[str]],
    libraries: Sequence[GeneSets],
    *,
    nominal: float = 1e-3,
    merge: float = 0.5,
) -> pd.DataFrame:
    """Test the genes of every entry against every library and group terms with overlapping genes.

    Parameters
    ----------
    queries
        Entry name -> genes (those of its marker edges).
    libraries
        From :func:`restrict`; the false discovery rate is controlled per entry and library.
    nominal
        Unadjusted p below which a term counts (1e-3 in the Coscape paper); only these are grouped.
    merge
        See :func:`group_gene_sets`.

    Returns
    -------
    One row per entry and set with overlap >= 1, by entry, library and p: entry, library, term, size,
    overlap, query, odds_ratio, pvalue, fdr, nominal (pvalue < nominal), group (number within the entry,
    missing where not nominal), representative (smallest p of its group), genes.
    """
    tables = []
    for entry, genes in queries.items():
        genes = list(genes)
        parts = []
        for sets in libraries:
            table = overrepresented_sets(genes, sets)
            table = table[table["overlap"] > 0].assign(library=sets.library)
            parts.append(table)
        table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
        if table.empty:
            continue
        table["entry"] = entry
        table["nominal"] = table["pvalue"] < nominal
        chosen = table["nominal"].to_numpy()
        group = group_gene_sets([set(g.split(";")) for g in table["genes"][chosen]], merge)
        table["group"] = pd.array([pd.NA] * len(table), dtype="Int64")
        table.loc[chosen, "group"] = group + 1
        best = table[chosen].sort_values(["pvalue", "size"]).drop_duplicates("group").index
        table["representative"] = table.index.isin(best)
        tables.append(table.sort_values(["library", "pvalue", "term"]))
    if not tables:
        return pd.DataFrame({column: [] for column in COLUMNS})
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def group_gene_sets(members: Sequence[set[str]], merge: float = 0.5) -> np.ndarray:
    """Group sets of genes by average-linkage clustering of their Jaccard distances.

    Parameters
    ----------
    members
        Genes of each term in the overlap, so that terms enriched by the same genes are grouped.
    merge
        Minimum mean Jaccard index for merging groups, in (0, 1].

    Returns
    -------
    (len(members),) group numbers from 0, in the order of first appearance.

    Examples
    --------
    >>> group_gene_sets([{"Actb", "Sox2"}, {"Actb", "Sox2", "Pax6"}, {"Cd4"}]).tolist()
    [0, 0, 1]
    """
    if len(members) < 2:
        return np.zeros(len(members), dtype=int)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    genes = {gene: i for i, gene in enumerate(sorted(set().union(*members)))}
    table = np.zeros((len(members), len(genes)))
    for row, names in enumerate(members):
        table[row, [genes[name] for name in names]] = 1
    both = table @ table.T
    sizes = table.sum(axis=1)
    either = sizes[:, None] + sizes - both
    distance = 1 - np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    label = fcluster(tree, 1 - merge + 1e-12, criterion="distance")
    order = {value: i for i, value in enumerate(dict.fromkeys(label))}
    return np.array([order[value] for value in label])
