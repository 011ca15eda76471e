"""Correlation of an entry's genes in samples, free of counting noise and of depth."""

from __future__ import annotations

import numpy as np

from panscape.coscape.dictionary.residuals import Rates, indicator
from panscape.coscape.dictionary.study_cells import StudyCells
from panscape.data.counts import Counts


def samples_of(source: Counts, sample: str | None) -> np.ndarray:
    """Return int (n_cells,): the sample of each cell; all 0 without the column.

    Parameters
    ----------
    source
        Counts of the study.
    sample
        Column of the annotation.
    """
    if sample is None or sample not in source.obs:
        return np.zeros(source.shape[0], dtype=int)
    return np.unique(source.obs[sample].astype(str).to_numpy(dtype=str), return_inverse=True)[1]


def pair_products(cells: StudyCells, rates: Rates, sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the products of an entry's genes in every cell, and their expectation at correlation 1.

    With residuals r about the cluster's mean (times the sample's ratio to it) and weights w, a cell has
    :math:`\sum_{g \neq h} w_g w_h r_g r_h`. Counting noise of two genes is independent, so it adds nothing on
    average, and the expectation under correlation 1 follows from the genes' dispersions :math:`\theta` as the
    same sum with :math:`\sqrt\theta \mu` over the standard deviation of the count in place of r. The ratio of
    the sums over the cells of a sample is the weighted mean correlation of expression, whatever the depth.
    Counts are compositional: a programme with a large part of all counts appears less connected than it is.

    Parameters
    ----------
    cells
        Cells of the study.
    rates
        Mean and dispersion of genes within clusters.
    sample
        int (n_cells,).

    Returns
    -------
    products, expected : (n_cells, K) each.
    """
    number, n_genes = int(sample.max(initial=-1)) + 1, len(cells.columns)
    counted, mean = np.zeros((2, number, n_genes))
    for rows, block in cells.gene_blocks():
        inside = indicator(sample[rows], number)
        counted += (inside @ block).toarray()
        mean += inside @ (cells.depth[rows][:, None] * rates.rate[cells.group[rows]])
    ratio = np.divide(counted, mean, out=np.ones_like(mean), where=mean > 0)
    weights = cells.weights.T
    products, expected = np.zeros((2, len(cells.depth), len(cells.weights)))
    for rows, block in cells.gene_blocks():
        mean = cells.depth[rows][:, None] * rates.rate[cells.group[rows]]
        spread = np.sqrt(mean + rates.dispersion * mean**2)
        scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
        mean *= ratio[sample[rows]]
        values = (block.toarray() - mean) * scale
        products[rows] = (values @ weights) ** 2 - values**2 @ weights**2
        values = np.sqrt(rates.dispersion) * mean * scale
        expected[rows] = (values @ weights) ** 2 - values**2 @ weights**2
    return products, expected
