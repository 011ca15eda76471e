"""Interactions of labels are learned from the means of pairs of classes in training cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from panscape.stats.singular import singular
from panscape.unicoord.effects import EffectRidge, error_variance
from panscape.unicoord.interactions import MEAN, POOLED, RIDGE, Interaction, agreement
from panscape.unicoord.labels import LabelInfo, Layout
from panscape.unicoord.targets import Targets

MIN_PAIR = 10  # training cells of a pair of classes whose mean counts as measured


@dataclass(frozen=True)
class _Pairs:
    """Sums over training cells of pairs of classes: expression (A, B, G), latent (A, B, k), cells (A, B).

    `noise`: variances of cells around the mean of their pair, summed over genes, and of coordinates (k,).
    """

    expression: np.ndarray
    latent: np.ndarray
    cells: np.ndarray
    noise: tuple[float, np.ndarray]

    def against(self, value: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return means (B, G) and (B, k) of cells with other values, their number, and means of the value."""
        others = np.arange(len(self.cells)) != value
        number = self.cells[others].sum(axis=0)
        weight = np.maximum(number, 1)[:, None]
        return (
            self.expression[others].sum(axis=0) / weight,
            self.latent[others].sum(axis=0) / weight,
            number,
            self.expression[value] / np.maximum(self.cells[value], 1)[:, None],
        )


def learn_interactions(
    layout: Layout, latent: np.ndarray, x: sparse.csr_matrix, targets: Targets
) -> dict[str, Interaction]:
    """Learn how the coordinates of training cells depend on pairs of classes.

    Each discrete label is paired with the other discrete label with which it interacts most in the
    expression, beyond chance; labels without an interaction are left out.

    Parameters
    ----------
    layout
        The labels.
    latent
        (n, k) unsupervised coordinates of training cells, encoded with their known labels.
    x
        (n, G) their normalised expression.
    targets
        Their labels.
    """
    square = x.multiply(x).mean(axis=0) - np.square(x.mean(axis=0))
    variance = float(np.maximum(square, 0).sum())
    found = {}
    for label in layout.discrete:
        best, most = None, 0.0
        for other in layout.discrete:
            if other is label or label.name in layout.tables or other.name in layout.tables:
                continue
            if _related(layout, label, other):
                continue
            pairs = _sums(layout, label, other, latent, x, targets)
            gain = _beyond_additive(pairs, variance)
            if gain > most:
                best, most = (other, pairs), gain
        if best is not None:
            found[label.name] = _learned(label, *best)
    return found


def _related(layout: Layout, one: LabelInfo, other: LabelInfo) -> bool:
    chains = [(parent, child) for parent, (child, _) in layout.tables.items()]
    return (one.name, other.name) in chains or (other.name, one.name) in chains


def _sums(layout: Layout, label: LabelInfo, other: LabelInfo, latent, x, targets: Targets) -> _Pairs:
    at = [item.name for item in layout.discrete]
    one, two = (targets.codes[:, at.index(item.name)] for item in (label, other))
    rows = np.flatnonzero((one >= 0) & (two >= 0))
    shape = (label.width, other.width)
    code = one[rows] * other.width + two[rows]
    member = sparse.csr_matrix((np.ones(len(rows)), (code, rows)), shape=(np.prod(shape), x.shape[0]))
    number = np.bincount(code, minlength=int(np.prod(shape)))
    expression = np.asarray((member @ x).todense(), dtype=np.float64)
    place = member @ latent.astype(np.float64)
    free, least = max(len(rows) - np.count_nonzero(number), 1), 1 / np.maximum(number, 1)
    of_genes = (x[rows].power(2).sum() - least @ (expression**2).sum(axis=1)) / free
    of_latent = ((latent[rows].astype(np.float64) ** 2).sum(axis=0) - least @ place**2) / free
    return _Pairs(
        expression.reshape(*shape, -1),
        place.reshape(*shape, -1),
        number.reshape(shape),
        (max(float(of_genes), 0.0), np.maximum(of_latent, 0.0)),
    )


def _beyond_additive(pairs: _Pairs, variance: float) -> float:
    """Return the sum of squares of the pairs' means around an additive fit, less what noise gives."""
    number = pairs.cells.ravel()
    a, b = (part.ravel() for part in np.indices(pairs.cells.shape))
    kept = number >= MIN_PAIR
    design = np.hstack([np.eye(pairs.cells.shape[0])[a[kept]], np.eye(pairs.cells.shape[1])[b[kept]]])
    if not kept.any():
        return 0.0
    root = np.sqrt(number[kept])[:, None]
    vectors, values, _ = singular(design * root)
    fitted = vectors[:, values > 1e-9 * values[0]]
    free = kept.sum() - fitted.shape[1]
    if free < 1:
        return 0.0
    means = pairs.expression.reshape(len(number), -1)[kept] / number[kept, None] * root
    rest = means - fitted @ (fitted.T @ means)
    return float((rest**2).sum() - free * variance)


def _learned(label: LabelInfo, other: LabelInfo, pairs: _Pairs) -> Interaction:
    number = pairs.cells
    filled = pairs.latent / np.maximum(number, 1)[..., None]
    measured = number >= MIN_PAIR
    scores: list[dict[str, Any]] = []
    original = filled.copy()
    for value in range(label.width):
        base, latent, others, own = pairs.against(value)
        both = measured[value] & (others >= MIN_PAIR)
        effects, moves = own[both] - base[both], original[value][both] - latent[both]
        noise = 1 / number[value][both] + 1 / others[both]  # of a difference of means, of a cell's variance
        predict = EffectRidge(base[both], effects, noise * pairs.noise[0])
        somewhere = others >= MIN_PAIR
        guess = latent.copy()
        guess[somewhere] += predict(base[somewhere], moves)
        if both.any():
            guess[both] = latent[both] + predict.without(moves)
        weight = np.zeros_like(guess)
        weight[both] = _weights(predict, moves, noise[:, None] * pairs.noise[1])
        alone = measured[value] & ~somewhere
        filled[value] = np.where(
            alone[:, None], original[value], weight * original[value] + (1 - weight) * guess
        )
        if both.sum() > 1:
            scores += _scored(label.classes[value], other.classes, both, pairs, value, effects, predict)
    nowhere = ~measured.any(axis=0)
    if nowhere.any() and not nowhere.all():
        filled[:, nowhere] = filled[:, ~nowhere].mean(axis=1, keepdims=True)
    return Interaction(label.name, other.name, filled.astype(np.float32), number, tuple(scores))


def _weights(predict: EffectRidge, moves: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the weights (K, k) of measured moves beside those predicted from other classes.

    Where classes do not differ beyond the noise (K, k), measured moves would only add theirs.
    """
    if len(moves) < 2:
        return np.ones_like(moves)
    error = error_variance(predict, moves, noise)
    return error / np.maximum(error + noise, 1e-12)


def _scored(
    value: str,
    classes: tuple[str, ...],
    both: np.ndarray,
    pairs: _Pairs,
    at: int,
    effects,
    predict: EffectRidge,
) -> Iterator[dict[str, Any]]:
    """Yield the scores of effects that were predicted without the class they are on."""
    count = len(effects)
    mean = (effects.sum(axis=0) - effects) / (count - 1)
    own, rest = pairs.expression[at][both], pairs.expression[:, both].sum(axis=0)
    number, total = pairs.cells[at][both][:, None], pairs.cells[:, both].sum(axis=0)[:, None]
    rest, left = rest - own, total - number
    pooled = (own.sum(axis=0) - own) / (number.sum() - number) - (rest.sum(axis=0) - rest) / (
        left.sum() - left
    )
    guesses = {RIDGE: predict.without(effects), MEAN: mean, POOLED: pooled}
    for row, name in enumerate(np.flatnonzero(both)):
        for model, guess in guesses.items():
            r, error = agreement(guess[row], effects[row])
            yield {"value": value, "class": classes[name], "model": model, "r": r, "mse_share": error}
