"""Units sampled at one age: animals, samples, batches or cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from panscape.errors import fail
from panscape.log import logger

AUTO, CELL, STUDY = "auto", "cell", "study"
SAMPLE_COLUMNS = (
    "sample", "animal", "individual", "subject", "donor", "patient", "mouse", "embryo", "replicate",
    "library", "batch", "line",
)  # fmt: skip
"""Mapped columns that ``auto`` looks at."""
FEW_AGES, MANY_CELLS = 20, 10


@dataclass(frozen=True)
class Units:
    """The sampled units of one study.

    Parameters
    ----------
    column
        Column of the unit names; ``"study"``: the study is one unit; ``"cell"``: each cell is a unit.
    code
        int, (n_cells,): unit of each cell, from 0; -1 where the age is unknown.
    """

    column: str
    code: np.ndarray

    @property
    def number(self) -> int:
        """Return the number of units."""
        return int(self.code.max(initial=-1) + 1)


def choose_units(study: str, cells: pd.DataFrame, age: np.ndarray, wanted: str = AUTO) -> Units:
    """Choose the units that were sampled at one age in a study.

    With ``auto``, among the columns of :data:`SAMPLE_COLUMNS` in which every label has a single age, the one
    with the fewest labels is used (two samples of an animal are one animal). Without such a column, a study
    of a single age is one unit; otherwise each cell is a unit.

    Parameters
    ----------
    study
        Study id, for messages.
    cells
        One row per cell.
    age
        (n_cells,), NaN where unknown.
    wanted
        ``"auto"``, ``"cell"``, or the name of a column.

    Raises
    ------
    UserError
        If the column is missing, or a label has cells of several ages.

    Examples
    --------
    >>> cells = pd.DataFrame({"sample": ["s1", "s1", "s2"]})
    >>> choose_units("lab", cells, np.array([2.0, 2.0, 7.0])).column
    'sample'
    """
    known = np.isfinite(age)
    if wanted == CELL:
        return _each(known)
    if wanted != AUTO:
        return _named(study, cells, age, wanted)
    numbers = {}
    for name in SAMPLE_COLUMNS:
        if name in cells and not ages_differ(cells[name], age):
            numbers[name] = _codes(cells[name], known)
    if numbers:
        column = min(numbers, key=lambda name: numbers[name].max(initial=-1))
        return Units(column, numbers[column])
    ages = len(np.unique(age[known]))
    if ages == 1:
        return Units(STUDY, np.where(known, 0, -1))
    if 0 < ages <= FEW_AGES and known.sum() >= MANY_CELLS * ages:
        logger.warning(
            "study %s: %d ages, but no mapped column says which cells were sampled together; every cell "
            "counts as a sample, so p-values of age may be too small: map obs.sample",
            study, ages,
        )  # fmt: skip
    return _each(known)


def ages_differ(labels: pd.Series, age: np.ndarray) -> list[str]:
    """Return the labels with several ages (cells without a label count as one label)."""
    known = np.isfinite(age)
    text = labels.astype("object").where(labels.notna(), "").astype(str)
    groups = pd.Series(age[known]).groupby(text.to_numpy()[known])
    spread = groups.max() > groups.min()
    return [str(name) for name in spread.index[spread]]


def _named(study: str, cells: pd.DataFrame, age: np.ndarray, column: str) -> Units:
    if column not in cells:
        raise fail(
            "landscape.sample",
            f"study {study} has no column {column!r}",
            f"map obs.{column} in the study, or write {AUTO} or {CELL}",
        )
    if several := ages_differ(cells[column], age):
        raise fail(
            "landscape.sample",
            f"is {column}, but cells of {column} {several[0]!r} of study {study} have several ages",
            f"name a column whose cells were sampled at one age, or write {AUTO} or {CELL}",
        )
    return Units(column, _codes(cells[column], np.isfinite(age)))


def _codes(labels: pd.Series, known: np.ndarray) -> np.ndarray:
    text = labels.astype("object").where(labels.notna(), "").astype(str).to_numpy()
    code = np.full(len(text), -1, dtype=np.int64)
    code[known] = np.unique(text[known], return_inverse=True)[1]
    return code


def _each(known: np.ndarray) -> Units:
    return Units(CELL, np.where(known, np.cumsum(known) - 1, -1))


def describe_units(units: Sequence[Units]) -> str:
    """Return e.g. ``18 batch`` or ``1805 cell``: the number of units of each kind."""
    total: dict[str, int] = {}
    for one in units:
        if one.number:
            total[one.column] = total.get(one.column, 0) + one.number
    return ", ".join(f"{number} {column}" for column, number in total.items())
