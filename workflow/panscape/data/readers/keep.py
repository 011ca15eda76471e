"""Evaluation of filter expressions on cell annotations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.data.filter_expression import ORDER, Column, Literal, mistake, parse_keep
from panscape.data.labels import unify_truth
from panscape.data.readers.study import at, listing
from panscape.errors import UserError, fail


class _Values:
    """Evaluator of a parsed expression over a table of cells."""

    def __init__(self, text: str, obs: pd.DataFrame, where: str):
        self.text, self.obs, self.where = text, obs, where

    def mask(self, tree: tuple) -> np.ndarray:
        kind, *parts = tree
        if kind in ("and", "or"):
            combine: np.ufunc = np.logical_and if kind == "and" else np.logical_or
            return combine.reduce([self.mask(part) for part in parts])
        if kind == "not":
            return ~self.mask(parts[0])
        if kind == "true":
            return self._compare("==", parts[0], Literal(True, parts[0].position))
        if kind in ("in", "not in"):
            left, choices = parts
            hits = [self._compare("==", left, choice) for choice in choices]
            inside = np.logical_or.reduce([np.zeros(len(self.obs), bool), *hits])
            return inside if kind == "in" else ~inside & self._present(left)
        return self._compare(kind, *parts)

    def _present(self, operand: Column | Literal) -> np.ndarray:
        return pd.notna(self._values(operand)[1])

    def _values(self, operand: Column | Literal) -> tuple[str, np.ndarray]:
        """Return the kind of an operand (text, number or boolean) and its value for each cell."""
        if isinstance(operand, Literal):
            kind = {str: "text", float: "number", bool: "truth"}[type(operand.value)]
            return kind, np.full(len(self.obs), operand.value, dtype=object if kind == "text" else float)
        if operand.name not in self.obs:
            fix = f"columns: {listing(self.obs.columns, 40)}; put text in quotes"
            raise self._mistake(operand, f"there is no column {operand.name!r}", fix)
        return _kind(self.obs[operand.name])

    def _compare(self, sign: str, left: Column | Literal, right: Column | Literal) -> np.ndarray:
        (left_kind, a), (right_kind, b) = self._values(left), self._values(right)
        if {left_kind, right_kind} == {"text", "truth"}:  # TRUE of R and Excel is text
            (left_kind, a), (right_kind, b) = _as_truth(left_kind, a), _as_truth(right_kind, b)
        if left_kind != right_kind:
            problem = f"{self._say(left, left_kind)} is compared with {self._say(right, right_kind)}"
            fix = "write text in quotes; numbers, true and false without"
            raise self._mistake(right, problem, fix)
        if sign in ORDER and left_kind != "number":
            problem = f"{sign} between {left_kind} and {right_kind}"
            raise self._mistake(right, problem, "only numbers are ordered: use ==, != or in")
        if sign in ORDER:
            return ORDER[sign](a, b)
        present = pd.notna(a) & pd.notna(b)
        return present & ((a == b) if sign == "==" else (a != b))

    def _say(self, operand: Column | Literal, kind: str) -> str:
        if isinstance(operand, Literal):
            return f"the {kind} {operand.value!r}"
        examples = listing(self.obs[operand.name].dropna().unique()[:3])
        return f"column {operand.name!r} of {kind} (e.g. {examples})"

    def _mistake(self, operand: Column | Literal, problem: str, fix: str) -> UserError:
        return mistake(self.text, operand.position, problem, fix, self.where)


def _kind(column: pd.Series) -> tuple[str, np.ndarray]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if pd.api.types.is_bool_dtype(column.dtype) or (column.dtype == object and _all_bool(column)):
        return "truth", column.astype("boolean").to_numpy(dtype=float, na_value=np.nan)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "number", column.to_numpy(dtype=float, na_value=np.nan)
    present = column.dropna()
    if len(present) and present.map(lambda value: isinstance(value, int | float | np.number)).all():
        return "number", pd.to_numeric(column).to_numpy(dtype=float, na_value=np.nan)
    return "text", column.map(str, na_action="ignore").to_numpy(dtype=object, na_value=np.nan)


def _as_truth(kind: str, values: np.ndarray) -> tuple[str, np.ndarray]:
    """Return text that says true or false as numbers, anything else unchanged."""
    if kind != "text":
        return kind, values
    unified = unify_truth(pd.Series(values, dtype=object))
    if not set(unified.dropna()) <= {"True", "False"}:
        return kind, values
    return "truth", unified.map({"True": 1.0, "False": 0.0}).to_numpy(dtype=float)


def _all_bool(column: pd.Series) -> bool:
    present = column.dropna()
    return bool(len(present)) and bool(present.map(lambda value: isinstance(value, bool | np.bool_)).all())


def keep_mask(expression: str, obs: pd.DataFrame, where: str) -> np.ndarray:
    """Return the mask of cells that satisfy an expression.

    Parameters
    ----------
    expression
        E.g. ``"trajectory == 'neural tube' and 8 <= day < 12 and sample not in ['x', 'y']"``: ==, !=, <, <=,
        >, >=, in and not in with a list, and, or, not, parentheses; column names (in backticks unless plain
        words), texts in quotes, numbers, true, false. A comparison with a missing value is false.
    obs
        One row per cell, e.g. of :func:`panscape.data.readers.metadata.cell_table`.
    where
        Configuration key for error messages.

    Returns
    -------
    bool (n_cells,); all False if no cell satisfies the expression.

    Raises
    ------
    UserError
        If the expression is malformed, names an unknown column, or compares text with numbers.
    """
    return _Values(expression, obs, where).mask(parse_keep(expression, where))


def kept_cells(study: dict, table: pd.DataFrame, mapped: pd.DataFrame | None, where: str) -> np.ndarray:
    """Return the mask of cells that satisfy the study's `keep`, which may name original and mapped columns.

    Parameters
    ----------
    study
        One item of the configuration's `studies`, with `keep` set.
    table
        From :func:`panscape.data.readers.metadata.cell_table`; its columns take precedence over mapped ones
        of the same name.
    mapped
        From :func:`panscape.data.readers.metadata.read_metadata`; None if that failed.

    Returns
    -------
    bool (n_cells,).

    Raises
    ------
    UserError
        If the expression cannot be read or names an unknown column, or cells that it selects have the same
        name.
    """
    if mapped is not None:
        table = pd.concat([table, mapped[mapped.columns.difference(table.columns)]], axis=1)
    place = at(study, where, "keep")
    mask = keep_mask(study["keep"], table, place)
    names = table.index[mask]
    doubles = names[names.duplicated()].unique()
    if len(doubles):
        problem = f"{len(doubles)} barcodes occur more than once among the {len(names)} cells that it selects"
        fix = "select the cells of one sample, by a column of the file itself"
        raise fail(place, f"{problem}, e.g. {listing(doubles, 3)}", fix)
    return mask
