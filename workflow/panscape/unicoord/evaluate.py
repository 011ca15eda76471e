"""Scores of label predictions, label leakage into unsupervised dimensions, and effects of reconfiguration.

Pure functions on arrays, so that the model and its baselines (:mod:`panscape.unicoord.baselines`) are scored
by the same code. Probabilities: :mod:`panscape.unicoord.calibrate`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse

from panscape import seeds
from panscape.data.labels import present
from panscape.stats.ranks import average_ranks
from panscape.unicoord.calibrate import calibration_error, negative_log_likelihood

UNKNOWN = "unknown"
NEIGHBOURS = 15
_PROBED = 5000  # maximum number of cells of a leakage probe


def confusion(truth: ArrayLike, predicted: ArrayLike) -> pd.DataFrame:
    """Count cells per true class (rows) and prediction (columns); cells without a label are left out."""
    there = present(truth)
    true, guess = (np.asarray(values, dtype=object)[there].astype(str) for values in (truth, predicted))
    return pd.crosstab(pd.Series(true, name="truth"), pd.Series(guess, name="predicted"))


def classification(
    truth: ArrayLike,
    predicted: ArrayLike,
    probability: np.ndarray | None = None,
    classes: ArrayLike | None = None,
) -> dict[str, float]:
    """Score predicted classes.

    Parameters
    ----------
    truth
        (n,) labels; missing ones (None, NaN, "") are left out.
    predicted
        (n,) labels; ``"unknown"`` counts as wrong.
    probability
        (n, K) calibrated probabilities, for `log_loss`, `brier` and `ece`.
    classes
        Names of the K columns.

    Returns
    -------
    `n`; `accuracy`; `macro_f1` (mean over the classes of truth and prediction, as in scikit-learn);
    `balanced_accuracy` (mean recall of the true classes); `coverage` (fraction not called unknown) and
    `accuracy_covered` (of those). With probabilities: `ece` (15 bins, of the most probable class), `brier`
    (sum over classes, 0 to 2) and, over the cells whose class the model knows, `log_loss`. NaN without cells.

    Examples
    --------
    >>> scores = classification(["a", "b", "b"], ["a", "b", "unknown"])
    >>> round(scores["accuracy"], 3), round(scores["coverage"], 3), scores["accuracy_covered"]
    (0.667, 0.667, 1.0)
    """
    there = present(truth)
    true, guess = (np.asarray(values, dtype=object)[there].astype(str) for values in (truth, predicted))
    if not len(true):
        return {"n": 0.0, "accuracy": np.nan, "macro_f1": np.nan, "balanced_accuracy": np.nan}
    right, covered = true == guess, guess != UNKNOWN
    f1, recall = _per_class(true, guess)
    scores = {
        "n": float(len(true)),
        "accuracy": float(right.mean()),
        "macro_f1": float(f1.mean()),
        "balanced_accuracy": float(recall.mean()),
        "coverage": float(covered.mean()),
        "accuracy_covered": float(right[covered].mean()) if covered.any() else np.nan,
    }
    if probability is not None:
        scores |= _probabilistic(true, np.asarray(probability, dtype=np.float64)[there], classes)
    return scores


def _per_class(true: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (F1 of every class of truth or prediction, recall of every true class)."""
    names = np.union1d(true, guess[guess != UNKNOWN])
    place = {name: i for i, name in enumerate(names)}
    row = np.array([place[name] for name in true])
    column = np.array([place.get(name, -1) for name in guess])
    hits = np.bincount(row[row == column], minlength=len(names))
    of_truth = np.bincount(row, minlength=len(names))
    of_told = np.bincount(column[column >= 0], minlength=len(names))
    return 2 * hits / np.maximum(of_truth + of_told, 1), (hits / np.maximum(of_truth, 1))[of_truth > 0]


def _probabilistic(true: np.ndarray, probability: np.ndarray, classes: ArrayLike | None) -> dict[str, float]:
    names = np.asarray([] if classes is None else classes, dtype=object).astype(str)
    if len(names) != probability.shape[1]:
        raise ValueError("name the class of every column of the probabilities")
    place = {name: i for i, name in enumerate(names)}
    codes = np.array([place.get(name, -1) for name in true])
    hit = names[probability.argmax(axis=1)] == true
    seen = codes >= 0
    of_true_class = np.where(seen, probability[np.arange(len(codes)), codes], 0.0)
    return {
        "ece": calibration_error(probability.max(axis=1), hit),
        "brier": float(((probability**2).sum(axis=1) - 2 * of_true_class + 1).mean()),
        "log_loss": negative_log_likelihood(probability[seen], codes[seen]) if seen.any() else np.nan,
    }


def regression(truth: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Score predicted numbers in the label's unit; missing truths (NaN) are left out.

    Returns
    -------
    `n`; `r` (Pearson) and `rho` (Spearman), NaN where truth or prediction is constant; `mae`; `rmse`; `bias`
    (mean of prediction minus truth); `slope` of the prediction on the truth (1 is ideal; below 1, predictions
    are shrunk);
    `r2` = 1 - squared error over that of the mean.

    Examples
    --------
    >>> scores = regression([1.0, 2.0, 3.0], [1.5, 2.5, 3.5])
    >>> round(scores["r"], 3), scores["bias"]
    (1.0, 0.5)
    """
    true, guess = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    there = np.isfinite(true)
    true, guess = true[there], guess[there]
    if not len(true):
        return {"n": 0.0} | dict.fromkeys(("r", "rho", "mae", "rmse", "bias", "slope", "r2"), np.nan)
    error, spread = guess - true, ((true - true.mean()) ** 2).sum()
    varies = spread > 0
    return {
        "n": float(len(true)),
        "r": _pearson(true, guess),
        "rho": _pearson(average_ranks(true), average_ranks(guess)),
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "bias": float(error.mean()),
        "slope": float(((true - true.mean()) * guess).sum() / spread) if varies else np.nan,
        "r2": float(1 - (error**2).sum() / spread) if varies else np.nan,
    }


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:  # after subtracting a rounded mean, equal values are not exactly 0
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / scale) if scale > 0 else float("nan")


def label_leak(
    embedding: np.ndarray, labels: ArrayLike, *, continuous: bool = False, seed: int = 0, nulls: int = 3
) -> pd.DataFrame:
    """Measure how well a label can be predicted from dimensions that should be independent of it.

    A linear and a nearest-neighbour probe, cross-validated (5 folds, at most 5,000 cells).

    Parameters
    ----------
    embedding
        (n, d), e.g. the unsupervised dimensions; they are standardised first.
    labels
        (n,) missing ones are left out.
    continuous
        Whether the label is a number.
    nulls
        Number of label permutations for the null score.

    Returns
    -------
    One row per probe: probe (``linear`` or ``knn``), metric (``balanced_accuracy``; ``r2`` for numbers),
    value, null (mean with permuted labels), n. Empty if fewer than two classes have five cells.
    """
    x, y = _probe_data(np.asarray(embedding, dtype=np.float64), labels, continuous, seed)
    if y is None:
        return pd.DataFrame({name: [] for name in ("probe", "metric", "value", "null", "n")})
    rows = []
    for name in ("linear", "knn"):
        value = _probe(name, x, y, continuous, seed)
        null = [
            _probe(name, x, seeds.stream(seed, "leak", name, i).permutation(y), continuous, seed)
            for i in range(nulls)
        ]
        metric = "r2" if continuous else "balanced_accuracy"
        rows.append((name, metric, value, float(np.mean(null)) if null else np.nan, len(y)))
    return pd.DataFrame(rows, columns=["probe", "metric", "value", "null", "n"])


def _probe_data(x: np.ndarray, labels: ArrayLike, continuous: bool, seed: int):
    values = np.asarray(labels, dtype=object)
    if len(values) != len(x):
        raise ValueError(f"{len(values)} labels for {len(x)} cells")
    rows = np.flatnonzero(present(values))
    y: np.ndarray
    if continuous:
        y = values[rows].astype(np.float64)
        if len(rows) < 5 or np.ptp(y) == 0:
            return x, None
    else:
        names, y = np.unique(values[rows].astype(str), return_inverse=True)
        enough = np.bincount(y, minlength=len(names)) >= 5
        rows, y = rows[enough[y]], y[enough[y]]
        if enough.sum() < 2:
            return x, None
    if len(rows) > _PROBED:
        drawn = np.sort(seeds.stream(seed, "leak", "cells").choice(len(rows), _PROBED, replace=False))
        rows, y = rows[drawn], y[drawn]
    x = x[rows] - x[rows].mean(axis=0)
    scale = x.std(axis=0)
    return x / np.where(scale > 0, scale, 1.0), y


def _probe(name: str, x: np.ndarray, y: np.ndarray, continuous: bool, seed: int) -> float:
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    state = seeds.derive(seed, "leak", "folds")
    near = min(NEIGHBOURS, int(0.8 * len(y)) - 1)
    if continuous:
        probe = RidgeCV(np.logspace(-2, 4, 7)) if name == "linear" else KNeighborsRegressor(near)
        predicted = cross_val_predict(probe, x, y, cv=KFold(5, shuffle=True, random_state=state))
        return regression(y, predicted)["r2"]
    weights = "balanced" if name == "linear" else None
    probe = (
        LogisticRegression(max_iter=300, class_weight=weights)
        if name == "linear"
        else KNeighborsClassifier(near)
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=state)
    predicted = cross_val_predict(probe, x, y, cv=folds)
    return classification(y, predicted)["balanced_accuracy"]


def explained_by(scores: np.ndarray, labels: ArrayLike) -> float:
    """Return the fraction of the variance of scores (n, d) that lies between the labels' groups, 0 to 1.

    For principal component scores of cells decoded at one platform, this is the platform effect that remains.
    """
    scores, there = np.asarray(scores, dtype=np.float64), present(labels)
    scores, values = scores[there], np.asarray(labels, dtype=object)[there].astype(str)
    _, codes = np.unique(values, return_inverse=True)
    number = np.bincount(codes)
    mean = scores.mean(axis=0)
    sums = sparse.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes))))) @ scores
    total = ((scores - mean) ** 2).sum()
    between = (number[:, None] * (sums / number[:, None] - mean) ** 2).sum()
    return float(between / total) if total > 0 else float("nan")
