"""Preparation of annotated cells as input of a single model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.annotated import gene_columns, raw_counts, total_counts
from panscape.data.normalise import normalise
from panscape.errors import fail
from panscape.sivae.values import Expression, ValueSettings, prepare_bin, prepare_sparse

if TYPE_CHECKING:
    from anndata import AnnData

DENSE_VALUES = 250_000_000  # cells x genes: up to here the input is a dense array, 1 GB


def select_counts(
    table: AnnData, layer: str | None, genes: Sequence[str] | None
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return the counts of some genes, and the cells' total counts over all genes.

    Parameters
    ----------
    table
        Annotated cells, n x genes.
    layer
        Layer with the raw counts; None takes ``X``.
    genes
        Names of F genes; None takes those marked ``highly_variable`` in `var`, or all.

    Returns
    -------
    Counts, CSR (n, F), and totals, (n,).
    """
    counts = raw_counts(table, layer)
    columns, totals = gene_columns(table, genes), total_counts(table, counts)
    every = np.array_equal(columns, np.arange(counts.shape[1]))
    return (counts if every else counts[:, columns]), totals


def prepare_cells(
    counts: sparse.csr_matrix,
    totals: np.ndarray,
    obs: pd.DataFrame,
    settings: ValueSettings,
    seed: int,
    *,
    line: str,
    name: str,
    normalisation: str,
) -> Expression:
    """Normalise and scale the cells of one bin; counts of many cells stay sparse.

    With effects to regress out or the likelihood ``"nb"``, all values are made dense whatever their number.

    Parameters
    ----------
    counts, totals
        From :func:`select_counts`.
    obs
        Annotations of the cells.
    settings
        Settings of the preparation.
    seed
        Seed of the held-out cells.
    line, name
        Names of the line and of the bin; the held-out cells derive from both.
    normalisation
        See :func:`panscape.data.normalise.normalise`.
    """
    if counts.shape[0] < 2:
        raise fail(line, f"{counts.shape[0]} cells, a model needs two or more", "give more cells")
    target = float(np.median(totals))
    many = counts.shape[0] * counts.shape[1] > DENSE_VALUES
    if many and settings.likelihood == "gaussian" and not settings.regress:
        how = (normalisation, target)
        return prepare_sparse(line, name, counts, totals, obs, settings, seed, *how)
    log_expression = normalise(counts, totals, normalisation, target=target)
    prepared = prepare_bin(line, name, log_expression, counts, obs, settings, seed)
    return prepared.scaled_by(normalisation, target)
