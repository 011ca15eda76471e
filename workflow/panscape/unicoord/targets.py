"""Labels of cells as training targets and as the network's code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from panscape.data.labels import class_names
from panscape.unicoord.labels import Layout, numbers


@dataclass(frozen=True)
class Targets:
    """Labels of cells as training targets.

    Parameters
    ----------
    values
        (n, labels that are numbers) scaled; NaN where missing.
    codes
        (n, discrete labels) class numbers; -1 where missing or of a class that was left out.
    """

    values: np.ndarray
    codes: np.ndarray

    def rows(self, rows: np.ndarray) -> Targets:
        """Return the targets of some cells."""
        return Targets(self.values[rows], self.codes[rows])


def targets(obs: pd.DataFrame, layout: Layout) -> Targets:
    """Return the labels of cells as targets; values of absent columns are missing.

    Examples
    --------
    >>> from panscape.unicoord.labels import LabelInfo
    >>> layout = Layout((LabelInfo("type", "discrete", ("a", "b")),))
    >>> targets(pd.DataFrame({"type": ["b", None, "a"]}), layout).codes.ravel().tolist()
    [1, -1, 0]
    """
    n = len(obs)
    values = np.full((n, len(layout.values)), np.nan, dtype=np.float32)
    codes = np.full((n, len(layout.discrete)), -1, dtype=np.int64)
    for at, label in enumerate(layout.values):
        if label.name in obs:
            value = numbers(obs[label.name], label.classes, label.positions)
            values[:, at] = (label.forward(value) - label.mean) / label.sd
    for at, label in enumerate(layout.discrete):
        if label.name in obs:
            index = pd.Index(label.classes)
            codes[:, at] = index.get_indexer(pd.Index(class_names(obs[label.name])))
    return Targets(values, codes)


def codes(targets: Targets, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as the network's code (n, labels), and whether each column is known."""
    n = len(targets.codes)
    code, given = np.zeros((n, layout.width), np.float32), np.zeros((n, layout.width), bool)
    for at in range(len(layout.values)):
        column = targets.values[:, at]
        given[:, at] = np.isfinite(column)
        code[:, at] = np.where(given[:, at], column, 0)
    for at, label in enumerate(layout.discrete):
        class_code, part = targets.codes[:, at], layout.part(label.name)
        there = np.flatnonzero(class_code >= 0)
        code[there, part.start + class_code[there]] = 1
        given[there, part] = True
    return code, given
