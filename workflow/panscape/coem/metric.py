"""Scale of the dimensions of the embedding."""

from __future__ import annotations

import numpy as np

MIN_CELLS = 20  # minimum number of cells for a variance estimate


def information_units(mean: np.ndarray, variance: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Return scale factors that weight each latent dimension by its information.

    A dimension is measured in standard deviations of the posterior and shrunk by its reliability v / (1 + v),
    where v is the variance of the posterior means over the mean posterior variance (signal to noise). v is
    estimated from held-out cells, because with tens of thousands of peaks some dimensions only memorise
    training cells. A modality with little information thus contributes little, however many features it has.

    Parameters
    ----------
    mean, variance
        Means and variances of the posteriors, cells x dimensions.
    judged
        Rows of the held-out cells; with fewer than 20, all cells are used.

    Returns
    -------
    float64 (dimensions,), not negative.
    """
    judged = judged if len(judged) >= MIN_CELLS else np.arange(len(mean))
    noise = variance.mean(axis=0)
    signal = mean[judged].var(axis=0) / noise
    return np.sqrt(signal / (1 + signal) / noise)
