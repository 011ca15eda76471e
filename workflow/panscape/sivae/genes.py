"""Selection of the genes of the models, the same in all lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from panscape.data.counts import Counts
from panscape.data.normalise import normalise
from panscape.log import logger


def variable_genes(
    names: Sequence[str],
    counts: Mapping[str, str | Path],
    cells: pd.DataFrame,
    *,
    n_genes: int = 3000,
    n_per_line: int = 1000,
    normalisation: str = "depth-log1p",
    logged: Sequence[str] = (),
) -> list[str]:
    """Return the genes with the highest variance of log expression, over all cells or within a line.

    Parameters
    ----------
    names
        Genes that all studies have.
    counts
        study -> h5ad of :mod:`panscape.data.counts`.
    cells
        line, study, cell of the plan.
    n_genes
        Number of genes by variance over all cells.
    n_per_line
        Number of genes added by variance within each line.
    normalisation, logged
        See :func:`panscape.sivae.job.read_bins`.

    Returns
    -------
    Names, in the given order.
    """
    sums, chosen, total = np.zeros((2, len(names))), np.zeros(len(names), dtype=bool), 0
    for study, part in cells.groupby("study", sort=False):
        source = Counts(counts[study])
        totals = source.obs["n_counts"].to_numpy(dtype=float)
        how = "log1p" if study in logged else normalisation
        expression = normalise(source.select(names), totals, how)
        for _, line_cells in part.drop_duplicates("cell").groupby("line", sort=False):
            block = expression[source.cells.get_indexer(line_cells["cell"])]
            first = np.asarray(block.sum(axis=0), dtype=float).ravel()
            second = np.asarray(block.multiply(block).sum(axis=0), dtype=float).ravel()
            variance = second / len(line_cells) - np.square(first / len(line_cells))
            chosen[np.argsort(-variance, kind="stable")[:n_per_line]] = True
            sums += [first, second]
            total += len(line_cells)
    variance = sums[1] / total - np.square(sums[0] / total)
    chosen[np.argsort(-variance, kind="stable")[:n_genes]] = True
    logger.info("selected %d highly variable genes, overall or within a line", chosen.sum())
    return [name for name, kept in zip(names, chosen, strict=True) if kept]
