"""Random forest that predicts classes from gene-set scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from panscape import seeds
from panscape.data.labels import present
from panscape.errors import fail

_TREES = 100  # maximum number of trees of the forests that measure accuracy
_FOLDS = 4  # maximum number of folds of sampled units


@dataclass(frozen=True)
class Forest:
    """Accuracy and importances of a random forest that predicts classes from gene-set scores.

    Attributes
    ----------
    importance
        (T,) mean decrease of the Gini impurity, sum 1.
    accuracy
        Balanced accuracy on cells that were left out: those of other sampled units, or a quarter of the cells
        where there is one unit.
    chance
        Balanced accuracy of random guessing: 1 / number of classes.
    units_left_out
        Sampled units that were left out in turn; 0 if cells were.
    """

    importance: np.ndarray
    accuracy: float
    chance: float
    units_left_out: int = 0


def forest(
    scores: np.ndarray,
    labels: ArrayLike,
    units: ArrayLike | None = None,
    *,
    trees: int = 500,
    min_cells: int = 5,
    seed: int = 0,
    threads: int = 1,
) -> Forest:
    """Fit a random forest to the cells' classes (scikit-learn, balanced class weights).

    Parameters
    ----------
    scores
        (n, T).
    labels
        (n,) classes; missing ones (None, NaN, "") are left out, and classes of fewer than `min_cells` cells.
    units
        (n,) sampled units (donors); accuracy is measured on units left out of training.
    seed, threads
        The result depends on the seed, not on the number of threads.

    Raises
    ------
    UserError
        If fewer than two classes are left.
    """
    from sklearn.ensemble import RandomForestClassifier

    text = np.array([str(value) for value in np.asarray(labels, dtype=object)], dtype=object)
    there = present(labels)
    names, count = np.unique(text[there].astype(str), return_counts=True)
    there &= np.isin(text.astype(str), names[count >= min_cells])
    classes = np.unique(text[there].astype(str))
    if len(classes) < 2:
        problem = f"{len(classes)} classes of {min_cells} or more of the {len(text)} sampled cells"
        advice = "name a column with two or more classes, or write label: null"
        raise fail("features.label", problem, advice, few=True)
    x, y = scores[there], text[there].astype(str)
    state = seeds.derive(seed, "features", "forest")
    options = {"n_jobs": threads, "random_state": state, "class_weight": "balanced"}
    unit = np.zeros(len(y), dtype=object) if units is None else np.asarray(units, dtype=object)[there]
    right, total = np.zeros(len(classes)), np.zeros(len(classes))
    splits, left_out = _splits(y, unit, state)
    for learn, test in splits:
        model = RandomForestClassifier(min(trees, _TREES), **options).fit(x[learn], y[learn])
        test = test[np.isin(y[test], model.classes_)]
        correct = model.predict(x[test]) == y[test] if len(test) else np.zeros(0, dtype=bool)
        code = np.searchsorted(classes, y[test])
        right += np.bincount(code, weights=correct, minlength=len(classes))
        total += np.bincount(code, minlength=len(classes))
    scored = total > 0
    accuracy = float(np.mean(right[scored] / total[scored]))
    model = RandomForestClassifier(trees, **options).fit(x, y)
    return Forest(model.feature_importances_, accuracy, 1 / int(scored.sum()), left_out)


def _splits(y: np.ndarray, unit: np.ndarray, state: int) -> tuple[list, int]:
    """Return ((train, test) rows, number of units left out in turn)."""
    from sklearn.model_selection import GroupKFold, train_test_split

    names, code = np.unique(unit.astype(str), return_inverse=True)
    if len(names) > 1:
        folds = GroupKFold(min(_FOLDS, len(names))).split(y, y, code)
        # accuracy is undefined for one training class, or none of those left out
        kept = [(a, b) for a, b in folds if len(set(y[a])) > 1 and np.isin(y[b], y[a]).any()]
        if kept:
            return kept, len(names)
    rows = np.arange(len(y))
    return [train_test_split(rows, test_size=0.25, stratify=y, random_state=state)], 0
