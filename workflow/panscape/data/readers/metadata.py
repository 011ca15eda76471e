"""Cell annotations: columns of the file or of a metadata sheet, under panscape's names."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from panscape.data.readers.barcodes import rows_of
from panscape.data.readers.source import Source
from panscape.data.readers.study import Refused, at, damage_told, listing
from panscape.data.sheets import MISSING, read_sheet
from panscape.errors import Problem, UserError, fail
from panscape.log import logger

# days per unit; mean calendar months and years
UNITS = {
    "minutes": 1 / 1440,
    "hours": 1 / 24,
    "days": 1.0,
    "weeks": 7.0,
    "months": 365.25 / 12,
    "years": 365.25,
}
_LABELS = ("cell_type", "batch", "line", "platform")  # always text: plate 1 is not a number


def convert_age(values: Any, unit: str, to: str) -> Any:
    """Convert ages to another unit.

    Parameters
    ----------
    values
        A number, array or Series of ages.
    unit, to
        Present and wanted unit, keys of :data:`UNITS`.

    Returns
    -------
    The converted ages, shaped as `values`; `values` itself if the units are equal.

    Raises
    ------
    KeyError
        If the units differ and one of them is unknown.
    """
    return values if unit == to else values * (UNITS[unit] / UNITS[to])


def collection_age_unit(studies: list[dict], age_unit: str | None = None) -> str | None:
    """Return the age unit of a collection: `age_unit` if given, else that of the first study with one.

    Raises
    ------
    UserError
        If only some of the studies with ages give a unit.
    """
    units = {}
    for index, study in enumerate(studies):
        entry = (study.get("obs") or {}).get("age")
        if entry is not None:
            units[index] = entry.get("unit") if isinstance(entry, dict) else None
    named = [unit for unit in units.values() if unit]
    if not named and not age_unit:
        return None
    target = age_unit or named[0]
    if target not in UNITS:
        raise fail("age_unit", f"{target!r} is not a unit of time", f"write one of: {listing(UNITS)}")
    lacking = [
        Problem(
            at(studies[index], f"studies[{index}]", "obs.age"),
            f"the age has no unit, but the collection's is {target}",
            f"write age: {{column: ..., unit: {target}}} (or {listing(UNITS)})",
        )
        for index, unit in units.items()
        if not unit
    ]
    if lacking:
        raise UserError(lacking)
    return target


def cell_table(study: dict, source: Source, where: str) -> pd.DataFrame:
    """Return all annotations of a study's cells: those of the file, then those of its metadata sheet.

    Parameters
    ----------
    study
        One item of the configuration's `studies`. Its `metadata` gives the `path` of the sheet, without which
        only the file is read, and `barcode`, the column of cell names (None: the first column); `strip`,
        `prefix` and `suffix` make names of cells of them (:func:`panscape.data.readers.barcodes.rows_of`).
    source
        The open study.
    where
        Configuration key of the study for error messages.

    Returns
    -------
    One row per cell, in the order of `source.cells`. Columns of the sheet replace columns of the file of the
    same name; they are NaN for cells that are not in the sheet.

    Raises
    ------
    UserError
        If the file or sheet is damaged, or the sheet lacks the column, repeats a barcode or matches no cell.
    """
    table = source.obs
    settings = study.get("metadata") or {}
    if not settings.get("path"):
        return table
    place = at(study, where, "metadata.path")
    sheet = read_sheet(settings["path"], place)
    barcode = settings.get("barcode") or sheet.columns[0]
    if barcode not in sheet:
        fix = f"write one of: {listing(sheet.columns)}"
        raise fail(at(study, where, "metadata.barcode"), f"{settings['path']} has no column {barcode!r}", fix)
    names = sheet[barcode].fillna("")
    doubles = names[names.duplicated()].unique()
    if len(doubles):
        problem = f"{settings['path']} has {len(doubles)} barcodes more than once, e.g. {listing(doubles, 3)}"
        raise fail(at(study, where, "metadata.barcode"), problem, "keep one line per cell")
    position = rows_of(
        source.cells,
        pd.Index(names),
        settings,
        at(study, where, "metadata.barcode"),
        f"{where}.metadata",
        what="sheet",
    )
    unmatched = int((position < 0).sum())
    logger.info(
        "%s: %s cells without a line in %s, %s lines without a cell",
        study.get("id"), unmatched, settings["path"], len(sheet) - (len(position) - unmatched),
    )  # fmt: skip
    problem = sheet.drop(columns=barcode)
    joined = problem.reindex(position).set_axis(source.cells, axis=0)
    joined = joined.apply(_numbers_if_all)
    return pd.concat([table.drop(columns=table.columns.intersection(joined.columns)), joined], axis=1)


def read_metadata(study: dict, source: Source, where: str, age_unit: str | None = None) -> pd.DataFrame:
    """Return the mapped annotations of a study.

    Parameters
    ----------
    study
        One item of the configuration's `studies`. Its `obs` maps names (`age`, `cell_type`, `batch`, `line`,
        `platform` or any other) to a column name, ``{column: NAME}`` or ``{value: CONSTANT}``; `values`
        optionally translates the values of a column, and age takes a `unit`.
    source
        The open study.
    where
        Configuration key of the study for error messages.
    age_unit
        Unit that ages are converted to (see :func:`collection_age_unit`); None leaves them unchanged.

    Returns
    -------
    DataFrame indexed by cell, one column per mapped name: `age` float; cell_type, batch, line and platform
    categories of text; others float or categories, as in the file. Missing values are NaN.

    Raises
    ------
    UserError
        If columns are missing, have no values, or contain text where numbers are expected; lists all
        problems.
    """
    entries = study.get("obs") or {}
    table = cell_table(study, source, where)
    columns: dict[str, pd.Series] = {}
    problems: list[Problem] = []
    for name, entry in entries.items():
        if entry is None:
            continue
        entry = {"column": entry} if isinstance(entry, str) else entry
        try:
            with damage_told(study, where, f"annotation {name}"):
                values = _column(name, entry, table, study, where)
            if age_unit and entry.get("unit"):  # of age: no other entry has one
                values = convert_age(values, entry["unit"], age_unit)
            columns[name] = values
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    return pd.DataFrame(columns, index=source.cells)


def _column(name: str, entry: dict, table: pd.DataFrame, study: dict, where: str) -> pd.Series:
    place = at(study, where, f"obs.{name}")
    _check_entry(name, entry, place)
    if entry.get("value") is not None:
        values = pd.Series([entry["value"]] * len(table), index=table.index)
    else:
        column = entry["column"]
        if column not in table:
            raise fail(place, f"there is no column {column!r}", f"write one of: {listing(table.columns, 40)}")
        values = _plain(table[column])
    if values.isna().all():
        raise fail(place, f"column {entry.get('column')!r} has no values at all", "map another column")
    asked = entry.get("type") or {"age": "number"}.get(name) or ("text" if name in _LABELS else None)
    if entry.get("values"):
        values = _translate(values, entry["values"], asked, place)
    if asked is None:
        asked = "number" if pd.api.types.is_numeric_dtype(values) else "text"
    values = _to_numbers(values, entry, place) if asked == "number" else _to_text(values)
    missing = int(values.isna().sum())
    if missing:
        logger.info("%s: %s of %s cells have no %s", study.get("id"), missing, len(values), name)
    return values.rename(name)


def _check_entry(name: str, entry: dict, place: str) -> None:
    if (entry.get("value") is None) == (entry.get("column") is None):
        raise fail(
            place,
            "neither or both of column and value are given",
            "write {column: NAME} or {value: CONSTANT}",
        )
    unit = entry.get("unit")
    if unit and name != "age":
        raise fail(place, "only age has a unit", "remove the unit")
    if unit and unit not in UNITS:
        raise fail(place, f"{unit!r} is not a unit of time", f"write one of: {listing(UNITS)}")


def _plain(values: pd.Series) -> pd.Series:
    """Return a column with text as objects, numbers unchanged, and missing values as NaN."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype if values.notna().all() else object)
    if pd.api.types.is_bool_dtype(values):
        return values.map({True: "True", False: "False"})
    if pd.api.types.is_complex_dtype(values):
        raise Refused(f"column {values.name!r} has complex numbers", "write numbers without imaginary part")
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(float)
    values = values.astype(object)
    values = values.where(values.notna(), np.nan)
    if values.map(lambda value: isinstance(value, str)).any():
        return values.map(lambda value: np.nan if value in MISSING else value)
    return pd.to_numeric(values)


def _text_of(value: object) -> str:
    """Return a value as text; whole numbers without a decimal point."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _translate(values: pd.Series, meanings: dict, asked: str | None, place: str) -> pd.Series:
    table = {_text_of(key): value for key, value in meanings.items()}
    known = values.map(lambda value: value is np.nan or pd.isna(value) or _text_of(value) in table)
    if asked == "number" and not known.all():
        lacking = values[~known].map(_text_of).unique()
        raise fail(place, f"values has no number for {listing(sorted(lacking))}", "add them")
    result = values.map(lambda value: value if pd.isna(value) else table.get(_text_of(value), value))
    return pd.Series(result.infer_objects(), index=values.index)


def _to_numbers(values: pd.Series, entry: dict, place: str) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    wrong = values[numbers.isna() & values.notna()]
    if len(wrong):
        texts = sorted(wrong.map(_text_of).unique())
        pairs = ", ".join(f"{text}: {_guess(text)}" for text in texts[:3])
        source = f"column {entry['column']!r}" if entry.get("column") else "value"
        raise fail(
            place,
            f"{source} has text where numbers are expected: {listing(texts, 5)}",
            f"map a numeric column, or translate each value: {{column: {entry.get('column') or '...'}, "
            f"values: {{{pairs}{', ...' if len(texts) > 3 else ''}}}}}",
        )
    if np.isinf(numbers).any():
        raise fail(place, "infinite values", "correct the column")
    return numbers


def _guess(text: str) -> str:
    number = re.search(r"\d+(?:\.\d+)?", text)
    return number[0] if number else "..."


def _to_text(values: pd.Series) -> pd.Series:
    texts = values.map(lambda value: np.nan if pd.isna(value) else _text_of(value)).astype(object)
    return pd.Series(pd.Categorical(texts), index=values.index)


def _numbers_if_all(values: pd.Series) -> pd.Series:
    if values.str.match(r"0\d").any():  # 007 is a name, not a number
        return values
    try:
        return pd.to_numeric(values)
    except ValueError:
        return values
