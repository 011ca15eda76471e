"""What is compared: lines by a phenotype, within one cell type each if lines are divided by type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

COLUMN = "within"


@dataclass(frozen=True)
class Comparison:
    """Lines that are compared by a column.

    Attributes
    ----------
    label
        The phenotype in tables and figures: the column, followed by the cell type in brackets, if any.
    column
        Column of the table of lines.
    within
        Cell type of the lines; empty if lines are not divided.
    inside
        (L,) bool: the lines of that type.
    """

    label: str
    column: str
    within: str
    inside: np.ndarray


def kinds_of(lines: pd.DataFrame) -> list[str]:
    """Return the cell types by which lines are divided, in order; one empty text if they are not.

    Parameters
    ----------
    lines
        Table of lines.
    """
    return sorted(lines[COLUMN].dropna().astype(str).unique()) if COLUMN in lines else [""]


def of_kind(lines: pd.DataFrame, within: str) -> np.ndarray:
    """Return (L,) bool: the lines of a cell type; all if lines are not divided.

    Parameters
    ----------
    lines
        Table of lines.
    within
        From :func:`kinds_of`.
    """
    if COLUMN not in lines:
        return np.ones(len(lines), dtype=bool)
    return (lines[COLUMN].astype(str) == within).to_numpy()


def comparisons(lines: pd.DataFrame, columns: Sequence[str]) -> list[Comparison]:
    """Return every phenotype in every cell type; like is compared with like only.

    Parameters
    ----------
    lines
        Table of lines with a model.
    columns
        Columns of the phenotypes.

    Examples
    --------
    >>> lines = pd.DataFrame({"within": ["T", "B", "T"], "age": [3, 3, 4]})
    >>> [(one.label, one.inside.tolist()) for one in comparisons(lines, ["age"])]
    [('age (B)', [False, True, False]), ('age (T)', [True, False, True])]
    >>> comparisons(lines.drop(columns="within"), ["age"])[0].label
    'age'
    """
    return [
        Comparison(f"{column} ({kind})" if kind else column, column, kind, of_kind(lines, kind))
        for column in columns
        for kind in kinds_of(lines)
    ]
