"""Choice of a few gene sets that distinguish classes and differ from each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from panscape.errors import fail
from panscape.log import logger
from panscape.unicoord.features.forest import Forest, forest
from panscape.unicoord.features.settings import FeatureSettings

CLASS_COLUMNS = [
    "best_class", "units", "auroc", "auroc_null", "auroc_lowest", "class_pvalue", "class_fdr",
]  # fmt: skip
COLUMNS = [
    "term", "library", "n_genes", "detection", "stratum", *CLASS_COLUMNS, "entropy", "entropy_null",
    "entropy_sd", "entropy_pvalue", "entropy_fdr", "importance", "group", "selected",
]  # fmt: skip


def group_features(scores: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Group features by average linkage on 1 - r.

    Parameters
    ----------
    scores
        (n, T).
    groups
        Number of groups; T if there are fewer features.

    Returns
    -------
    (T,) group numbers from 1, in the order of the first feature of each; (T, T) Pearson correlations (0 for
    features that do not vary).

    Examples
    --------
    >>> scores = np.array([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [2.0, 2.0, 0.0]])
    >>> group_features(scores, 2)[0].tolist()
    [1, 1, 2]
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
    labels: ArrayLike | None,
    settings: FeatureSettings,
    *,
    units: ArrayLike | None = None,
    seed: int = 0,
    threads: int = 1,
) -> tuple[pd.DataFrame, Forest | None]:
    """Choose one representative per group of correlated features that exceed random sets.

    Parameters
    ----------
    table
        term, library and the columns of :class:`panscape.unicoord.features.assess.Assessed`.
    scores
        (n, T) scores of the sampled cells.
    labels
        (n,) classes of the cells; None ranks sets by their entropy above that of random sets.
    units
        (n,) sampled units, for the accuracy of the forest.

    Returns
    -------
    The table sorted by decreasing importance (without classes, entropy above random sets), with importance
    (missing for sets that fail the test), group (missing beyond the `top`) and selected (one set per group,
    at most twice an equal share per class); and the forest.

    Raises
    ------
    UserError
        If no set passes the test.
    """
    table = table.assign(**{name: np.nan for name in CLASS_COLUMNS if name not in table})
    test = settings.test_of(table)
    passed = np.flatnonzero(settings.passed(table))
    _say(table, passed, test, settings)
    excess = ((table["entropy"] - table["entropy_null"]) / table["entropy_sd"].replace(0, np.nan)).fillna(0)
    nothing = pd.array([pd.NA] * len(table), dtype="Int64")
    result = table.assign(importance=np.nan, group=nothing, selected=False)
    rank, fitted = excess.to_numpy()[passed], None
    if labels is not None:
        options = {"trees": settings.trees, "min_cells": settings.min_cells, "seed": seed, "threads": threads}
        fitted = forest(scores[:, passed], labels, units, **options)
        rank = fitted.importance
        result.loc[passed, "importance"] = rank
        logger.info(
            "forest: balanced accuracy on left-out cells %.3f, chance %.3f", fitted.accuracy, fitted.chance
        )
    order = np.argsort(-rank, kind="stable")
    best = passed[order]
    if test == "class" and labels is not None:
        best = best[_shared_out(table["best_class"].to_numpy()[best], settings.top)]
    best = best[: settings.top]
    label, _ = group_features(scores[:, best], settings.groups)
    result.loc[best, "group"] = label
    # `best` is sorted by importance, which a stable sort preserves
    value = -result.loc[best, "entropy"] if settings.representative == "entropy" else np.arange(len(best))
    inside = pd.DataFrame({"row": best, "group": label, "value": np.asarray(value)})
    inside = inside.sort_values(["group", "value"], kind="stable").drop_duplicates("group")["row"].to_numpy()
    if test == "class" and labels is not None:
        # scores of a class with few cells are so noisy that each of its sets can be a group by itself
        inside = inside[np.argsort(-result["importance"].to_numpy()[inside], kind="stable")]
        inside = inside[_shared_out(table["best_class"].to_numpy()[inside], settings.groups, shares=2)]
    result.loc[inside, "selected"] = True
    keys = pd.DataFrame({"rank": -result["importance"].fillna(0), "excess": -excess})
    return result.loc[keys.sort_values(["rank", "excess"], kind="stable").index, COLUMNS].reset_index(
        drop=True
    ), fitted


def _shared_out(best_class: np.ndarray, top: int, shares: int = 1) -> np.ndarray:
    """Return positions of the most important sets, at most `shares` equal shares of `top` per class.

    Sets are sorted by decreasing importance. A forest with balanced classes overrates the sets of a class
    with few cells, and their many correlated sets would leave no room for the other classes.
    """
    limit = -(-shares * top // max(len(set(best_class)), 1))
    place = pd.Series(best_class).groupby(best_class).cumcount().to_numpy()
    return np.flatnonzero(place < limit)[:top]


def _say(table: pd.DataFrame, passed: np.ndarray, test: str, settings: FeatureSettings) -> None:
    """Log how many sets pass; raise an error if none does."""
    what = "separate a class better" if test == "class" else "vary more"
    p, fdr = table[f"{test}_pvalue"], table[f"{test}_fdr"]
    if not len(passed):
        problem = (
            f"none of {len(table)} sets {what} than random sets (min. p {p.min():.3g}, fdr {fdr.min():.3g})"
        )
        advice = "raise it, raise features.random_sets if p is at its minimum, or give other gene sets"
        where = "features.max_pvalue" if p.min() > settings.max_pvalue else "features.max_fdr"
        raise fail(where, problem, advice)
    logger.info("%s of %s sets %s than random sets", len(passed), len(table), what)
    strata = table["stratum"].nunique() if test == "class" else 1
    attainable = 1 / (1 + settings.random_sets * strata)
    missed = int(((p <= attainable * (1 + 1e-9)) & (fdr > settings.max_fdr)).sum())
    if missed:
        logger.warning(
            "%s sets exceed all random sets but fail features.max_fdr: raise features.random_sets",
            missed,
        )
