"""Scale of the dimensions of the embedding."""

from __future__ import annotations

import numpy as np

FEWEST = 20  # cells from which a variance is taken


def information_units(mean: np.ndarray, variance: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Return the factor of each dimension that weights it by its information.

    A dimension is measured in standard deviations of the posterior, and shrunk by its reliability
    v / (1 + v), where v is the variance of the posterior means over the mean posterior variance: signal
    over noise. v is taken from cells that training has not seen, because those it has seen spread along
    dimensions that only memorise them, which tens of thousands of peaks make easy. So a modality with
    little information contributes little, however many features it has.

    Parameters
    ----------
    mean, variance
        Of the posteriors, cells x dimensions.
    judged
        Rows of the held-out cells; with less than 20 all cells are taken.

    Returns
    -------
    float64 (dimensions,), not negative.
    """
    judged = judged if len(judged) >= FEWEST else np.arange(len(mean))
    noise = variance.mean(axis=0)
    signal = mean[judged].var(axis=0) / noise
    return np.sqrt(signal / (1 + signal) / noise)
