"""Columns of annotations as numbers or labels, with one notation for missing, true and false."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from panscape.data.ages import UNITS, proposal
from panscape.data.labels import class_name, missing_words, unify_truth
from panscape.data.readers.study import Refused, at, listing
from panscape.data.text import strip
from panscape.errors import fail
from panscape.log import logger

_LABELS = ("cell_type", "batch", "line", "platform")  # always text: plate 1 is not a number


def mapped_column(
    name: str, entry: dict, table: pd.DataFrame, study: dict, where: str, kept: np.ndarray | None = None
) -> pd.Series:
    """Return one annotation of the cells.

    Parameters
    ----------
    name
        Its name in panscape.
    entry
        Its `column` or `value`, `values`, `type` and, of an age, `unit`.
    table
        All columns of the file and the metadata sheet, one row per cell.
    study, where
        Configuration of the study and its key, for messages.
    kept
        Mask of the cells that the study's `keep` selects, if known: what others have need not be a number.

    Returns
    -------
    Numbers (float) or categories of text, one per cell; missing values are NaN.

    Raises
    ------
    UserError
        If the column is missing, has no values, or has text where numbers are expected.
    """
    place = at(study, where, f"obs.{name}")
    _check_entry(name, entry, place)
    if entry.get("value") is not None:
        values = pd.Series([entry["value"]] * len(table), index=table.index)
    else:
        column = entry["column"]
        if column not in table:
            raise fail(place, f"there is no column {column!r}", f"write one of: {listing(table.columns, 40)}")
        values = _plain(table[column])
        values = _without_missing_words(values, entry.get("values") or {}, study, name)
    if values.isna().all():
        raise fail(place, f"column {entry.get('column')!r} has no values at all", "map another column")
    asked = entry.get("type") or {"age": "number"}.get(name) or ("text" if name in _LABELS else None)
    if entry.get("values"):
        values = _translate(values, entry["values"], asked, place, kept)
    if asked is None:
        asked = "number" if pd.api.types.is_numeric_dtype(values) else "text"
    values = (
        _to_numbers(values.rename(name), entry, study, place, kept) if asked == "number" else _to_text(values)
    )
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
    """Return a column with text as stripped objects, numbers unchanged, and missing values as NaN."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype if values.notna().all() else object)
    if pd.api.types.is_bool_dtype(values) and values.notna().all():
        return values.map({True: "True", False: "False"}).astype(object)
    if pd.api.types.is_complex_dtype(values):
        raise Refused(f"column {values.name!r} has complex numbers", "write numbers without imaginary part")
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.astype(float)
    values = values.astype(object)
    values = values.where(values.notna(), np.nan)
    kinds = {type(value) for value in values[values.notna()].unique()}
    if str in kinds or kinds & {bool, np.bool_}:
        return unify_truth(values.map(lambda value: strip(value) if isinstance(value, str) else value))
    return pd.to_numeric(values)


def _without_missing_words(values: pd.Series, meanings: dict, study: dict, name: str) -> pd.Series:
    """Return a column with NaN for words that stand for a missing value and are not translated."""
    words = [word for word in missing_words(values) if word not in meanings]
    if not words:
        return values
    hits = values.isin(words)
    logger.info(
        "%s: %s: %s of %s cells have %s, taken as missing (values: {WORD: WORD} in obs.%s keeps a word)",
        study.get("id"), name, int(hits.sum()), len(values), listing(map(repr, words)), name,
    )  # fmt: skip
    return values.mask(hits, np.nan)


def _translate(
    values: pd.Series, meanings: dict, asked: str | None, place: str, kept: np.ndarray | None
) -> pd.Series:
    table = {class_name(key): np.nan if value is None else value for key, value in meanings.items()}
    unified = unify_truth(pd.Series(list(table), dtype=object))
    table |= dict(zip(unified, table.values(), strict=True))
    known = values.map(lambda value: value is np.nan or pd.isna(value) or class_name(value) in table)
    if asked == "number" and not known.all():
        values = values.where(known | _selected(values, kept))
        lacking = values[~known & values.notna()].map(class_name).unique()
        if len(lacking):
            fix = f"add them, or write {lacking[0]!r}: missing, or leave these cells out by keep"
            if decimal_commas(values) is not values:
                fix = "remove values: numbers with a decimal comma are read as they are"
            raise fail(place, f"values has no number for {listing(sorted(lacking))}", fix)
    result = values.map(lambda value: value if pd.isna(value) else table.get(class_name(value), value))
    return pd.Series(result.infer_objects(), index=values.index)


def _selected(values: pd.Series, kept: np.ndarray | None) -> pd.Series:
    return pd.Series(True if kept is None else kept, index=values.index)


def _to_numbers(
    values: pd.Series, entry: dict, study: dict, place: str, kept: np.ndarray | None
) -> pd.Series:
    values = decimal_commas(values)
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    wrong = values[numbers.isna() & values.notna() & _selected(values, kept)]
    if len(wrong):
        texts = sorted(wrong.map(class_name).unique())
        source = f"column {entry['column']!r}" if entry.get("column") else "value"
        raise fail(
            place,
            f"{source} has text where numbers are expected: {listing(texts, 5)}",
            _advice(str(values.name), texts, values, entry, study),
        )
    if np.isinf(numbers).any():
        raise fail(place, "infinite values", "correct the column")
    return numbers


def _advice(name: str, texts: list[str], values: pd.Series, entry: dict, study: dict) -> str:
    """Return what to write for a column of numbers that has text, ready to be pasted if it can be."""
    column = entry.get("column") or "..."
    every = sorted(values.dropna().map(class_name).unique())
    if len(every) > 200:
        return "map a numeric column, or write a number for each label in values: {LABEL: NUMBER, ...}"
    proposed = proposal(every, study.get("species"), entry.get("unit")) if name == "age" else ""
    if proposed:
        settings, _, note = proposed.partition("} (")
        settings = settings.removesuffix("}") + "}"
        remark = f" ({note}" if note else ""
        return f"check and write age: {{column: {column}, {settings}}}{remark}, or map a numeric column"
    labels = ", ".join(f"{text}: ..." for text in texts[:3])
    more = ", ..." if len(texts) > 3 else ""
    return f"map a numeric column, or translate each value: {{column: {column}, values: {{{labels}{more}}}}}"


def decimal_commas(values: pd.Series) -> pd.Series:
    """Return a column of text with decimal commas as numbers, other columns unchanged.

    Where all fractions have three digits, the comma may separate thousands: unchanged.

    Examples
    --------
    >>> decimal_commas(pd.Series(["10,5", "8", None])).tolist()
    [10.5, 8.0, nan]
    """
    if values.dtype != object and not isinstance(values.dtype, pd.StringDtype):
        return values
    texts = list(values.dropna().unique())
    if not texts or not all(isinstance(text, str) for text in texts):
        return values
    if not all(re.fullmatch(r"-?\d+(,\d+)?", text) for text in texts):
        return values
    fractions = [text.partition(",")[2] for text in texts if "," in text]
    if not fractions or all(len(fraction) == 3 for fraction in fractions):
        return values
    return values.map(lambda text: float(text.replace(",", ".")), na_action="ignore").astype(float)


def _to_text(values: pd.Series) -> pd.Series:
    texts = values.map(lambda value: np.nan if pd.isna(value) else class_name(value)).astype(object)
    return pd.Series(pd.Categorical(texts), index=values.index)
