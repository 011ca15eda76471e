"""Class-wise alignment of new batches with the training cells; nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from panscape.log import logger
from panscape.unicoord.labels import LabelInfo

if TYPE_CHECKING:
    from panscape.unicoord.cells import Cells
    from panscape.unicoord.model import CoordinateSystem, Encoded

_ROUNDS = 2  # alignments, each with the classes of the one before
_SHRINK = 100.0  # cells at the common shift in the shift of a class
_MOST_CHANGED = 0.05  # fraction of cells of a batch that may change their class by its alignment
MIN_CELLS = 50  # batches with fewer cells are taken as they are
_ONE_CLASS = 0.9  # a batch with this fraction of cells in one class is not aligned


class _Sums:
    """Sums over the cells of each batch and class of a label: expression (batches, K, G) and weights."""

    def __init__(self, number: int, centres: np.ndarray):
        self.centres = centres
        self.sums = np.zeros((number, *centres.shape))
        self.weight = np.zeros((number, len(centres)))

    def add(self, x: np.ndarray, shares: np.ndarray, groups: np.ndarray) -> None:
        """Add cells (n, G) with shares of the classes (n, K)."""
        for at in np.unique(groups):
            inside = groups == at
            self.sums[at] += shares[inside].T @ x[inside]
            self.weight[at] += shares[inside].sum(axis=0)

    def shifts(self, there: np.ndarray) -> np.ndarray:
        """Return shifts (batches, K, G) of the classes' means from those of the training cells.

        The shift of a class with few cells is shrunk to the mean over classes, weighted by what is known of
        each. Absent genes are filled in and have no shift.
        """
        own = self.sums / np.maximum(self.weight, 1e-9)[..., None] - self.centres
        own = np.where(self.weight[..., None] > 0.5, own, 0.0)
        sure = self.weight / (self.weight + _SHRINK)
        common = (sure[..., None] * own).sum(axis=1) / np.maximum(sure.sum(axis=1), 1e-9)[:, None]
        shifts = common[:, None] + sure[..., None] * (own - common[:, None])
        shifts[..., ~there] = 0
        return shifts


def encoded_aligned(
    model: CoordinateSystem, cells: Cells, groups: np.ndarray, there: np.ndarray, options: tuple
) -> tuple[Encoded, dict[str, Encoded]]:
    """Return the coordinates of cells as they are, and as aligned for each label with a linear classifier.

    The cells are read three times, however many labels there are.

    Parameters
    ----------
    model, cells
        A trained model and the cells.
    groups
        (n,) numbers of their batches.
    there
        (G,) whether the cells have each of the model's genes.
    options
        min_overlap and missing, see :meth:`CoordinateSystem.embed`.
    """
    labels = [label for label in model.labels if label.name in model.confidence.heads]
    whole, sums = _first(model, cells, labels, groups, options)
    before = {label.name: _shares(model, label, whole) for label in labels}
    shares, now = before, dict.fromkeys(before, whole)
    for left in reversed(range(_ROUNDS)):
        shifts = {name: part.shifts(there) for name, part in sums.items()}
        now, sums = _again(model, cells, labels, groups, options, shares, shifts, again=left > 0)
        shares = {label.name: _shares(model, label, now[label.name]) for label in labels}
    kept = {
        label.name: _kept(label, before[label.name], shares[label.name], groups)[groups][:, None]
        for label in labels
    }
    columns = ("features", "votes", "linear")
    return whole, {
        name: replace(whole, **{c: np.where(use, getattr(now[name], c), getattr(whole, c)) for c in columns})
        for name, use in kept.items()
    }


def _shares(model: CoordinateSystem, label: LabelInfo, encoded: Encoded) -> np.ndarray:
    return model.confidence.probability(model.layout, label, encoded.votes, encoded.linear)


def _new_sums(model: CoordinateSystem, labels: list[LabelInfo], groups: np.ndarray) -> dict[str, _Sums]:
    number = int(groups.max(initial=-1)) + 1
    return {label.name: _Sums(number, model.confidence.heads[label.name].centres) for label in labels}


def _first(
    model: CoordinateSystem, cells: Cells, labels: list[LabelInfo], groups: np.ndarray, options: tuple
) -> tuple[Encoded, dict[str, _Sums]]:
    """Encode cells as they are, and sum them by their classes."""
    parts, sums = [], _new_sums(model, labels, groups)
    for rows, x in model.dense(cells, *options):
        passed = model.encode(x)
        parts.append(passed)
        for label in labels:
            sums[label.name].add(x, _shares(model, label, passed), groups[rows])
    return model.joined(parts), sums


def _again(
    model: CoordinateSystem,
    cells: Cells,
    labels: list[LabelInfo],
    groups: np.ndarray,
    options: tuple,
    shares: Mapping[str, np.ndarray],
    shifts: Mapping[str, np.ndarray],
    *,
    again: bool,
) -> tuple[dict[str, Encoded], dict[str, _Sums]]:
    """Encode cells less the shifts of their classes; with `again`, also sum them by the classes found now."""
    parts: dict[str, list[Encoded]] = {label.name: [] for label in labels}
    sums = _new_sums(model, labels, groups) if again else {}
    for rows, x in model.dense(cells, *options):
        for label in labels:
            passed = model.encode(_moved(x, shares[label.name][rows], shifts[label.name], groups[rows]))
            parts[label.name].append(passed)
            if again:
                sums[label.name].add(x, _shares(model, label, passed), groups[rows])
    return {name: model.joined(blocks) for name, blocks in parts.items()}, sums


def _moved(x: np.ndarray, shares: np.ndarray, shifts: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return cells (n, G) less the shifts of their classes."""
    moved = x.astype(np.float64)
    for at in np.unique(groups):
        inside = groups == at
        moved[inside] -= shares[inside] @ shifts[at]
    return moved.astype(np.float32)


def _kept(label: LabelInfo, before: np.ndarray, after: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return whether each batch is aligned: not if it is small, of one class, or would change too much."""
    changed = after.argmax(axis=1) != before.argmax(axis=1)
    kept = np.zeros(int(groups.max(initial=-1)) + 1, dtype=bool)
    for at in range(len(kept)):
        inside = groups == at
        top = np.bincount(before[inside].argmax(axis=1)).max() / inside.sum()
        moved = changed[inside].mean()
        kept[at] = inside.sum() >= MIN_CELLS and top < _ONE_CLASS and moved <= _MOST_CHANGED
        if moved > _MOST_CHANGED:
            logger.warning(
                "%s: alignment would change the class of %.0f %% of a batch of %s cells: it is left out, and "
                "the labels of that batch are uncertain", label.name, 100 * moved, inside.sum(),
            )  # fmt: skip
    return kept
