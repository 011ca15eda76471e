"""Screening of gene pairs in float32, so that only candidates are computed in float64."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.coscape.coexpression.correlation import Survivors, correlate_pairs
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


def screen_pairs(values: sparse.csr_matrix, plan: Plan, settings: CoexpressionSettings, centred) -> tuple:
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

    Returns
    -------
    (survivors, fraction of the genes that were recomputed)
    """
    sums = moments(row_blocks(values), plan, rough=True)
    again, certain = _candidates(sums, values, settings.eta - MARGIN)
    part = values[:, again]
    exact = moments(row_blocks(part), Plan(np.arange(len(again)), 0, plan.threads))
    kept = correlate_pairs(exact, settings, centred(part))
    first, second = again[kept.first], again[kept.second]
    survivors = Survivors(
        np.concatenate([first, certain]).astype(np.int32),
        np.concatenate([second, certain]).astype(np.int32),
        np.concatenate([kept.value, np.ones(len(certain), dtype=np.float32)]),
    )
    return survivors, len(again) / max(len(sums.total), 1)


def _candidates(sums: Moments, values: sparse.csr_matrix, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the genes to recompute, and the other variable genes."""
    square = np.bincount(values.indices, np.square(values.data, dtype=np.float64), len(sums.total))
    mean = sums.total / max(sums.n, 1)
    spread = square - sums.total * mean
    good = spread > CONDITION * square
    again = (square > 0) & ~good
    again[:1] = True  # never empty
    scale = np.zeros_like(spread)
    scale[good] = 1 / np.sqrt(spread[good])
    first = sums.total * scale
    for start in range(0, len(scale), 64):  # so that temporaries fit in cache
        rows = slice(start, start + 64)
        r = sums.products[rows, start:] * scale[rows, None]
        r *= scale[start:]
        r -= np.multiply.outer(first[rows], (mean * scale)[start:])
        near = np.triu(np.abs(r) >= cutoff, 1)
        again[rows] |= near.any(axis=1)
        again[start:] |= near.any(axis=0)
    return np.flatnonzero(again), np.flatnonzero(good & ~again)
