"""Annotation of cells: predicted labels with confidence, by the cell itself or by batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.errors import fail
from panscape.log import without_repeats
from panscape.unicoord.align import MIN_CELLS, encoded_aligned
from panscape.unicoord.calibrate import doubted
from panscape.unicoord.genes import check_overlap
from panscape.unicoord.labels import LabelInfo

if TYPE_CHECKING:
    from panscape.unicoord.cells import Cells
    from panscape.unicoord.model import CoordinateSystem, Encoded

_QUANTILE = 0.25  # of the distances in a batch, which its unknown cells do not reach


@without_repeats()  # cells are read several times
def annotation(
    model: CoordinateSystem, cells: Cells, batch: str | None, min_overlap: float, missing: str
) -> pd.DataFrame:
    """Return the predicted labels of cells; see :meth:`CoordinateSystem.predict`.

    Parameters
    ----------
    model, cells
        A trained model and the cells.
    batch
        Column of obs whose groups are aligned with the training cells; None aligns nothing.
    min_overlap, missing
        See :meth:`CoordinateSystem.embed`.
    """
    options = (min_overlap, missing)
    there = check_overlap(model.genes, cells.genes, min_overlap)
    groups = _groups(cells, batch)
    aligned: dict[str, Encoded] = {}
    if batch is None:
        encoded = model.encode_cells(cells, min_overlap=min_overlap, missing=missing)
    else:
        encoded, aligned = encoded_aligned(model, cells, groups, there, options)
    parts = []
    for label in model.labels:
        seen = aligned.get(label.name, encoded)
        score, unknown = _unknown(model, label, seen, None if batch is None else groups)
        share = _share(model, label, encoded, aligned.get(label.name), groups)
        parts.append(_predicted(model, label, seen, share, score, unknown, cells.obs.index))
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _groups(cells: Cells, batch: str | None) -> np.ndarray:
    if batch is None:
        return np.zeros(len(cells), dtype=np.int64)
    if batch not in cells.obs:
        known = ", ".join(map(str, cells.obs.columns)) or "none"
        raise fail("batch", f"obs has no column {batch!r}", f"take one of: {known}")
    return np.unique(cells.obs[batch].astype(str), return_inverse=True)[1]


def _unknown(
    model: CoordinateSystem, label: LabelInfo, seen: Encoded, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the unknown score of cells (n,), and whether they are unknown.

    A batch whose cells lie further from their class than validation cells is measured by its own scatter. The
    lower quartiles are compared, so that a batch may have many unknown cells.
    """
    nonconformity = model.confidence.nonconformity.get(label.name)
    if nonconformity is None:
        return np.full(len(seen.features), np.nan), np.zeros(len(seen.features), bool)
    share = None
    if label.discrete:
        share = model.confidence.probability(model.layout, label, seen.votes, seen.linear)
    raw, nearest = nonconformity.raw(seen.features, share)
    if groups is not None and len(nonconformity.reference):
        usual = np.quantile(nonconformity.reference, _QUANTILE)
        for at in np.unique(groups):
            inside = groups == at
            if inside.sum() >= MIN_CELLS:
                raw[inside] -= np.quantile(raw[inside], _QUANTILE) - usual
    return nonconformity.judged(raw, nearest)


def _share(
    model: CoordinateSystem, label: LabelInfo, whole: Encoded, aligned: Encoded | None, groups: np.ndarray
) -> np.ndarray | None:
    """Return the probabilities (n, K) of a discrete label, those of an aligned one as their batch allows."""
    if not label.discrete:
        return None
    before = model.confidence.probability(model.layout, label, whole.votes, whole.linear)
    if aligned is None:
        return before
    share = model.confidence.probability(model.layout, label, aligned.votes, aligned.linear)
    part = model.layout.part(label.name)
    return doubted(share, before, whole.votes[:, part], whole.linear[:, part], groups, MIN_CELLS)


def _predicted(
    model, label: LabelInfo, encoded: Encoded, share: np.ndarray | None, score, unknown, index: pd.Index
) -> dict[str, np.ndarray]:
    nothing = np.full(len(index), np.nan)
    if share is not None:
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
