"""Neighbors of single genes in the networks of all lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from panscape.log import logger
from panscape.sivae.networks.read import Collection
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.within import COLUMN as WITHIN
from panscape.sivae.networks.within import kinds_of, of_kind

COLUMNS = ["gene", "model", "rank", "neighbour", "lines", "n", "mean_rank"]
LINE_COLUMNS = ["gene", "model", "line", "neighbours"]
TOP = 10  # neighbors per gene
SHOWN = 6  # genes with neighbors in every line, unless some are named


def neighbour_tables(
    collection: Collection, settings: NetworkSettings, genes: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the neighbors of every gene that most lines agree on, and of chosen genes in every line.

    Parameters
    ----------
    collection
        All lines.
    settings
        `engines` and `show_genes` are used.
    genes
        Table of :func:`panscape.sivae.networks.gene_tests.gene_tables`, from which genes are chosen if
        none are named.

    Returns
    -------
    consensus
        :data:`COLUMNS`: the :data:`TOP` neighbors of each gene by the number of lines that list them among
        the gene's nearest (`lines`, of `n`; a line counts by the fraction of its bins), then by their mean
        rank in these. If lines are divided by cell type, over the lines of each type (`within`).
    by_line
        :data:`LINE_COLUMNS`: the nearest neighbors of the chosen genes in one line, nearest first, joined by
        commas.
    """
    place = pd.Index(collection.genes)
    shown = shown_genes(collection, settings, genes)
    tables = [(file.name, file.neighbours()) for file in collection.files]
    kinds = [(kind, of_kind(collection.lines, kind)) for kind in kinds_of(collection.lines)]
    consensus, by_line = [], []
    for model in settings.models:
        chosen = [(line, table[table["model"] == model]) for line, table in tables]
        for kind, inside in kinds:
            members = [table for (_, table), used in zip(chosen, inside, strict=True) if used]
            consensus.append(_consensus(members, place).assign(model=model, within=kind))
        for line, table in chosen:
            by_line += _of_line(table[table["gene"].isin(shown)], model, line)
    columns = {name: at for at, name in enumerate(shown)}
    rows = pd.DataFrame(by_line, columns=LINE_COLUMNS)
    rows = rows.sort_values("gene", key=lambda names: names.map(columns), kind="stable", ignore_index=True)
    columns_ = COLUMNS if kinds[0][0] == "" else [*COLUMNS, WITHIN]
    return pd.concat(consensus, ignore_index=True)[columns_], rows


def shown_genes(collection: Collection, settings: NetworkSettings, genes: pd.DataFrame) -> list[str]:
    """Return the genes whose neighbors are listed for every line.

    Those named; otherwise siVAE's genes of changed connectivity, smallest p first, then its most central
    ones.

    Parameters
    ----------
    collection, settings, genes
        See :func:`neighbour_tables`.
    """
    known = set(collection.genes)
    if settings.show_genes:
        missing = [name for name in settings.show_genes if name not in known]
        if missing:
            logger.warning("networks.show_genes: not among the genes of the models: %s", ", ".join(missing))
        return [name for name in settings.show_genes if name in known]
    called = genes[(genes["model"] == "sivae") & (genes["call"] == "connectivity")]
    called = called.sort_values(["pvalue", "gene"], kind="stable")
    central = np.argsort(-collection.centralities("sivae").mean(axis=1), kind="stable")
    return list(dict.fromkeys([*called["gene"], *collection.genes[central]]))[:SHOWN]


def _consensus(tables: Sequence[pd.DataFrame], genes: pd.Index) -> pd.DataFrame:
    """Return gene, rank, neighbour, lines, n, mean_rank from the neighbors in all lines."""
    count = len(genes)
    pairs, shares, ranks = [], [], []
    for table in tables:
        first, second = genes.get_indexer(table["gene"]), genes.get_indexer(table["neighbour"])
        bins = max(table["bin"].nunique(), 1)
        pairs.append(first.astype(np.int64) * count + second)
        shares.append(np.full(len(table), 1 / bins))
        ranks.append(table["rank"].to_numpy(float) / bins)
    codes, inverse = np.unique(np.concatenate(pairs), return_inverse=True)
    lines = np.bincount(inverse, np.concatenate(shares), len(codes))
    mean_rank = np.bincount(inverse, np.concatenate(ranks), len(codes)) / lines
    gene = codes // count
    order = np.lexsort((codes, mean_rank.round(9), -lines.round(9), gene))
    rank = np.arange(len(order)) - np.searchsorted(gene, gene)  # codes, and so genes, are sorted
    order, rank = order[rank < TOP], rank[rank < TOP]
    names = genes.to_numpy()
    return pd.DataFrame(
        {
            "gene": names[gene[order]],
            "rank": rank + 1,
            "neighbour": names[codes[order] % count],
            "lines": lines[order],
            "n": len(tables),
            "mean_rank": mean_rank[order],
        }
    )


def _of_line(table: pd.DataFrame, model: str, line: str) -> list[dict]:
    """Return a row per gene with its neighbors in one line, averaged over the line's bins."""
    bins = max(table["bin"].nunique(), 1)
    rows = []
    for gene, part in table.groupby("gene", sort=False):
        last = int(part["rank"].max()) + 1  # rank of a neighbor in bins that do not list it
        total = part.groupby("neighbour", sort=False)["rank"].agg(["sum", "size"])
        mean = (total["sum"] + last * (bins - total["size"])) / bins
        best = mean.sort_values(kind="stable").index[:TOP]
        rows.append({"gene": gene, "model": model, "line": line, "neighbours": ", ".join(best)})
    return rows
