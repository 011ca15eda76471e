"""Associations of rows with a phenotype, adjusted as its design says, and their permutation null."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from panscape.sivae.networks.phenotype import Phenotype
from panscape.stats.adjusted import BLOCK_VALUES, Adjusted
from panscape.stats.designs import n_arrangements
from panscape.stats.rank_tests import rank_sum, rank_sum_of_rho, spearman_pvalue


def adjusted_for(
    phenotype: Phenotype,
    values: np.ndarray,
    controls: Sequence[np.ndarray] = (),
    names: Sequence[str] = (),
) -> Adjusted:
    """Return rows (G, n) of units, adjusted for the blocks and covariates of a phenotype, and for controls.

    Parameters
    ----------
    phenotype
        See :func:`panscape.sivae.networks.phenotype.read_phenotype`.
    values
        (G, n), see :meth:`Phenotype.of_units`.
    controls, names
        See :class:`panscape.stats.adjusted.Adjusted`.
    """
    return Adjusted(values, phenotype.covariates, controls, names, phenotype.strata)


def observed(adjusted: Adjusted, phenotype: Phenotype) -> np.ndarray:
    """Return the correlations (G,) of all rows with a phenotype."""
    return adjusted.rho(phenotype.values, groups=phenotype.many)


def pvalues(
    adjusted: Adjusted, phenotype: Phenotype, rho: np.ndarray, values: np.ndarray | None = None
) -> np.ndarray:
    """Return p of correlations: exact for few units without adjustment, else by Student's t or by F.

    Parameters
    ----------
    adjusted
        Rows (G, n) and what they are adjusted for.
    phenotype
        See :func:`panscape.sivae.networks.phenotype.read_phenotype`.
    rho
        (G,) or (G, P) correlations.
    values
        (G, n) rows, for Wilcoxon's rank-sum test of two groups without adjustment, with their ties.
    """
    if not adjusted.plain or phenotype.many:
        p = adjusted.pvalues(rho, groups=phenotype.many)
        # differences within few blocks can agree completely by chance
        return p if phenotype.strata is None else np.maximum(p, phenotype.smallest_pvalue)
    if phenotype.two:
        case = phenotype.values == 1
        return rank_sum_of_rho(rho, case) if values is None else rank_sum(values, case)
    return spearman_pvalue(rho, phenotype.n)


def null_blocks(
    adjusted: Adjusted, phenotype: Phenotype, count: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield the correlations (G, p) under other labellings, blocks of at most `count` in all.

    Without covariates and controls all distinct labellings are used if they are few enough (exact); else
    residuals are permuted (Freedman and Lane 1983). Both keep to the blocks of the phenotype's design.

    Parameters
    ----------
    adjusted, phenotype
        See :func:`pvalues`.
    count
        Maximum number of permutations.
    rng
        Random number generator of the permutations.
    """
    exchanged = _exchanges_labels(adjusted, phenotype)
    rows = phenotype.shuffled(count, rng) if exchanged else phenotype.orders(count, rng)
    step = max(BLOCK_VALUES // max(adjusted.rows * phenotype.n, 1), 1)
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        if exchanged:
            yield adjusted.rho(block, groups=phenotype.many)
        else:
            yield adjusted.null(phenotype.values, block, groups=phenotype.many)


def enumerated(adjusted: Adjusted, phenotype: Phenotype, count: int) -> bool:
    """Return whether the null has every other labelling (or order of residuals) once.

    Parameters
    ----------
    adjusted, phenotype, count
        See :func:`null_blocks`.
    """
    labels = phenotype.values if _exchanges_labels(adjusted, phenotype) else np.arange(phenotype.n)
    return n_arrangements(labels, phenotype.strata) - 1 <= count


def _exchanges_labels(adjusted: Adjusted, phenotype: Phenotype) -> bool:
    return not adjusted.used and not phenotype.adjusted


def null(adjusted: Adjusted, phenotype: Phenotype, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return all of :func:`null_blocks`, (G, P)."""
    blocks = [np.zeros((adjusted.rows, 0)), *null_blocks(adjusted, phenotype, count, rng)]
    return np.concatenate(blocks, axis=1)
