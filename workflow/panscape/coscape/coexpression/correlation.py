"""Thresholded correlations from sums of products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from panscape.coscape.coexpression.pair_rows import BLOCK_ROWS, TIE, Passes
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.coscape.coexpression.signal import Signal
from panscape.stats.gram import Moments

POORLY_CONDITIONED = 1e-4  # variance / mean square below which sums of squares are inaccurate


@dataclass(frozen=True)
class Survivors:
    """Correlations of one cluster above the threshold.

    Attributes
    ----------
    first, second
        int32, gene indices in the order of the moments, ``first <= second``.
    value
        float32, (shrunk) correlations; 1 on the diagonal.
    """

    first: np.ndarray
    second: np.ndarray
    value: np.ndarray

    def placed(self, order: np.ndarray) -> Survivors:
        """Return the survivors with gene ``order[i]`` in place of gene i, still ``first <= second``."""
        first, second = order[self.first].astype(np.int32), order[self.second].astype(np.int32)
        return Survivors(np.minimum(first, second), np.maximum(first, second), self.value)


def correlate_pairs(
    sums: Moments,
    settings: CoexpressionSettings,
    columns: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None,
    *,
    signal: Signal | None = None,
    passes: Passes | None = None,
) -> Survivors:
    """Compute all correlations of a cluster and return the strong ones.

    Parameters
    ----------
    sums
        Sums of products of the values (Pearson) or of the shifted ranks (Spearman).
    settings
        `eta`, `shrinkage`, `shrinkage_strength`, `max_pairs` and, for the signal, `min_expected` are used.
    columns
        Function of genes whose variance is tiny beside their mean (nearly constant genes); returns
        (n_genes_asked, n_genes) sums of products of those centred genes with all genes, and
        (n_genes_asked,) bool, whether the gene varies at all. Without it such genes count as constant.
    signal
        Sums of signal to which the cluster's correlations, before shrinkage, are added.
    passes
        Numpy's or the compiled passes, which give the same; None: numpy's.

    Returns
    -------
    The survivors. A gene without variance has no correlation, and no diagonal entry, in this cluster.
    """
    passes = passes or Passes()
    scale, blocks = _correlations(sums, columns, passes)
    shrinking = _shrinker(sums.n, scale, blocks, settings)
    kept, genes, varies = [], np.arange(len(scale)), scale > 0
    for start, r in blocks():
        if signal is not None:
            signal.add_block(r, start, genes, sums.detected, sums.n, settings.min_expected, passes)
        kept.append(passes.take(shrinking(r), start, genes, varies, cutoff(settings.eta)))
    return strongest_pairs(Survivors(*map(np.concatenate, zip(*kept, strict=True))), settings.max_pairs)


def cutoff(eta: float) -> float:
    """Return the smallest |r| that is kept: `eta` up to rounding, and never 0."""
    return max(float(eta) - TIE, float(np.finfo(np.float32).tiny))


def strongest_pairs(survivors: Survivors, limit: int) -> Survivors:
    """Return the diagonal and the `limit` strongest pairs of two genes (ties: first in order); 0: all."""
    first, second, value = survivors.first, survivors.second, survivors.value
    off = np.flatnonzero(first != second)
    if not limit or len(off) <= limit:
        return survivors
    strength = np.abs(value[off])
    bound = np.partition(strength, len(off) - limit)[len(off) - limit]
    keep = strength > bound
    keep[np.flatnonzero(strength == bound)[: limit - int(keep.sum())]] = True
    kept = np.sort(np.concatenate([np.flatnonzero(first == second), off[keep]]))
    return Survivors(first[kept], second[kept], value[kept])


def shrink_correlations(
    r: np.ndarray,
    n: int,
    how: str,
    strength: float = 1.0,
    prior: float = 1.0,
    *,
    error: np.ndarray | None = None,
) -> np.ndarray:
    """Shrink correlations towards 0 by their standard error in a cluster of n cells.

    Parameters
    ----------
    r
        Correlations.
    n
        Number of cells.
    how
        - ``"none"``.
        - ``"soft"``: ``|r| - strength * (1 - r^2) / sqrt(n - 1)``, 0 where that is negative.
        - ``"garrote"``: ``r * max(0, 1 - (strength * se / r)^2)`` with the same standard error: small
          correlations vanish, large ones hardly change.
        - ``"posterior"``: posterior mean of Fisher's z under a normal prior of variance `prior`, with error
          variance ``strength^2 / (n - 3)``.
    strength
        Noise threshold in standard errors.
    prior
        Variance of the true z over the pairs of the cluster (``"posterior"`` only).
    error
        Standard error of each r (of z) under independence, in place of the one that follows from `n`.

    Returns
    -------
    Shrunk correlations: same signs (or 0), never larger. With independent genes the variance of r is exactly
    1 / (n - 1) over random pairings of cells, whatever the genes' distributions.

    Examples
    --------
    >>> shrink_correlations(np.array([0.05, 0.8]), 101, "soft").round(3).tolist()
    [0.0, 0.764]
    """
    if how == "none" or strength == 0:
        return r
    if how == "posterior":
        noise = strength**2 * (1 / max(n - 3, 1) if error is None else error**2)
        factor = prior / (prior + noise) if prior > 0 else 0.0
        return np.tanh(np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)) * factor)
    error = strength * (1 - r * r) * (1 / np.sqrt(max(n - 1, 1)) if error is None else error)
    if how == "soft":
        return np.sign(r) * np.maximum(np.abs(r) - error, 0)
    if how == "garrote":
        safe = np.where(r == 0, 1.0, r)
        return r * np.maximum(1 - (error / safe) ** 2, 0)
    raise ValueError(f"unknown shrinkage {how!r}")


def _correlations(
    sums: Moments, columns, passes: Passes
) -> tuple[np.ndarray, Callable[[], Iterator[tuple[int, np.ndarray]]]]:
    """Return 1 / root of each gene's sum of squares (0 if constant), and a function for blocks of rows."""
    n = max(sums.n, 1)
    mean = sums.total / n
    square = np.diagonal(sums.products).copy()
    spread = square - sums.total * mean
    poor = np.flatnonzero((spread <= POORLY_CONDITIONED * square) & (square > 0))
    spread[(square <= 0) | (spread <= POORLY_CONDITIONED * square)] = 0
    exact = np.zeros((len(poor), len(mean)))
    if len(poor) and columns is not None:
        exact, varies = columns(poor)
        spread[poor] = np.where(varies, exact[np.arange(len(poor)), poor], 0)
    scale = np.zeros_like(spread)
    np.divide(1.0, np.sqrt(np.maximum(spread, 0)), out=scale, where=spread > 0)
    exact = np.clip(exact * scale[poor, None] * scale, -1.0, 1.0)

    def blocks() -> Iterator[tuple[int, np.ndarray]]:
        for start in range(0, len(scale), BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, len(scale))
            r = np.empty((stop - start, len(scale) - start))
            passes.fill(sums.products, sums.total, mean, scale, start, r)
            for at, gene in enumerate(poor):
                if start <= gene < stop:
                    r[gene - start] = exact[at, start:]
                if gene >= start:
                    r[:, gene - start] = exact[at, start:stop]
            yield start, r

    return scale, blocks


def _shrinker(n: int, scale: np.ndarray, blocks, settings: CoexpressionSettings):
    prior = 1.0
    if settings.shrinkage == "posterior":
        prior = _prior_variance(n, scale, blocks)
    return lambda r: shrink_correlations(r, n, settings.shrinkage, settings.shrinkage_strength, prior)


def _prior_variance(n: int, scale: np.ndarray, blocks) -> float:
    """Estimate the variance of the true z over pairs: the variance of z in excess of its error."""
    total, n_varying = 0.0, int((scale > 0).sum())
    for _, r in blocks():
        z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
        total += float((np.triu(z, 1) ** 2).sum())
    n_pairs = max(n_varying * (n_varying - 1) / 2, 1)
    return max(total / n_pairs - 1 / max(n - 3, 1), 0.0)
