"""Calibration: temperature scaling, calibration error and conformal thresholds.

Pure functions on arrays, independent of the model. Fit temperatures and thresholds on cells that were
not used in training, and never on those that are scored with them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.stats.permutation import reference_pvalues

_LOWEST = 1e-12  # probabilities are clipped from below
_HOTTEST = 50.0  # highest temperature of a batch
_STEPS = 40  # of the bisection that finds it


def clipped_log(probability: np.ndarray) -> np.ndarray:
    """Return logarithms of probabilities, which are clipped from below."""
    return np.log(np.maximum(probability, _LOWEST))


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return probabilities (n, K) of logits (n, K) divided by a temperature."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    return scaled / scaled.sum(axis=1, keepdims=True)


def log_losses(probability: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the negative log-likelihood of the true class of every cell (n,) (nats; lower is better)."""
    return -clipped_log(probability[np.arange(len(codes)), codes])


def negative_log_likelihood(probability: np.ndarray, codes: np.ndarray) -> float:
    """Return the mean of :func:`log_losses`."""
    return float(log_losses(probability, codes).mean())


def fit_temperature(
    logits: np.ndarray, codes: np.ndarray, *, bounds: tuple[float, float] = (0.05, 20)
) -> float:
    """Fit a temperature by minimising the negative log-likelihood (Guo et al. 2017).

    Parameters
    ----------
    logits
        (n, K) of held-out cells.
    codes
        (n,) their true classes, 0 to K - 1.
    bounds
        Range of temperatures to search.

    Returns
    -------
    The temperature: above 1 the model was over-confident. It is 1 without cells.

    Examples
    --------
    >>> logits = np.array([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    >>> fit_temperature(logits, np.array([0, 0, 1, 1])) > 1  # over-confident: one of four is wrong
    True
    """
    from scipy.optimize import minimize_scalar

    logits, codes = np.asarray(logits, dtype=np.float64), _codes(codes, np.shape(logits))
    if not len(codes):
        return 1.0
    result = minimize_scalar(
        lambda log: negative_log_likelihood(softmax(logits, float(np.exp(log))), codes),
        bounds=tuple(np.log(bounds)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(result.x))


def doubted(
    share: np.ndarray,
    before: np.ndarray,
    votes: np.ndarray,
    linear: np.ndarray,
    groups: np.ndarray,
    min_cells: int,
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
    min_cells
        Batches with fewer cells stay as they are.

    Examples
    --------
    >>> share = np.tile([0.99, 0.01], (100, 1))
    >>> votes, linear = np.tile([1.0, 0.0], (100, 1)), np.eye(2)[np.arange(100) % 10 // 9]
    >>> doubted(share, share, votes, linear, np.zeros(100, int), 50)[0].round(3).tolist()
    [0.9, 0.1]
    """
    result = np.array(share, dtype=np.float64)
    differ = votes.argmax(axis=1) != linear.argmax(axis=1)
    for at in np.unique(groups):
        inside = groups == at
        if inside.sum() >= min_cells:
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


def reliability(confidence: np.ndarray, correct: np.ndarray, *, bins: int = 15) -> pd.DataFrame:
    """Return the accuracy of predictions by bins of their confidence (reliability diagram).

    Parameters
    ----------
    confidence
        (n,) probability of the predicted class, 0 to 1.
    correct
        (n,) whether the prediction is right.
    bins
        Equally wide bins between 0 and 1; the lower edge belongs to the bin below.

    Returns
    -------
    One row per bin that has cells: low, high, n, confidence (mean), accuracy.

    Examples
    --------
    >>> reliability(np.array([0.9, 0.9, 0.6]), np.array([True, False, True]), bins=5)["accuracy"].tolist()
    [1.0, 0.5]
    """
    confidence, correct = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if confidence.shape != correct.shape:
        raise ValueError(f"{confidence.shape} confidences for {correct.shape} predictions")
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    number = np.bincount(which, minlength=bins)
    held = np.flatnonzero(number)
    sums = [np.bincount(which, weights=values, minlength=bins)[held] for values in (confidence, correct)]
    return pd.DataFrame(
        {
            "low": held / bins,
            "high": (held + 1) / bins,
            "n": number[held],
            "confidence": sums[0] / number[held],
            "accuracy": sums[1] / number[held],
        }
    )


def calibration_error(confidence: np.ndarray, correct: np.ndarray, *, bins: int = 15) -> float:
    """Return the expected calibration error, 0 (good) to 1: the mean of |confidence - accuracy| over bins.

    Parameters
    ----------
    confidence
        (n,) probability of the predicted class, 0 to 1.
    correct
        (n,) whether the prediction is right.
    bins
        Number of equally wide bins.
    """
    table = reliability(confidence, correct, bins=bins)
    if table.empty:
        return float("nan")
    gap = (table["confidence"] - table["accuracy"]).abs()
    return float((gap * table["n"]).sum() / table["n"].sum())


def conformal_threshold(
    probability: np.ndarray, codes: np.ndarray, alpha: float, *, per_class: bool = False
) -> np.ndarray:
    """Return the probability thresholds of prediction sets (split conformal prediction).

    For a cell exchangeable with the calibration cells the set has the true class with probability >=
    1 - alpha, for any model (Vovk et al.; Sadinle, Lei and Wasserman 2019); within each class if
    `per_class`, which rare classes need.

    Parameters
    ----------
    probability
        (n, K) of calibration cells.
    codes
        (n,) their true classes.
    alpha
        Allowed fraction of misses, between 0 and 1.

    Returns
    -------
    (K,) thresholds in [0, 1]; 0 (always in the set) where a class has too few cells for `alpha`.

    Examples
    --------
    >>> probability = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])
    >>> conformal_threshold(probability, np.array([0, 0, 1, 1]), alpha=0.4).tolist()
    [0.7, 0.7]
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}, not between 0 and 1")
    probability = np.asarray(probability, dtype=np.float64)
    codes = _codes(codes, probability.shape)
    of_true_class = probability[np.arange(len(codes)), codes]
    classes = probability.shape[1]
    if not per_class:
        return np.full(classes, _lower_rank(of_true_class, alpha))
    return np.array([_lower_rank(of_true_class[codes == code], alpha) for code in range(classes)])


def _lower_rank(values: np.ndarray, alpha: float) -> float:
    """Return the lower bound of a fraction 1 - `alpha` of new values from the same distribution."""
    rank = int(np.floor(alpha * (len(values) + 1)))
    return float(np.sort(values)[rank - 1]) if rank >= 1 else 0.0


def prediction_sets(probability: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Return prediction sets as booleans (n, K); an empty set means unknown."""
    return np.asarray(probability) >= np.asarray(threshold)


def conformal_pvalue(score: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the conformal p-value of every score: (1 + number of reference scores >= score) / (1 + n).

    With unknown scores of held-out cells of known classes as the reference this is the p-value of "the cell
    is of a known class": if cells with p <= a are called unknown, at most a fraction a of known cells is.
    """
    return reference_pvalues(score, reference)


def unknown_threshold(reference: np.ndarray, alpha: float = 0.05) -> float:
    """Return the score that at most a fraction `alpha` of cells of known classes exceeds.

    Infinite if there are too few reference cells.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}, not between 0 and 1")
    lowest = _lower_rank(-np.asarray(reference, dtype=np.float64), alpha)
    return -lowest if np.floor(alpha * (len(reference) + 1)) >= 1 else float("inf")


def _codes(codes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    codes = np.asarray(codes)
    if len(shape) != 2 or codes.shape != shape[:1]:
        raise ValueError(f"{codes.shape} classes for probabilities of shape {shape}")
    codes = codes.astype(int)
    if len(codes) and not (codes.min() >= 0 and codes.max() < shape[1]):
        raise ValueError(f"classes are 0 to {shape[1] - 1}; leave out cells without a label")
    return codes
