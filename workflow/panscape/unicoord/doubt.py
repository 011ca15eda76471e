"""Probabilities of new batches: not more certain than the agreement of the two votes allows."""

from __future__ import annotations

import numpy as np

from panscape.unicoord.calibrate import clipped_log, softmax

MIN_CELLS = 50  # batches with fewer cells are taken as they are
_HOTTEST = 50.0  # highest temperature
_STEPS = 40  # of the bisection


def doubted(
    share: np.ndarray, before: np.ndarray, votes: np.ndarray, linear: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """Return probabilities (n, K) of classes, smoothed where a batch is harder than the validation cells.

    Temperatures of validation cells are too low for a batch of another laboratory or species, the more so
    after an alignment, which pulls cells towards the classes found for them. The fraction of cells in which
    the ensemble and the linear classifier differ estimates the fraction of errors without any label (Jiang et
    al. 2022, key ``jiang2022disagreement``). Each batch gets the temperature (1 or more) at which the mean
    probability of its predictions is not higher than one less that fraction, nor than it was before the
    alignment. Predicted classes stay.

    Parameters
    ----------
    share, before
        (n, K) calibrated probabilities, aligned and as the cells are.
    votes, linear
        (n, K) what the ensemble and the linear classifier predict for the cells as they are.
    groups
        (n,) numbers of their batches.

    Examples
    --------
    >>> share = np.tile([0.99, 0.01], (100, 1))
    >>> votes, linear = np.tile([1.0, 0.0], (100, 1)), np.eye(2)[np.arange(100) % 10 // 9]
    >>> doubted(share, share, votes, linear, np.zeros(100, int))[0].round(3).tolist()
    [0.9, 0.1]
    """
    result = np.array(share, dtype=np.float64)
    differ = votes.argmax(axis=1) != linear.argmax(axis=1)
    for at in np.unique(groups):
        inside = groups == at
        if inside.sum() >= MIN_CELLS:
            most = min(1 - differ[inside].mean(), before[inside].max(axis=1).mean())
            result[inside] = _smoothed(result[inside], most)
    return result


def _smoothed(share: np.ndarray, most: float) -> np.ndarray:
    """Return probabilities at the lowest temperature whose mean of the highest ones is at most `most`."""
    logits = clipped_log(share)
    if share.max(axis=1).mean() <= most:
        return share
    low, high = 0.0, np.log(_HOTTEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if softmax(logits, np.exp(middle)).max(axis=1).mean() > most:
            low = middle
        else:
            high = middle
    return softmax(logits, np.exp(high))
