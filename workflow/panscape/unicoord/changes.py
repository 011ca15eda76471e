"""Effects of setting a label, compared with those in test cells, type by type, and with baselines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.unicoord.interactions import MEAN, POOLED, RIDGE, Interaction, agreement
from panscape.unicoord.targets import targets

if TYPE_CHECKING:
    from panscape.unicoord.cells import Cells
    from panscape.unicoord.model import CoordinateSystem

MODEL, OWN = "unicoord", "own class's mean"
MIN_TESTED = 30  # test cells on either side of a comparison
_VALUES = 8  # classes of a label that are compared, the most frequent ones
METRICS = ("r", "mse_share")


def change_scores(
    model: CoordinateSystem, tested: Cells, test: sparse.csr_matrix, learned: Cells, learn: sparse.csr_matrix
) -> list[tuple]:
    """Score the effects of setting a label, for every label that interacts with another one.

    Parameters
    ----------
    model
        A trained model.
    tested, test
        Test cells and their normalised expression (n, G).
    learned, learn
        Training cells and their expression, for the baselines.

    Returns
    -------
    Rows (task, model, metric, value, null). Tasks: ``effect of <label>``, means over pairs of classes with 30
    test cells on either side, of the model, the mean effect on the class itself in training cells, and the
    pooled shift of all training cells; ``unseen effect of <label>``, means over pairs that were left out of
    the training cells in turn, of the baselines that the model builds on. `r_of_change` is Pearson's
    correlation of the change of genes' means with the measured one, `mse_share` the squared error as a
    fraction of that of no change.
    """
    rows: list[tuple] = []
    for interaction in model.interactions.values():
        scores = pd.DataFrame(_effects(model, interaction, tested, test, learned, learn))
        for task, table in (
            (f"effect of {interaction.label}", scores),
            (f"unseen effect of {interaction.label}", pd.DataFrame(interaction.scores)),
        ):
            if table.empty:
                continue
            for name, part in table.groupby("model", sort=False):
                rows.append((task, name, "r_of_change", float(part["r"].mean()), 0.0))
                rows.append((task, name, "mse_share", float(part["mse_share"].mean()), 1.0))
                rows.append((task, name, "n", float(len(part)), np.nan))
    return rows


def _effects(
    model: CoordinateSystem, interaction: Interaction, tested, test, learned, learn
) -> Iterator[dict[str, object]]:
    """Yield scores of the effect of each class on each other class: model, r, mse_share."""
    names = [label.name for label in model.layout.discrete]
    at = [names.index(name) for name in (interaction.label, interaction.context)]
    (new, of_new), (old, of_old) = (
        targets(cells.obs, model.layout).codes[:, at].T for cells in (tested, learned)
    )
    label = model.layout[interaction.label]
    same = np.vstack([block for _, block in model.reconfigure(tested, {})])
    for value, name in list(enumerate(label.classes))[:_VALUES]:
        known = (new >= 0) & (new != value)
        groups = np.unique(of_new[known & (of_new >= 0)])
        sides = [(known & (of_new == group), (new == value) & (of_new == group)) for group in groups]
        pairs = [(group, *two) for group, two in zip(groups, sides, strict=True) if _enough(*two)]
        if not pairs:
            continue
        made = np.vstack([block for _, block in model.reconfigure(tested, {label.name: name})])
        pooled = _mean(learn, old == value) - _mean(learn, (old >= 0) & (old != value))
        for group, source, there in pairs:
            true = _mean(test, there) - _mean(test, source)
            change = (made[source] - same[source]).mean(axis=0, dtype=np.float64)
            guesses = {MODEL: change, POOLED: pooled}
            inside = of_old == group
            own, other = inside & (old == value), inside & (old >= 0) & (old != value)
            if own.any() and other.any():
                guesses[OWN] = _mean(learn, own) - _mean(learn, other)
            for guess, change in guesses.items():
                r, error = agreement(change, true)
                yield {"model": guess, "r": r, "mse_share": error}


def _enough(source: np.ndarray, there: np.ndarray) -> bool:
    return min(source.sum(), there.sum()) >= MIN_TESTED


def _mean(x: sparse.csr_matrix, rows: np.ndarray) -> np.ndarray:
    return np.asarray(x[np.flatnonzero(rows)].mean(axis=0), dtype=np.float64).ravel()


def confidence_of(interactions: list[dict], label: str, value: str) -> dict[str, Any] | None:
    """Return how well effects of a class on other classes were predicted without them, from a model's card.

    Parameters
    ----------
    interactions
        ``interactions`` of the card.
    label, value
        The label that is set, and its class.

    Returns
    -------
    Means over the classes of `context` that were left out in turn: ``r``, ``mse_share``, ``shift`` (that of
    the pooled shift), ``mean`` (of the mean of effects) and the number ``classes``; None if there are none.
    """
    for item in interactions:
        rows = pd.DataFrame([row for row in item["scores"] if row["value"] == value])
        if item["label"] != label or rows.empty:
            continue
        mean = rows.groupby("model")[list(METRICS)].mean()
        return {
            "context": item["context"],
            "classes": int(rows["class"].nunique()),
            **{key: float(mean.loc[RIDGE, key]) for key in METRICS},
            "shift": float(mean.loc[POOLED, "mse_share"]),
            "mean": float(mean.loc[MEAN, "mse_share"]),
        }
    return None
