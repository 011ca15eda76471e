"""Effects of setting a label, compared with those in test cells, type by type, and with baselines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.unicoord.interactions import MEAN, POOLED, RIDGE, Interaction, agreement
from panscape.unicoord.targets import Targets, targets

if TYPE_CHECKING:
    from panscape.unicoord.cells import Cells
    from panscape.unicoord.model import CoordinateSystem

MODEL, OWN, NOISE = "unicoord", "own class's mean", "noise of test cells"
MIN_TESTED = 30  # test cells on either side of a comparison
_BLOCK = 500  # cells whose partners are sought at once
_NEAR = 0.1  # standard deviations of a continuous label within which cells are compared
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
    test cells on either side, of the model, the mean effect on the class itself in training cells, the
    pooled shift of all training cells, and the noise of the measured change, which limits them all;
    ``unseen effect of <label>``, means over pairs that were left out of the training cells in turn, of the
    baselines that the model builds on. `r_of_change` is Pearson's correlation of the change of genes' means
    with the measured one, `mse_share` the squared error as a fraction of that of no change.

    Setting a label leaves the others as they are: cells are compared with cells of similar continuous labels,
    so that an effect of age does not count as one of a type that is frequent at some ages.
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
    new, old = (targets(cells.obs, model.layout) for cells in (tested, learned))
    (value, group), (old_value, old_group) = (part.codes[:, at].T for part in (new, old))
    same = np.vstack([block for _, block in model.reconfigure(tested, {})])
    for code, name in list(enumerate(model.layout[interaction.label].classes))[:_VALUES]:
        groups = np.unique(group[(value == code) & (group >= 0)])
        sides = [_matched(new, value, code, group == one) for one in groups]
        pairs = [(one, *two) for one, two in zip(groups, sides, strict=True) if _enough(*two)]
        if not pairs:
            continue
        made = np.vstack([block for _, block in model.reconfigure(tested, {interaction.label: name})])
        pooled = _change(learn, *_matched(old, old_value, code, np.ones(len(old_value), bool)))
        for one, there, source in pairs:
            true, noise = _change(test, there, source), _noise(test, there) + _noise(test, source)
            rows = np.flatnonzero(source)
            guesses = {MODEL: source[rows] @ (made[rows] - same[rows]).astype(np.float64), POOLED: pooled}
            own = _matched(old, old_value, code, old_group == one)
            if all(side.any() for side in own):
                guesses[OWN] = _change(learn, *own)
            for guess, change in guesses.items():
                r, error = agreement(change, true)
                yield {"model": guess, "r": r, "mse_share": error}
            share = min(noise / max(float((true**2).sum()), 1e-12), 1.0)
            yield {"model": NOISE, "r": (1 - share) ** 0.5, "mse_share": share}


def _matched(
    known: Targets, value: np.ndarray, code: int, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (n,) of cells of a class and of cells of others with the same continuous labels.

    Each sums to 1, or is 0 where there are no such cells.
    """
    there, source = (
        np.flatnonzero(inside & part) for part in (value == code, (value >= 0) & (value != code))
    )
    weights = np.zeros((2, len(value)))
    kept, total = np.zeros(len(there), dtype=bool), np.zeros(len(source))
    for low in range(0, len(there), _BLOCK):
        rows = there[low : low + _BLOCK]
        near = np.ones((len(rows), len(source)), dtype=bool)
        for column in known.values.T:
            far = np.abs(column[rows][:, None] - column[source])
            near &= far <= _NEAR * np.nanstd(column)  # not where one is missing
        number = near.sum(axis=1)
        kept[low : low + _BLOCK] = number > 0
        total += (1 / number[number > 0]) @ near[number > 0]
    if kept.any():
        weights[0, there[kept]] = 1 / kept.sum()
        weights[1, source] = total / kept.sum()
    return weights[0], weights[1]


def _enough(there: np.ndarray, source: np.ndarray) -> bool:
    return bool(min(np.count_nonzero(there), np.count_nonzero(source)) >= MIN_TESTED)


def _change(x: sparse.csr_matrix, there: np.ndarray, source: np.ndarray) -> np.ndarray:
    return np.asarray((there - source) @ x, dtype=np.float64).ravel()


def _noise(x: sparse.csr_matrix, weights: np.ndarray) -> float:
    """Return the expected squared error of a weighted mean of cells, summed over genes."""
    rows = np.flatnonzero(weights)
    part, share = x[rows], weights[rows]
    squares = np.asarray(part.power(2).sum(axis=1)).ravel()
    variance = float(share @ squares) - float((np.asarray(share @ part) ** 2).sum())
    concentration = float((share**2).sum())  # 1 / n for n cells of equal weights
    return variance * concentration / max(1 - concentration, 1e-9)


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
