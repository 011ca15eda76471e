"""Annotation of cells: predicted labels with confidence, and class-wise alignment of new batches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.errors import fail
from panscape.log import logger, without_repeats
from panscape.unicoord.genes import check_overlap
from panscape.unicoord.labels import LabelInfo

if TYPE_CHECKING:
    from panscape.unicoord.cells import Cells
    from panscape.unicoord.model import CoordinateSystem, Encoded

_ROUNDS = 2  # alignments, each with the classes of the one before
_SHRINK = 100.0  # cells at the common shift in the shift of a class
_MOST_CHANGED = 0.05  # fraction of cells of a batch that may change their class by its alignment
_ONE_CLASS = 0.9  # a batch with this fraction of cells in one class is not aligned
_MIN_CELLS = 50  # batches with fewer cells are taken as they are
_QUANTILE = 0.25  # of the distances in a batch, which its unknown cells do not reach


@without_repeats()  # cells are read several times
def annotation(
    model: CoordinateSystem, cells: Cells, batch: str | None, min_overlap: float, missing: str
) -> pd.DataFrame:
    """Return the predicted labels of cells; see :meth:`CoordinateSystem.predict`.

    Parameters
    ----------
    model
        A trained model.
    cells
        The cells.
    batch
        Column of obs whose groups are aligned with the training cells; None aligns nothing.
    min_overlap, missing
        See :meth:`CoordinateSystem.embed`.
    """
    options = (min_overlap, missing)
    there = check_overlap(model.genes, cells.genes, min_overlap)
    encoded = model.encode_cells(cells, min_overlap=min_overlap, missing=missing)
    groups = _groups(cells, batch)
    parts = []
    for label in model.labels:
        seen = encoded
        if batch is not None and label.name in model.confidence.heads:
            seen = _aligned(model, cells, label, encoded, groups, there, options)
        offset = np.zeros(len(cells)) if batch is None else _scatter(model, label, seen, groups)
        parts.append(_predicted(model, label, seen, offset, cells.obs.index))
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _groups(cells: Cells, batch: str | None) -> np.ndarray:
    if batch is None:
        return np.zeros(len(cells), dtype=np.int64)
    if batch not in cells.obs:
        known = ", ".join(map(str, cells.obs.columns)) or "none"
        raise fail("batch", f"obs has no column {batch!r}", f"take one of: {known}")
    return np.unique(cells.obs[batch].astype(str), return_inverse=True)[1]


def _aligned(model, cells, label: LabelInfo, encoded: Encoded, groups, there, options) -> Encoded:
    """Return the coordinates of cells whose classes, in every batch, were moved onto the training ones."""
    before = model.confidence.probability(model.layout, label, encoded.votes, encoded.linear)
    shares, now = before, encoded
    number = int(groups.max(initial=-1)) + 1
    for _ in range(_ROUNDS):
        shifts = _shifts(model, cells, label, shares, groups, number, there, options)
        now = _encoded(model, cells, shares, shifts, groups, options)
        shares = model.confidence.probability(model.layout, label, now.votes, now.linear)
    changed = shares.argmax(axis=1) != before.argmax(axis=1)
    kept = np.zeros(number, dtype=bool)
    for at in range(number):
        inside = groups == at
        top = np.bincount(before[inside].argmax(axis=1)).max() / inside.sum()
        moved = changed[inside].mean()
        kept[at] = inside.sum() >= _MIN_CELLS and top < _ONE_CLASS and moved <= _MOST_CHANGED
        if moved > _MOST_CHANGED:
            logger.warning(
                "%s: alignment would change the class of %.0f %% of a batch of %s cells: it is left out, and "
                "the labels of that batch are uncertain", label.name, 100 * moved, inside.sum(),
            )  # fmt: skip
    use = kept[groups][:, None]
    columns = ("features", "votes", "linear")
    return replace(encoded, **{c: np.where(use, getattr(now, c), getattr(encoded, c)) for c in columns})


def _shifts(model, cells, label, shares, groups, number, there, options) -> np.ndarray:
    """Return (batches, K, G) shifts of the classes' means from those of the training cells.

    The shift of a class with few cells is shrunk to the mean over classes, weighted by what is known of each.
    """
    centres = model.confidence.heads[label.name].centres
    sums = np.zeros((number, *centres.shape))
    weight = np.zeros((number, len(centres)))
    for rows, x in model.dense(cells, *options):
        for at in np.unique(groups[rows]):
            inside = groups[rows] == at
            part = shares[rows][inside]
            sums[at] += part.T @ x[inside]
            weight[at] += part.sum(axis=0)
    own = np.where(weight[..., None] > 0.5, sums / np.maximum(weight, 1e-9)[..., None] - centres, 0.0)
    sure = weight / (weight + _SHRINK)
    common = (sure[..., None] * own).sum(axis=1) / np.maximum(sure.sum(axis=1), 1e-9)[:, None]
    shifts = common[:, None] + sure[..., None] * (own - common[:, None])
    shifts[..., ~there] = 0  # absent genes are filled in and have no shift
    return shifts


def _encoded(model, cells, shares, shifts, groups, options) -> Encoded:
    parts = []
    for rows, x in model.dense(cells, *options):
        moved = x.astype(np.float64)
        for at in np.unique(groups[rows]):
            inside = groups[rows] == at
            moved[inside] -= shares[rows][inside] @ shifts[at]
        parts.append(model.encode(moved.astype(np.float32)))
    return model.joined(parts)


def _scatter(model, label: LabelInfo, encoded: Encoded, groups: np.ndarray) -> np.ndarray:
    """Return by how much the cells of each batch lie further from their class than validation cells (n,).

    The lower quartiles are compared, so that a batch may have many unknown cells.
    """
    offset = np.zeros(len(groups))
    nonconformity = model.confidence.nonconformity.get(label.name)
    if nonconformity is None or not len(nonconformity.reference):
        return offset
    raw = nonconformity.raw(encoded.features)[0]
    usual = np.quantile(nonconformity.reference, _QUANTILE)
    for at in np.unique(groups):
        inside = groups == at
        if inside.sum() >= _MIN_CELLS:
            offset[inside] = np.quantile(raw[inside], _QUANTILE) - usual
    return offset


def _predicted(model, label: LabelInfo, encoded: Encoded, offset, index: pd.Index) -> dict[str, np.ndarray]:
    nothing = np.full(len(index), np.nan)
    nonconformity = model.confidence.nonconformity.get(label.name)
    score, unknown = (nothing, np.zeros(len(index), bool))
    if nonconformity is not None:
        score, unknown = nonconformity.score(encoded.features, offset)
    share = None
    if label.discrete:
        share = model.confidence.probability(model.layout, label, encoded.votes, encoded.linear)
        value = np.array(label.classes, dtype=object)[share.argmax(axis=1)]
        lower = upper = nothing
    else:
        place = encoded.votes[:, model.layout.part(label.name)][:, 0].astype(np.float64)
        place = place * label.sd + label.mean
        half = model.confidence.width.get(label.name, np.nan)
        number, lower, upper = (label.backward(at) for at in (place, place - half, place + half))
        value = number.astype(object)
    if label.kind == "ordinal":
        nearest = np.abs(number[:, None] - np.array(label.positions)).argmin(axis=1)
        value = np.array(label.classes, dtype=object)[nearest]
    return {
        "cell": index.to_numpy(dtype=object),
        "label": np.full(len(index), label.name, dtype=object),
        "kind": np.full(len(index), label.kind, dtype=object),
        "value": value,
        "probability": nothing if share is None else share.max(axis=1),
        "lower": lower,
        "upper": upper,
        "unknown_score": score,
        "unknown": unknown,
    }
