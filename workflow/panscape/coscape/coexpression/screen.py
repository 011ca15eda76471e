"""Screening of gene pairs in float32, so that only candidates are computed in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from panscape.coscape.coexpression.correlation import Survivors, correlate_pairs
from panscape.coscape.coexpression.pair_rows import Passes
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.coscape.coexpression.values import row_blocks
from panscape.stats.gram import Moments, Plan, moments

# a block's float32 products err by at most 4096 * 2**-24 of the root of both sums of squares, in any
# order; a correlation then by at most that over CONDITION, which is 4.9e-3
MARGIN, CONDITION = 5e-3, 0.05
WORTH = 0.6  # fraction of genes with a candidate pair above which screening costs more than it saves


def can_screen(settings: CoexpressionSettings) -> bool:
    """Return whether weak correlations can be excluded by approximate values."""
    return settings.eta > 2 * MARGIN and settings.shrinkage != "posterior"


def screen_pairs(
    values: sparse.csr_matrix, plan: Plan, settings: CoexpressionSettings, centred, passes: Passes
) -> tuple:
    """Compute :func:`correlate_pairs`, in float64 only for candidate genes.

    Genes with a pair whose float32 correlation is near or above the cutoff, and badly conditioned genes, are
    recomputed in float64; no other pair can pass. The result is as exact as without screening.

    Parameters
    ----------
    values
        CSR float32, cells x genes in the order of the plan, zeros as 0.
    centred
        Makes the exact co-sums of poorly conditioned genes of a matrix, see :func:`correlate_pairs`.
    settings
        With `eta` and the other settings of the coexpression.
    passes
        See :class:`panscape.coscape.coexpression.pair_rows.Passes`.

    Returns
    -------
    (survivors, fraction of the genes that were recomputed)
    """
    sums = moments(row_blocks(values), plan, rough=True)
    again, certain = _candidates(sums, _squares(values, plan), settings.eta - MARGIN, passes)
    part = values[:, again]
    exact = moments(row_blocks(part), replace(plan, order=np.arange(len(again)), n_sparse=0))
    kept = correlate_pairs(exact, settings, centred(part), passes=passes)
    first, second = again[kept.first], again[kept.second]
    survivors = Survivors(
        np.concatenate([first, certain]).astype(np.int32),
        np.concatenate([second, certain]).astype(np.int32),
        np.concatenate([kept.value, np.ones(len(certain), dtype=np.float32)]),
    )
    return survivors, len(again) / max(len(sums.total), 1)


def _squares(values: sparse.csr_matrix, plan: Plan) -> np.ndarray:
    """Return the sum of squares of each gene."""
    if not plan.compiled:
        return np.bincount(values.indices, np.square(values.data, dtype=np.float64), values.shape[1])
    from panscape.stats.row_kernel import add_squares

    squares = np.zeros(values.shape[1])
    add_squares(values.indices, values.data, squares)
    return squares


def _candidates(
    sums: Moments, square: np.ndarray, cutoff: float, passes: Passes
) -> tuple[np.ndarray, np.ndarray]:
    """Return the genes to recompute, and the other variable genes."""
    mean = sums.total / max(sums.n, 1)
    spread = square - sums.total * mean
    good = spread > CONDITION * square
    again = (square > 0) & ~good
    again[:1] = True  # never empty
    scale = np.zeros_like(spread)
    scale[good] = 1 / np.sqrt(spread[good])
    passes.flag(sums.products, sums.total, mean, scale, cutoff, again)
    return np.flatnonzero(again), np.flatnonzero(good & ~again)
