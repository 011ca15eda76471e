"""Orthologues: genes of a study's species mapped to those of the collection's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.readers.gene_names import without_version
from panscape.data.readers.genes import GeneMap, gene_map, spelling
from panscape.data.readers.source import Source
from panscape.data.readers.study import at, listing
from panscape.data.sheets import read_sheet
from panscape.data.species import canonical
from panscape.errors import fail

RELATIONS = ("one-to-one", "summed", "many-to-one", "one-to-many", "many-to-many", "none")
"""Relations of a study's genes to the reference's; the first two are kept, the others dropped."""
KEPT = RELATIONS[:2]
ONE_TO_ONE, SUMMED = "one-to-one", "summed"
EXAMPLES = 5  # genes named in the summary
SUMMARY = (
    "study", "species", "genes", "mapped", "reference_genes", *(name.replace("-", "_") for name in RELATIONS),
    "counts_lost", "largest_lost",
)  # fmt: skip


@dataclass(frozen=True)
class ReferenceGenes:
    """Genes of a study, and of the collection's species.

    Attributes
    ----------
    own
        Map of the file's features to genes of the study's species.
    onto
        Map of these to genes of the reference species; None if the species is the same.
    table
        One row per gene of the study: gene, orthologue (empty if none is used), relation (one of
        :data:`RELATIONS`). No row if the species is the same.
    """

    own: GeneMap
    onto: GeneMap | None
    table: pd.DataFrame

    @property
    def genes(self) -> GeneMap:
        """Return the map of the file's features to genes of the reference species."""
        if self.onto is None:
            return self.own
        merged, dropped = self.own.n_merged + self.onto.n_merged, self.own.n_dropped + self.onto.n_dropped
        matrix = sparse.csr_matrix(self.own.matrix @ self.onto.matrix)
        return GeneMap(self.onto.names, matrix, merged, dropped)


def reference_genes(study: dict, source: Source, species: str, where: str) -> ReferenceGenes:
    """Map the features of a study to genes of the collection's species.

    Parameters
    ----------
    study
        As for :func:`gene_map`. If its `species` is another one, `orthologues` has `tables` (files),
        `relation` (``"summed"`` or ``"one-to-one"``) and `reference` (the collection's species).
    source
        The open study.
    species
        Species of the collection.
    where
        Configuration key of the study for error messages.

    Raises
    ------
    UserError
        If the names of the genes or a table cannot be read, or no gene has an orthologue.
    """
    own = gene_map(study, source, species, where)
    settings = study.get("orthologues")
    if not settings:
        return ReferenceGenes(own, None, pd.DataFrame(columns=["gene", "orthologue", "relation"], dtype=str))
    keep_case = (study.get("genes") or {}).get("case") == "keep"
    names = (study["species"], settings["reference"])
    place = at(study, where, "genes.orthologues")
    pairs = pd.concat(
        [read_pairs(path, *names, place, keep_case=keep_case) for path in settings["tables"]],
        ignore_index=True,
    ).drop_duplicates()
    table = relations(own.names, pairs, summed=settings["relation"] == SUMMED)
    used = table["relation"].isin(KEPT).to_numpy()
    if not used.any():
        raise fail(
            place,
            f"none of the genes ({listing(own.names, 3)}) has an orthologue of its own in "
            f"{listing(settings['tables'])} (column of {names[0]}: {listing(pairs['gene'].head(3))})",
            "name the genes of table and study alike: symbols, or ids",
        )
    codes, unique = pd.factorize(table.loc[used, "orthologue"])
    shape = (len(own.names), len(unique))
    matrix = sparse.csr_matrix((np.ones(len(codes), np.float32), (np.flatnonzero(used), codes)), shape=shape)
    onto = GeneMap(pd.Index(unique, dtype=object), matrix, len(codes) - len(unique), int((~used).sum()))
    return ReferenceGenes(own, onto, table)


def read_pairs(
    path: str, species: str, reference: str, where: str, *, keep_case: bool = False
) -> pd.DataFrame:
    """Read the pairs of orthologues of two species.

    Parameters
    ----------
    path
        TSV or CSV file with a header: a column per species, named by any of its names; a row per pair.
    species, reference
        The two species, see :func:`panscape.data.species.canonical`.
    where
        Configuration key for error messages.
    keep_case
        Leave the names of the study's species as they are.

    Returns
    -------
    Columns gene and orthologue, in the species' spelling; each pair once.

    Raises
    ------
    UserError
        If the file cannot be read, or a species has no column or several.
    """
    sheet = read_sheet(path, where)
    columns = []
    for name in (species, reference):
        found = [column for column in sheet if canonical(str(column)) == name]
        if len(found) != 1:
            what = f"{len(found)} columns of {name}" if found else f"no column of {name}"
            raise fail(
                where,
                f"{path} has {what} (columns: {listing(sheet.columns)})",
                f"name the columns by the species: {species}, {reference}",
            )
        columns.append(found[0])
    pairs = sheet[columns].fillna("").set_axis(["gene", "orthologue"], axis=1)
    pairs = pairs.apply(lambda column: without_version(column.str.strip()))
    pairs = pairs[(pairs != "").all(axis=1)]
    if not keep_case:
        pairs = pairs.assign(gene=spelling(pairs["gene"], species))
    return pairs.assign(orthologue=spelling(pairs["orthologue"], reference)).drop_duplicates()


def relations(genes: Sequence[str] | pd.Index, pairs: pd.DataFrame, *, summed: bool = True) -> pd.DataFrame:
    """Return the orthologue and the relation of each gene.

    A relation is that of the table, whether a study measures the other genes or not: the same gene of two
    studies is treated alike. A gene with several orthologues is dropped, since its counts cannot be divided;
    several genes with one orthologue are summed, or dropped.

    Parameters
    ----------
    genes
        The study's genes.
    pairs
        Columns gene and orthologue, each pair once.
    summed
        Whether to sum several genes of one orthologue.

    Returns
    -------
    gene, orthologue (empty unless the relation is kept), relation (one of :data:`RELATIONS`).

    Examples
    --------
    >>> pairs = pd.DataFrame({"gene": ["Gcg", "Ins1", "Ins2"], "orthologue": ["GCG", "INS", "INS"]})
    >>> relations(["Ins1", "Ins2", "Gcg", "Gm10"], pairs)["relation"].tolist()
    ['summed', 'summed', 'one-to-one', 'none']
    """
    partners = pairs.groupby("gene")["orthologue"].size()
    sharing = pairs.groupby("orthologue")["gene"].size()
    shared = pairs.assign(shared=pairs["orthologue"].map(sharing) > 1).groupby("gene")["shared"].any()
    several = partners > 1
    kind = np.select(
        [several & shared, several, shared],
        ["many-to-many", "one-to-many", SUMMED if summed else "many-to-one"],
        ONE_TO_ONE,
    )
    kinds = dict(zip(partners.index, kind.tolist(), strict=True))
    first = pairs.drop_duplicates("gene").set_index("gene")["orthologue"]
    names = pd.Series(list(genes), dtype=object)
    relation = names.map(kinds).fillna("none")
    orthologue = names.map(first).fillna("").where(relation.isin(KEPT), "")
    return pd.DataFrame({"gene": names, "orthologue": orthologue, "relation": relation})


def summary(table: pd.DataFrame, study: str, species: str) -> dict[str, Any]:
    """Return the numbers of a study's genes by relation.

    Parameters
    ----------
    table
        Of :class:`ReferenceGenes`, with or without the column `counts` (sum over the cells).
    study, species
        The study and its species.

    Returns
    -------
    The values of :data:`SUMMARY`: study, species, genes, mapped, reference_genes (distinct orthologues), a
    number for each relation, counts_lost (0 to 1, share of the counts that dropped genes have; NaN without
    counts), largest_lost (the dropped genes of most counts).
    """
    number = table["relation"].value_counts()
    kept = table["relation"].isin(KEPT)
    row = {
        "study": study, "species": species, "genes": len(table), "mapped": int(kept.sum()),
        "reference_genes": int(table.loc[kept, "orthologue"].nunique()),
        **{name.replace("-", "_"): int(number.get(name, 0)) for name in RELATIONS},
    }  # fmt: skip
    if "counts" not in table:
        return {**row, "counts_lost": np.nan, "largest_lost": ""}
    lost = table[~kept & (table["counts"] > 0)].sort_values("counts", ascending=False, kind="stable")
    share = lost["counts"].sum() / max(table["counts"].sum(), 1e-300)
    return {**row, "counts_lost": share, "largest_lost": ", ".join(lost["gene"].head(EXAMPLES))}


def sentence(row: Mapping[str, Any], reference: str) -> str:
    """Return the numbers of :func:`summary` in words.

    Examples
    --------
    >>> table = relations(["Gcg", "Gm1"], pd.DataFrame({"gene": ["Gcg"], "orthologue": ["GCG"]}))
    >>> sentence(summary(table, "a", "mouse"), "human")
    'a (mouse): 1 of 2 genes are mapped to 1 human genes (1 one-to-one); dropped: 1 without an orthologue'
    """
    parts = [f"{row['one_to_one']:,} one-to-one"]
    parts += [f"{row['summed']:,} summed with others of the same orthologue"] if row["summed"] else []
    words = {
        "none": "without an orthologue",
        "one_to_many": "with several orthologues",
        "many_to_many": "many-to-many",
        "many_to_one": "that share an orthologue",
    }
    gone = [f"{row[key]:,} {text}" for key, text in words.items() if row[key]]
    text = f"{row['study']} ({row['species']}): {row['mapped']:,} of {row['genes']:,} genes are mapped to "
    text += f"{row['reference_genes']:,} {reference} genes ({', '.join(parts)})"
    return text + (f"; dropped: {', '.join(gone)}" if gone else "")
