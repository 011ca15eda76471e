"""Heterogeneity of metacells as an effect size: the variation between states that is left within them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.coem.metacells.state_axes import StateAxes, left_within, state_axes

SMALLEST = 5  # cells: smaller metacells are not judged
FOREIGN = 1 / 12  # fraction of cells from an unrelated state that is tolerated
QUANTILE = 0.99


def homogeneity(
    counts: sparse.csr_matrix | StateAxes,
    label: np.ndarray,
    *,
    permutations: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure how much of the variation between the states of cells is left within every metacell.

    The heterogeneity of a metacell is the variance of its cells along the axes on which states differ,
    relative to the variance of all cells: 0 if its cells are alike but for counting noise and depth, 1 on
    average for random groups. Counting noise cancels in the covariance of two halves of the counts
    (:func:`panscape.coem.metacells.state_axes.state_axes`). If a fraction f of the cells comes from an
    unrelated state, the heterogeneity is about 2 f (1 - f).

    The question is that of mcRigor (Liu and Li 2025), which compares the correlations of genes within a
    metacell with those of permuted cells and calls it dubious if they differ by more than chance. An
    effect size does not grow with the numbers of cells and counts, as the evidence of a test does. It is
    not an implementation of mcRigor.

    Parameters
    ----------
    counts
        CSR raw counts, cells x genes (or peaks), or the axes found in them.
    label
        Metacell of each cell, 0..k-1.
    permutations
        Permutations per metacell: the second halves of the counts are exchanged between its cells, which
        leaves no common variation of the halves.
    seed
        Seed of the axes and permutations.

    Returns
    -------
    DataFrame by metacell: n_cells, heterogeneity (the estimate may be slightly below 0), limit (that of a
    mixture with one cell in twelve from an unrelated state, or what the data resolve if this is more,
    :attr:`StateAxes.resolved`), dubious (above the limit, and beyond 99 % of the permutations of all
    metacells, in units of their standard deviation; this excludes chance in few cells but is no p-value,
    since the axes were found in the same counts). NaN and not dubious under 5 cells, or if no axis carries
    signal.

    Raises
    ------
    ValueError
        If a count is negative or not finite, or the number of labels is not that of the cells.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rate = np.repeat(rng.gamma(1.0, 2.0, (2, 60)), 50, axis=0)
    >>> counts = sparse.csr_matrix(rng.poisson(rate))
    >>> homogeneity(counts, np.repeat([0, 1], 50))["dubious"].tolist()
    [False, False]
    >>> homogeneity(counts, np.tile([0, 1], 50))["dubious"].tolist()
    [True, True]
    """
    space = counts if isinstance(counts, StateAxes) else state_axes(counts, seed=seed)
    if len(label) != len(space.depth):
        raise ValueError(f"{len(label)} cells have a metacell, and {len(space.depth)} have counts")
    k = int(label.max()) + 1
    order = np.argsort(label, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(label, minlength=k))])
    value, ratio, null = np.full(k, np.nan), np.full(k, np.nan), []
    for m in range(k):
        rows = order[bounds[m] : bounds[m + 1]]
        if len(rows) < SMALLEST or not len(space.weight):
            continue
        first, second = left_within(space.halves[:, :, rows], space.weight, space.depth[rows])
        value[m] = (first * second).sum()
        rng = seeds.stream(seed, "homogeneity", m)
        drawn = np.array([(first * second[:, rng.permutation(len(rows))]).sum() for _ in range(permutations)])
        spread = max(float(drawn.std()), 1e-300)
        ratio[m] = (value[m] - drawn.mean()) / spread
        null.append((drawn - drawn.mean()) / spread)
    pooled = np.sort(np.concatenate(null)) if null else np.ones(1)
    limit = np.fmax(2 * FOREIGN * (1 - FOREIGN), space.resolved)
    return pd.DataFrame(
        {
            "n_cells": np.diff(bounds),
            "heterogeneity": value,
            "limit": limit,
            "dubious": (value > limit) & (ratio > np.quantile(pooled, QUANTILE)),
        }
    )
