"""Gene sets that an entry's marker genes are enriched in, and which of them say the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.errors import Problem, UserError, fail
from panscape.log import logger

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


@dataclass(frozen=True)
class GeneSets:
    """Gene sets of one library, restricted to the genes analysed.

    Attributes
    ----------
    library
        Name of the library.
    terms
        T names.
    genes
        The G genes analysed (background).
    member
        CSR (T, G) of ones.
    """

    library: str
    terms: np.ndarray
    genes: np.ndarray
    member: sparse.csr_matrix


def read_gene_sets(path: str | Path) -> dict[str, list[str]]:
    """Read a GMT file: one set per line, name, description and genes separated by tabs.

    Raises
    ------
    UserError
        If the file is empty, or lines have no gene, no name, or a name used before (all told at once).
    """
    from gseapy.parser import read_gmt

    where = str(path)
    seen: dict[str, int] = {}
    problems = []
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        fields = line.strip().split("\t")
        if len(fields) < 3 or not any(gene.strip() for gene in fields[2:]):
            found = f"line {number} has {len(fields)} tab-separated fields: {line[:60]!r}"
            problems.append(Problem(where, found, "write name, description and at least one gene"))
        elif fields[0] in seen:
            found = f"line {number} repeats the name {fields[0]!r} of line {seen[fields[0]]}"
            problems.append(Problem(where, found, "give every gene set its own name"))
        else:
            seen[fields[0]] = number
    if problems:
        more = [Problem(where, f"and {len(problems) - 5} more lines like these")] if len(problems) > 5 else []
        raise UserError(problems[:5] + more)
    if not seen:
        raise fail(where, "the file has no gene set", "give a GMT file with one gene set per line")
    return {term: [g.strip() for g in genes if g.strip()] for term, genes in read_gmt(where).items()}


def restrict(
    sets: Mapping[str, Sequence[str]],
    genes: Sequence[str],
    *,
    library: str,
    min_size: int = 5,
    max_size: int = 500,
    low: float = 0.1,
) -> GeneSets:
    """Restrict gene sets to the genes analysed and check that both use the same symbols.

    Parameters
    ----------
    sets
        From :func:`read_gene_sets`.
    genes
        Genes analysed; they are the background of the tests.
    library
        Name used in messages and tables.
    min_size, max_size
        Sets with fewer or more of the genes analysed are left out.
    low
        A smaller share of the genes analysed found in the library gives a warning.

    Raises
    ------
    UserError
        If no gene analysed is in the library; the message says so if symbols differ in case only.
    """
    genes = np.asarray(genes, dtype=object)
    known = set().union(*sets.values())
    found = sum(gene in known for gene in genes)
    folded = {gene.upper() for gene in known}
    caseless = sum(gene.upper() in folded for gene in genes)
    hint = (
        f"{caseless} match when upper and lower case are ignored ({genes[0]!r} here, "
        f"{min(known)!r} there): the gene sets are probably those of another species"
    )
    where = f"gene sets {library}"
    if found == 0:
        raise fail(
            where,
            f"none of the {len(genes)} genes analysed is in any set" + (f"; {hint}" if caseless else ""),
            "give gene sets of the collection's species that use the same gene symbols",
        )
    if found < low * len(genes) or caseless > 2 * found:
        also = f"; {hint}" if caseless > 2 * found else ""
        logger.warning("%s: only %d of %d genes analysed are in any set%s", where, found, len(genes), also)
    else:
        logger.info("%s: %d of %d genes analysed are in a set", where, found, len(genes))

    position = {gene: i for i, gene in enumerate(genes)}
    inside = {term: {position[g] for g in members if g in position} for term, members in sets.items()}
    terms = [term for term, members in inside.items() if min_size <= len(members) <= max_size]
    columns = [sorted(inside[term]) for term in terms]
    indptr = np.concatenate([[0], np.cumsum([len(c) for c in columns])]).astype(np.int64)
    indices = np.concatenate([*columns, []]).astype(np.int64)
    member = sparse.csr_matrix((np.ones(len(indices)), indices, indptr), shape=(len(terms), len(genes)))
    return GeneSets(library, np.asarray(terms, dtype=object), genes, member)


def overrepresented(query: Iterable[str], sets: GeneSets) -> pd.DataFrame:
    """Test every set for more query genes than a draw without replacement would give.

    p = P(X >= overlap), X hypergeometric with the genes analysed as population; false discovery rate by
    Benjamini and Hochberg over all sets tested (also those without overlap, whose p is 1).

    Returns
    -------
    term, size, overlap, query (number of query genes), odds_ratio, pvalue, fdr, genes (of the overlap,
    joined by ";"), in the order of the sets.
    """
    from scipy.stats import false_discovery_control, hypergeom

    inside = np.isin(sets.genes.astype(str), np.asarray(sorted(set(query)), dtype=str))
    population, drawn = len(sets.genes), int(inside.sum())
    size = np.diff(sets.member.indptr)
    overlap = np.rint(sets.member @ inside.astype(float)).astype(int)
    pvalue = np.asarray(hypergeom.sf(overlap - 1, population, size, drawn), dtype=float)
    pvalue = np.minimum(pvalue, 1.0)
    # the half added to each cell keeps the ratio finite (Haldane and Anscombe)
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
            "fdr": false_discovery_control(pvalue) if len(pvalue) else pvalue,
            "genes": [";".join(sets.genes[row[inside[row]]]) for row in rows],
        }
    )


def enrich(
    queries: Mapping[str, Iterable[str]],
    libraries: Sequence[GeneSets],
    *,
    nominal: float = 1e-3,
    merge: float = 0.5,
) -> pd.DataFrame:
    """Test the genes of every entry against every library and group terms that share their genes.

    Parameters
    ----------
    queries
        Entry name -> genes (those of its marker edges).
    libraries
        From :func:`restrict`; the false discovery rate is controlled per entry and library.
    nominal
        Unadjusted p below which a term counts (1e-3 in the Coscape paper); only these are grouped.
    merge
        See :func:`consolidate`.

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
            table = overrepresented(genes, sets)
            table = table[table["overlap"] > 0].assign(library=sets.library)
            parts.append(table)
        table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
        if table.empty:
            continue
        table["entry"] = entry
        table["nominal"] = table["pvalue"] < nominal
        chosen = table["nominal"].to_numpy()
        group = consolidate([set(g.split(";")) for g in table["genes"][chosen]], merge)
        table["group"] = pd.array([pd.NA] * len(table), dtype="Int64")
        table.loc[chosen, "group"] = group + 1
        best = table[chosen].sort_values(["pvalue", "size"]).drop_duplicates("group").index
        table["representative"] = table.index.isin(best)
        tables.append(table.sort_values(["library", "pvalue", "term"]))
    if not tables:
        return pd.DataFrame({column: [] for column in COLUMNS})
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def consolidate(members: Sequence[set[str]], merge: float = 0.5) -> np.ndarray:
    """Group sets of genes by average-linkage clustering of their Jaccard distances.

    Parameters
    ----------
    members
        The genes by which each term is enriched (of the overlap, so that terms that are enriched for the
        same reason meet).
    merge
        Groups are joined while their mean Jaccard index is at least this, in (0, 1].

    Returns
    -------
    (len(members),) group numbers from 0, in the order of first appearance.
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
