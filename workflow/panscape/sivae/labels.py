"""Label transfer between neighboring cells of an embedding."""

from __future__ import annotations

import numpy as np

from panscape import seeds


def label_transfer(
    scores: np.ndarray, labels: np.ndarray, seed: int, *, neighbours: int = 15, folds: int = 5
) -> dict[str, float] | None:
    """Predict labels from the nearest cells in cross-validation.

    Parameters
    ----------
    scores
        (n, K): embedding of the cells.
    labels
        (n,): labels as text; cells without a label ("" or "nan") and labels with fewer cells than folds are
        excluded.
    seed
        Seed of the folds.
    neighbours
        Number of neighbors that vote.
    folds
        Number of stratified folds.

    Returns
    -------
    accuracy and macro_f1 in [0, 1], chance (fraction of the largest label), n_cells, n_labels; None if fewer
    than two labels are left.
    """
    from sklearn.metrics import f1_score
    from sklearn.model_selection import StratifiedKFold
    from sklearn.neighbors import KNeighborsClassifier

    labels = np.asarray(labels, dtype=str)
    kinds, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    usable = (counts >= folds) & ~np.isin(kinds, ["", "nan", "None"])
    kept = usable[codes]
    if usable.sum() < 2:
        return None
    scores, labels = scores[kept], labels[kept]
    predicted = np.empty_like(labels)
    parts = StratifiedKFold(folds, shuffle=True, random_state=seeds.derive(seed, "sivae", "folds"))
    for train, test in parts.split(scores, labels):
        model = KNeighborsClassifier(min(neighbours, len(train)))
        predicted[test] = model.fit(scores[train], labels[train]).predict(scores[test])
    return {
        "accuracy": float((predicted == labels).mean()),
        "macro_f1": float(f1_score(labels, predicted, average="macro")),
        "chance": float(counts[usable].max() / kept.sum()),
        "n_cells": int(kept.sum()),
        "n_labels": int(usable.sum()),
    }
