"""What the results say of each gene, joined over the methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from panscape.coscape.landscape.read import read_places
from panscape.data.files import read_csr, read_h5ad
from panscape.report.entries import titles
from panscape.report.explorer.bounds import MOST_GENES, MOST_VALUES, NEIGHBOURS, PAIRS, bytes_of, numbers
from panscape.report.explorer.gene_sets import sets_of_genes
from panscape.report.explorer.maps import LANDSCAPE
from panscape.report.results import Results
from panscape.report.sections.along import GENES, genes

DICTIONARY, EDGES = "dictionary/dictionary.h5ad", "dictionary/marker_edges.tsv"
CENTRALITY, PLACES = "networks/centrality.tsv", "programs/genes.tsv"
OF_LINES = "sivae/*/neighbours.tsv.gz"
Facts = dict[str, dict[str, Any]]


def usage(results: Results) -> dict[str, Any] | None:
    """Return the usage of each entry by the clusters of the landscape."""
    if not results.has(DICTIONARY, LANDSCAPE):
        return None
    data = read_h5ad(results.path(DICTIONARY))
    clusters = read_places(results.path(LANDSCAPE))[0].index
    names = [str(name) for name in data.uns["panclusters"]]
    values = pd.DataFrame(np.asarray(data.obsm["usage"], float).T, index=names).reindex(clusters)
    text, low, high = bytes_of(values.to_numpy().T)
    called = titles(results)
    shown = [called.get(str(entry), str(entry)) for entry in data.obs_names]
    return {"titles": shown, "values": text, "low": low, "high": high}


def expression(results: Results) -> dict[str, Any] | None:
    """Return the mean expression of the genes with a page, in the clusters of the landscape."""
    if not results.has(LANDSCAPE):
        return None
    data = read_h5ad(results.path(LANDSCAPE))
    if not data.n_vars:
        return None
    most = min(MOST_GENES, MOST_VALUES // max(data.n_obs, 1))
    chosen = [name for name in _ranked(results, data.var_names) if name in set(data.var_names)][:most]
    columns = data.var_names.get_indexer(chosen)
    layer = data.layers.get("mean", data.X)
    values = layer.toarray() if hasattr(layer, "toarray") else np.asarray(layer)
    text, low, high = bytes_of(values[:, columns].T.astype(float))
    return {"names": chosen, "total": data.n_vars, "values": text, "low": low, "high": high}


def _ranked(results: Results, names: pd.Index) -> list[str]:
    first = genes(results)["gene"].tolist() if results.has(GENES) else []
    return list(dict.fromkeys([*first, *map(str, names)]))


def facts(results: Results) -> Facts:
    """Return gene -> what is known of it, for 3,000 genes at most."""
    made: Facts = {}
    for collect in (_along, _places, _entries, _centrality, _line_neighbours, _peaks, _sets):
        collect(results, made)
    return dict(list(made.items())[:MOST_GENES])


def _along(results: Results, made: Facts) -> None:
    if not results.has(GENES):
        return
    table = genes(results)
    table = table[table["rho"].notna()]
    fdr = numbers(table["fdr"].to_numpy(float))
    for gene, rho, rate in zip(table["gene"], numbers(table["rho"].to_numpy(float)), fdr, strict=True):
        made.setdefault(gene, {})["along"] = [rho, rate]


def _places(results: Results, made: Facts) -> None:
    """Add the entry that a gene is placed in, its correlation with the entry's score, and the confidence."""
    if not results.has(PLACES):
        return
    called = titles(results)
    table = results.table(PLACES, dtype={"gene": str, "entry": str})
    table = table[table["entry"].notna() & (table["entry"] != "")]
    for row in table.itertuples(index=False):
        values = numbers(np.array([row.kme, row.confidence], float))
        made.setdefault(str(row.gene), {})["place"] = [called.get(row.entry, row.entry), *values]


def _sets(results: Results, made: Facts) -> None:
    for gene, sets in sets_of_genes(results).items():
        if gene in made:
            made[gene]["sets"] = sets


def _entries(results: Results, made: Facts) -> None:
    if not results.has(EDGES):
        return
    called = titles(results)
    table = results.table(EDGES, dtype={"entry": str, "gene_a": str, "gene_b": str})
    both = pd.concat([table, table.rename(columns={"gene_a": "gene_b", "gene_b": "gene_a"})])
    both = both.sort_values("weight", ascending=False, kind="stable")
    for (gene, entry), rows in both.groupby(["gene_a", "entry"], sort=True):
        near = rows["gene_b"].head(NEIGHBOURS).tolist()
        made.setdefault(str(gene), {}).setdefault("entries", []).append(
            [called.get(str(entry), str(entry)), near]
        )


def _centrality(results: Results, made: Facts) -> None:
    if not results.has(CENTRALITY):
        return
    table = results.table(CENTRALITY, dtype={"gene": str, "phenotype": str, "model": str, "call": str})
    table = table[table["model"] == "sivae"]
    for row in table.itertuples(index=False):
        values = numbers(np.array([row.rho, row.fdr, getattr(row, "fdr_partial", np.nan)], float))
        call = row.call if isinstance(row.call, str) else ""
        made.setdefault(str(row.gene), {}).setdefault("lines", []).append([row.phenotype, *values, call])


def _line_neighbours(results: Results, made: Facts) -> None:
    """Add the neighbours in the lines' networks: in how many lines a gene is among the ten nearest."""
    names = results.matching(OF_LINES)
    if not names:
        return
    parts = []
    for name in names:
        table = results.table(name, dtype={"bin": str, "gene": str, "neighbour": str})
        table = table[(table["rank"] <= NEIGHBOURS) & ~table["bin"].str.startswith("half-")]
        if "model" in table:  # files of earlier versions have those of siVAE only
            table = table[table["model"] == "sivae"]
        parts.append(table[["gene", "neighbour"]].drop_duplicates())
    counted = pd.concat(parts).value_counts().rename("lines").reset_index()
    counted = counted.sort_values(
        ["gene", "lines", "neighbour"], ascending=[True, False, True], kind="stable"
    )
    for gene, rows in counted.groupby("gene", sort=True):
        best = rows.head(NEIGHBOURS)
        near = [[name, int(n)] for name, n in zip(best["neighbour"], best["lines"], strict=True)]
        made.setdefault(str(gene), {})["near"] = [len(names), near]


def _peaks(results: Results, made: Facts) -> None:
    for name in results.matching("metacells/*/best_links.tsv"):
        table = results.table(name, dtype={"gene": str, "peak": str})
        table = table[table["found"].astype(str) == "True"]
        sample = name.split("/")[1]
        for row in table.itertuples(index=False):
            fdr = numbers(np.array([row.fdr], float))[0]
            made.setdefault(str(row.gene), {}).setdefault("peaks", []).append(
                [sample, row.peak, int(row.distance), fdr]
            )


def strongest_pairs(results: Results) -> dict[str, list[list[Any]]]:
    """Return cluster -> its pairs of highest correlation, eight at most."""
    made: dict[str, list[list[Any]]] = {}
    for name in results.matching("coexpression/*/matrices.npz"):
        folder = name.rsplit("/", 1)[0]
        names = (f"{folder}/pairs.tsv", f"panclust/{folder.split('/')[1]}/clusters.tsv")
        if not results.has(*names):
            continue
        pairs = results.table(names[0], dtype=str, usecols=["gene_a", "gene_b"])
        clusters = results.table(names[1], dtype={"cluster": str})["cluster"]
        first, second = pairs["gene_a"].to_numpy(), pairs["gene_b"].to_numpy()
        matrix = read_csr(results.path(name))
        for at, cluster in enumerate(clusters):
            row = matrix[at]
            apart = first[row.indices] != second[row.indices]  # the diagonal is no pair
            columns, values = row.indices[apart], row.data[apart]
            best = np.argsort(-values, kind="stable")[:PAIRS]
            made[str(cluster)] = [
                [first[columns[i]], second[columns[i]], round(float(values[i]), 3)] for i in best
            ]
    return made
