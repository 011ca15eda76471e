"""Quality measures of cells, and filters on them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.data.readers.genes import GeneMap
from panscape.data.readers.source import Source
from panscape.log import logger
from panscape.preprocess.patterns import gene_group, pattern
from panscape.preprocess.settings import QcSettings

# measure of each cell filter, in the order of application (after `keep`)
FILTERS = {
    "min_counts": "n_counts",
    "min_genes": "n_genes",
    "max_mito": "mito_share",
    "max_ribo": "ribo_share",
}
MEASURES = tuple(FILTERS.values())


def gene_weights(genes: pd.Index, settings: QcSettings, study: str, species: str) -> np.ndarray:
    """Return indicators of all, mitochondrial and ribosomal genes, and warn of patterns without genes.

    Parameters
    ----------
    genes
        Names of the genes.
    settings
        Settings of quality control: `mito_pattern` and `ribo_pattern` (None: those of the species), and the
        limits, since a pattern whose limit removes nothing may match no gene.
    study
        Id of the study, for warnings.
    species
        Species of the collection.

    Returns
    -------
    float32 (n_genes, 3), 0 or 1. The product of counts and these are the sums that :func:`measures` takes.

    Raises
    ------
    UserError
        If a pattern is not a regular expression.
    """
    weights = np.ones((len(genes), 3), dtype=np.float32)
    for column, (key, limit, group) in enumerate(
        (("mito", settings.max_mito, "mitochondrial"), ("ribo", settings.max_ribo, "ribosomal")), start=1
    ):
        given = getattr(settings, f"{key}_pattern")
        expression = given or pattern(group, species)
        result = gene_group(genes, expression, f"preprocess.{key}_pattern")
        weights[:, column] = result
        if limit < 1 and not result.any():
            text = "%s: no gene matches %s (%s genes of species %s), so max_%s = %s removes nothing"
            logger.warning(text, study, expression, group, species, key, limit)
    return weights


def sample_cells(
    source: Source, genes: GeneMap, kept: np.ndarray, weights: np.ndarray, *, values: int, logged: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weighted sums of a sample of the cells of a file, and how many genes they have.

    Parameters
    ----------
    source, genes
        The open file, and the genes of its features.
    kept
        bool (n_cells,): cells to sample from.
    weights
        (n_genes, k), e.g. from :func:`gene_weights`.
    values
        Approximate number of values to read.
    logged
        Whether the values are log(1 + x) of those that are summed.

    Returns
    -------
    rows
        (n,) places of the cells in the file; none if the file is large and stored by gene.
    sums
        (n, k).
    detected
        (n,) numbers of genes with a value.
    """
    places = [np.empty(0, dtype=np.int64)]
    sums = [np.empty((0, weights.shape[1]), dtype=np.float32)]
    detected = [np.empty(0, dtype=np.int64)]
    for rows, block in source.spread(values):
        inside = np.flatnonzero(kept[rows])
        block = genes.apply(block[inside])
        if logged:
            block.data = np.expm1(block.data)
        block.eliminate_zeros()
        places.append(inside + rows.start)
        sums.append(block @ weights)
        detected.append(np.diff(block.indptr))
    return np.concatenate(places), np.concatenate(sums), np.concatenate(detected)


def measures(sums: np.ndarray, detected: np.ndarray) -> pd.DataFrame:
    """Return the quality measures of cells from (n, 3) sums of all, mitochondrial and ribosomal counts."""
    total = sums[:, 0]
    shares = np.divide(sums[:, 1:], total[:, None], out=np.zeros((len(sums), 2)), where=total[:, None] > 0)
    return pd.DataFrame(
        {"n_counts": total, "n_genes": detected, "mito_share": shares[:, 0], "ribo_share": shares[:, 1]}
    )


def removed_by(table: pd.DataFrame, keep: np.ndarray, settings: QcSettings) -> np.ndarray:
    """Return the first filter that each cell fails.

    Parameters
    ----------
    table
        Quality measures of n cells, from :func:`measures`.
    keep
        bool (n,): cells that pass the user's filter.
    settings
        Limits of quality control; those that are ``"auto"`` remove nothing.

    Returns
    -------
    str (n,): ``"keep"`` or a key of `FILTERS`, the first in order of application that the cell fails;
    empty for cells that fail none.
    """
    fails = {"keep": ~keep}
    for name, column in FILTERS.items():
        limit = getattr(settings, name)
        if isinstance(limit, str):
            fails[name] = np.zeros(len(table), dtype=bool)
        else:
            fails[name] = table[column] < limit if name.startswith("min") else table[column] > limit
    return np.select([np.asarray(value) for value in fails.values()], list(fails), default="")
