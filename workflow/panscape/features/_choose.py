"""From all gene sets to a few that tell cell types apart and differ from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.errors import fail
from panscape.features._settings import FeatureSettings
from panscape.log import logger

COLUMNS = [
    "term", "library", "n_genes", "size_bin", "entropy", "null_mean", "null_sd", "pvalue", "fdr",
    "importance", "group", "selected",
]  # fmt: skip
TRIED = 100  # trees of the forest that accuracy is measured of


@dataclass(frozen=True)
class Forest:
    """How well a random forest tells classes from the scores of gene sets.

    Attributes
    ----------
    importance
        (T,) mean fall of the Gini impurity, sum 1.
    accuracy
        Balanced accuracy on a quarter of the cells, of a smaller forest that learned from the others.
    chance
        The same without knowledge: 1 / number of classes.
    """

    importance: np.ndarray
    accuracy: float
    chance: float


def forest(
    scores: np.ndarray, labels: Sequence, *, trees: int = 500, seed: int = 0, threads: int = 1
) -> Forest:
    """Fit a random forest to the cells' classes (scikit-learn; classes weigh alike; seed decides all).

    Parameters
    ----------
    scores
        (n, T).
    labels
        (n,) classes; missing ones (None, NaN, "") are left out, as are classes of fewer than five cells.

    Raises
    ------
    UserError
        If fewer than two classes are left.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import train_test_split

    column = pd.Series(list(labels), dtype=object)
    there = ~(column.isna() | (column.astype(str) == "")).to_numpy()
    text = column.astype(str).to_numpy()
    names, count = np.unique(text[there], return_counts=True)
    there &= np.isin(text, names[count >= 5])
    classes = np.unique(text[there])
    if len(classes) < 2:
        found = f"{len(classes)} classes of five or more of the {len(text)} cells looked at"
        advice = "name a column with two or more classes, or write label: null"
        raise fail("features.label", found, advice, few=True)
    x, y = scores[there], text[there]
    state = seeds.derive(seed, "features", "forest")
    learn, test = train_test_split(np.arange(len(y)), test_size=0.25, stratify=y, random_state=state)
    options = {"n_jobs": threads, "random_state": state, "class_weight": "balanced"}
    # cells left out of a weighted bootstrap say nothing about rare classes, so accuracy has cells of its own
    small = RandomForestClassifier(min(trees, TRIED), **options).fit(x[learn], y[learn])
    told = small.predict(x[test])
    accuracy = float(np.mean([(told[y[test] == name] == name).mean() for name in np.unique(y[test])]))
    model = RandomForestClassifier(trees, **options).fit(x, y)
    return Forest(model.feature_importances_, accuracy, 1 / len(classes))


def group_features(scores: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Group features by average linkage on 1 - r.

    Parameters
    ----------
    scores
        (n, T).
    groups
        Exactly so many groups are made, T if there are fewer features.

    Returns
    -------
    (T,) group numbers from 1, in the order of the first feature of each; (T, T) Pearson correlations (0 for
    features that do not vary).
    """
    from scipy.cluster.hierarchy import cut_tree, linkage
    from scipy.spatial.distance import squareform

    count = scores.shape[1]
    centred = scores - scores.mean(axis=0, dtype=np.float64)
    scale = np.sqrt((centred**2).sum(axis=0))
    centred /= np.where(scale > 0, scale, 1.0)
    r = np.clip(centred.T @ centred, -1, 1)
    np.fill_diagonal(r, 1.0)
    if count < 2:
        return np.ones(count, dtype=int), r
    # rounded, so that equal correlations are ties on every machine
    distance = np.round(1 - r, 9)
    np.fill_diagonal(distance, 0.0)
    label = cut_tree(linkage(squareform(distance, checks=False), "average"), min(groups, count)).ravel()
    place = {value: i + 1 for i, value in enumerate(dict.fromkeys(label))}
    return np.array([place[value] for value in label]), r


def choose(
    table: pd.DataFrame,
    scores: np.ndarray,
    labels: Sequence | None,
    settings: FeatureSettings,
    *,
    seed: int = 0,
    threads: int = 1,
) -> tuple[pd.DataFrame, Forest | None]:
    """Choose features: beyond the null, most important, one per group of correlated ones.

    Parameters
    ----------
    table
        term, library and the columns of :func:`panscape.features.entropy_test`.
    scores
        (n, T) of the cells that decide.
    labels
        (n,) their classes; None ranks by the distance of the entropy from the null, in standard deviations.

    Returns
    -------
    The table with importance (missing where not tested), group (missing beyond the `top`) and selected: in
    each group the set of highest entropy. By falling importance (entropy). And the forest.

    Raises
    ------
    UserError
        If no set passes the test.
    """
    passed = np.flatnonzero(settings.passed(table))
    if not len(passed):
        best = table["pvalue"].min()
        found = f"none of {len(table)} sets varies more than random ones (least p {best:.3g})"
        raise fail("features.max_pvalue", found, "raise it (and max_fdr), or give other gene sets")
    logger.info("%s of %s sets vary more than random ones", len(passed), len(table))
    excess = (table["entropy"] - table["null_mean"]) / table["null_sd"].replace(0, np.nan)
    rank, found = excess.to_numpy()[passed], None
    nothing = pd.array([pd.NA] * len(table), dtype="Int64")
    result = table.assign(importance=np.nan, group=nothing, selected=False)
    if labels is not None:
        found = forest(scores[:, passed], labels, trees=settings.trees, seed=seed, threads=threads)
        rank = found.importance
        result.loc[passed, "importance"] = rank
        logger.info(
            "forest: balanced accuracy on other cells %.3f, chance %.3f", found.accuracy, found.chance
        )
    best = passed[np.argsort(-np.nan_to_num(rank), kind="stable")][: settings.top]
    label, _ = group_features(scores[:, best], settings.groups)
    result.loc[best, "group"] = label
    inside = result.loc[best].sort_values(["group", "entropy"], ascending=[True, False], kind="stable")
    result.loc[inside.drop_duplicates("group").index, "selected"] = True
    order = pd.DataFrame({"rank": -np.nan_to_num(result["importance"]), "excess": -excess.fillna(-np.inf)})
    order = order.sort_values(["rank", "excess"], kind="stable").index
    return result.loc[order, COLUMNS].reset_index(drop=True), found
