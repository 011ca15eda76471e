"""The network of a gene set at both ends of a phenotype."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from panscape.sivae.networks.phenotype import Phenotype
from panscape.sivae.networks.read import Collection
from panscape.sivae.networks.set_tests import figure_genes, library_sets
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.tested import read_phenotypes

COLUMNS = [
    "set",
    "phenotype",
    "model",
    "gene_a",
    "gene_b",
    "low",
    "high",
    "change",
    "lines_low",
    "lines_high",
]
TEXT = dict.fromkeys(("set", "phenotype", "model", "gene_a", "gene_b"), str)
"""Columns that are text also where all names are numbers; low and high are fractions."""
SET_GENES = 40  # maximum number of genes, also of the figure of networks


def end_table(
    collection: Collection,
    settings: NetworkSettings,
    columns: Sequence[str],
    genes: pd.DataFrame,
    sets: pd.DataFrame,
) -> pd.DataFrame:
    """Return the edges among the genes of one set in lines at both ends of the first phenotype.

    The set is the one of the figure of networks: `figure_set`, the best set of GSEA, or the best genes.

    Parameters
    ----------
    collection
        All lines.
    settings
        Settings of the comparison.
    columns
        Columns of the phenotypes; the first one of numbers or two groups is used.
    genes, sets
        Tables of the genes' associations and of GSEA.

    Returns
    -------
    :data:`COLUMNS`: `low`, `high`: fraction of the lines of either end that have the edge (a line counts by
    the fraction of its bins); `change` their difference. The ends are two groups, or the third of the lines
    of lowest and that of highest value. It describes a set that was chosen for its association: whether
    edges change is tested in ``edges.tsv`` and ``set_edges.tsv``.
    """
    phenotypes, _ = read_phenotypes(collection.lines, columns, settings)
    phenotype = next((one for one in phenotypes if not one.many), None)
    libraries = library_sets(settings.gene_sets, list(collection.genes), settings.mito_set)
    title, members = figure_genes(genes, sets, libraries, settings.figure_set)
    place = {gene: at for at, gene in enumerate(collection.genes)}
    chosen = np.array([place[gene] for gene in members if gene in place][:SET_GENES], dtype=int)
    if phenotype is None or len(chosen) < 2:
        return pd.DataFrame(columns=COLUMNS)
    ends = end_lines(phenotype)
    upper = np.triu_indices(len(chosen), 1)
    names = collection.genes[chosen]
    parts = []
    for model in settings.models:
        present = [_edges(collection, at, model, chosen)[upper] for at in range(len(collection.files))]
        low, high = (np.mean([present[at] for at in end], axis=0) for end in ends)
        table = pd.DataFrame({"gene_a": names[upper[0]], "gene_b": names[upper[1]], "low": low, "high": high})
        parts.append(table[(table["low"] > 0) | (table["high"] > 0)].assign(model=model))
    result = pd.concat(parts, ignore_index=True)
    result = result.assign(set=title, phenotype=phenotype.name, change=result["high"] - result["low"])
    return result.assign(lines_low=len(ends[0]), lines_high=len(ends[1]))[COLUMNS]


def end_lines(phenotype: Phenotype) -> tuple[np.ndarray, np.ndarray]:
    """Return the lines at the low and at the high end: two groups, or thirds by value (ties by order).

    Parameters
    ----------
    phenotype
        Numbers, or two groups.

    Examples
    --------
    >>> from panscape.sivae.networks.phenotype import read_phenotype
    >>> phenotype, _ = read_phenotype(pd.Series([5.0, 1.0, 4.0, 2.0, 6.0, 3.0], name="age"))
    >>> low, high = end_lines(phenotype)
    >>> low.tolist(), high.tolist()
    ([1, 3], [0, 4])
    """
    lines = np.flatnonzero(phenotype.known)
    owner = np.arange(len(lines)) if phenotype.owner is None else phenotype.owner[lines]
    values = phenotype.values[owner]
    if phenotype.two:
        return lines[values == 0], lines[values == 1]
    order = lines[np.argsort(values, kind="stable")]
    count = max(len(order) // 3, 1)
    return np.sort(order[:count]), np.sort(order[-count:])


def _edges(collection: Collection, at: int, model: str, genes: np.ndarray) -> np.ndarray:
    """Return the fraction of a line's bins that have each edge among genes, (g, g)."""
    graphs = collection.files[at].graphs(model, collection.whole(at))
    return np.mean([graph[genes][:, genes].toarray() for graph in graphs], axis=0)
