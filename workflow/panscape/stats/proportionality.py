"""Proportionality of genes: agreement of their log abundances relative to the other genes of a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Proportionality:
    """Proportionality of all pairs of genes.

    Attributes
    ----------
    rho
        float64 (F, F): rho_p, -1 to 1; 1 on the diagonal, 0 for pairs with a gene that does not vary.
    error
        float64 (F, F): standard error of `rho` for independent genes; 0 for pairs with a gene that does not
        vary.
    """

    rho: np.ndarray
    error: np.ndarray

    def connectivity(self) -> np.ndarray:
        """Return each gene's mean squared rho_p with the others, less what noise alone adds, (F,)."""
        above = np.square(self.rho) - np.square(self.error)
        np.fill_diagonal(above, 0)
        return above.sum(axis=0) / max(len(above) - 1, 1)


def proportionality(log_expression: np.ndarray, usable: np.ndarray | None = None) -> Proportionality:
    """Return rho_p of all pairs of genes (Quinn et al. 2017, quinn2017propr).

    With a and b the log abundances of two genes, less the cell's mean over all genes (centred log ratios),

        rho_p = 1 - var(a - b) / (var(a) + var(b)) = 2 cov(a, b) / (var(a) + var(b)).

    It is 1 only if the genes change by the same factor from cell to cell: unlike a correlation it is small
    for genes whose changes differ in size. Factors that all genes of a cell share, such as its depth, cancel.

    Parameters
    ----------
    log_expression
        (n, F), at least two cells.
    usable
        bool, (F,): genes that vary; the others have no pairs, but count in the cells' means. None: those
        whose variance, relative to the cells' means, is above 0.

    Returns
    -------
    Proportionality. The error of independent genes is that of their covariance, 1 / sqrt(n - 1) for genes of
    equal variance and smaller for others.

    Raises
    ------
    ValueError
        With fewer than two cells.

    Examples
    --------
    >>> log = np.array([[0.0, 0.0, 1.0, 5.0], [1.0, 1.0, 0.0, 4.0], [2.0, 2.0, 1.0, 1.0]])
    >>> proportionality(log).rho.round(2)[0, [1, 3]].tolist()
    [1.0, -0.75]
    """
    values = np.asarray(log_expression, dtype=np.float64)
    if len(values) < 2:
        raise ValueError(f"{len(values)} cells: at least two are needed")
    ratios = values - values.mean(axis=1, keepdims=True)
    ratios = ratios - ratios.mean(axis=0)
    covariance = ratios.T @ ratios / (len(values) - 1)
    variance = np.diag(covariance).copy()
    varies = variance > 0 if usable is None else np.asarray(usable, dtype=bool) & (variance > 0)
    both = varies[:, None] & varies
    total = np.where(both, variance[:, None] + variance, 1.0)
    rho = np.where(both, 2 * covariance / total, 0.0)
    error = np.where(both, 2 * np.sqrt(np.outer(variance, variance) / (len(values) - 1)) / total, 0.0)
    np.fill_diagonal(rho, 1.0)
    return Proportionality(rho, error)
