"""How well clusters are placed along pseudotime: intervals over draws, and what follows from them."""

from __future__ import annotations

import numpy as np

PERCENTILES = (2.5, 97.5)
REACHED = 0.5  # fraction of the draws that must reach a cluster for it to have an interval
FIRM = 0.9  # fraction of the draws that must reach a cluster for it to be placed
WIDEST = 0.5  # fraction of the ordered clusters that the interval of a placed cluster may span
LOW, HIGH, PLACEMENT = "pseudotime_low", "pseudotime_high", "placement"  # columns of pseudotime.tsv
PLACED, UNCERTAIN, UNCONNECTED = "placed", "uncertain", "unconnected"


def intervals(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of every cluster's pseudotime.

    Parameters
    ----------
    times
        (n_draws, n_clusters), from :func:`panscape.coscape.landscape.intervals.drawn_pseudotimes`.

    Returns
    -------
    low, high
        (n_clusters,) percentiles over the draws that reach the cluster; NaN if fewer than half do.

    Examples
    --------
    >>> low, high = intervals(np.stack([np.linspace(0, 1, 101), np.full(101, np.nan)], axis=1))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.025, nan], [0.975, nan])
    """
    low, high = np.full((2, times.shape[1]), np.nan)
    often = np.isfinite(times).sum(axis=0) >= max(REACHED * len(times), 1)
    if often.any():
        low[often], high[often] = np.nanpercentile(times[:, often], PERCENTILES, axis=0)
    return low, high


def placement(pseudotime: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
    """Return how well every cluster is placed.

    Parameters
    ----------
    pseudotime
        (n_clusters,), NaN where the root does not reach a cluster.
    times
        (n_draws, n_clusters) pseudotimes of draws; None or no draws: intervals are not known.

    Returns
    -------
    object (n_clusters,): ``"unconnected"`` without pseudotime; ``"uncertain"`` if fewer than nine in ten
    draws reach the cluster, or the pseudotimes of more than half of the other clusters lie within its
    interval; else ``"placed"``.

    Examples
    --------
    >>> times = np.array([[0.0, 0.1, 0.2, 0.3, 1.0], [0.0, 0.9, 0.2, 0.3, 1.0]])
    >>> placement(np.array([0.0, 0.5, 0.2, 0.3, np.nan]), times).tolist()
    ['placed', 'uncertain', 'placed', 'placed', 'unconnected']
    """
    known = np.isfinite(pseudotime)
    result = np.where(known, PLACED, UNCONNECTED).astype(object)
    if times is None or not len(times):
        return result
    low, high = intervals(times)
    inside = (pseudotime[None, :] >= low[:, None]) & (pseudotime[None, :] <= high[:, None])
    np.fill_diagonal(inside, False)
    wide = inside.sum(axis=1) > WIDEST * max(int(known.sum()) - 1, 1)
    loose = np.isfinite(times).mean(axis=0) < FIRM
    result[known & (wide | loose)] = UNCERTAIN
    return result
