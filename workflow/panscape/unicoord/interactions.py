"""Interactions of labels: how the unsupervised coordinates differ between pairs of classes.

The decoder adds the effects of labels almost linearly, so what a treatment does to one cell type only lies in
the unsupervised coordinates. When a label is set, they are therefore moved from the training mean of a cell's
pair of classes (treatment and type) to that of the new pair. The mean of a pair without training cells is
predicted from the effects on other classes by ridge regression on the classes' mean expression. The mean of a
measured pair is shrunk to that prediction, the more so the less the classes differ beyond noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from panscape.unicoord.labels import Layout

RIDGE, MEAN, POOLED = "ridge of effects", "mean of effects", "pooled shift"


@dataclass(frozen=True)
class Interaction:
    """How the unsupervised coordinates depend on the classes of two labels.

    Attributes
    ----------
    label
        The label that is set.
    context
        The label whose classes respond differently to it.
    latent
        (A, B, k) mean coordinates of each pair of classes; those of pairs without cells are predicted.
    cells
        (A, B) training cells of the pairs.
    scores
        Effects of each class of `label` on each class of `context`, predicted without this pair: value,
        class, model (``ridge of effects``, ``mean of effects``, ``pooled shift``), r and mse_share (squared
        error as a fraction of the squared effect).
    """

    label: str
    context: str
    latent: np.ndarray
    cells: np.ndarray
    scores: tuple[dict[str, Any], ...] = ()


def agreement(predicted: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Return Pearson's r of two changes (G,) and the squared error as a fraction of the squared true change.

    r is 0 if one of them is the same for all genes.

    Examples
    --------
    >>> agreement(np.array([1.0, 0.0, -1.0]), np.array([2.0, 0.0, -2.0]))
    (1.0, 0.25)
    """
    size = float((true**2).sum())
    varies = np.ptp(predicted) > 0 and np.ptp(true) > 0
    r = float(np.corrcoef(predicted, true)[0, 1]) if varies else 0.0
    return round(r, 6), round(float(((predicted - true) ** 2).sum()) / max(size, 1e-12), 6)


def moved(
    layout: Layout, interactions: Mapping[str, Interaction], now: np.ndarray, then: np.ndarray
) -> np.ndarray | float:
    """Return by how much the unsupervised coordinates move when labels change (n, k), or 0.0.

    Parameters
    ----------
    layout
        The labels.
    interactions
        Label -> its interaction.
    now, then
        (n, labels) codes before and after; classes may be mixed.
    """
    change: np.ndarray | float = 0.0
    walk = now.copy()
    for label in layout.discrete:
        part = layout.part(label.name)
        step = then[:, part] - walk[:, part]
        if label.name in interactions and step.any():
            interaction = interactions[label.name]
            context = walk[:, layout.part(interaction.context)].argmax(axis=1)
            change = change + np.einsum("na,nak->nk", step, interaction.latent.transpose(1, 0, 2)[context])
        walk[:, part] = then[:, part]
    return change
