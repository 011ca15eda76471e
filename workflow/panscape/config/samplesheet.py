"""Studies from a table with one row per study, instead of the list in YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from panscape.config.schema import Schema, accepts
from panscape.data.sheets import read_sheet
from panscape.errors import Problem, fail

KEY = "samplesheet"


def with_studies(value: dict[str, Any], whole: Schema, problems: list[Problem]) -> dict[str, Any]:
    """Return a configuration whose studies are those of its samplesheet, if it names one.

    Columns of the sheet are keys of a study, inner ones with dots (``obs.age.column``); lists are separated
    by blanks, commas or semicolons; empty fields are left out. Other values are what they would be in YAML,
    except where a key takes text alone.

    Parameters
    ----------
    value
        The configuration, normalised; not modified.
    whole
        Its schema.
    problems
        A problem is appended if studies are listed, too, or a column is no key.

    Raises
    ------
    UserError
        If the sheet cannot be read.
    """
    path = value.get(KEY)
    if not path or not isinstance(path, str):
        return value
    if value.get("studies"):
        problems.append(Problem(KEY, "there are studies as well", "give the studies in one of the two"))
        return value
    sheet = read_sheet(path, KEY)
    if not len(sheet):
        raise fail(KEY, f"{path} has no study", "write a line per study")
    item = whole["properties"]["studies"]["items"]
    parts = {column: _part(item, column) for column in sheet}
    for column, part in parts.items():
        if part is None:
            known = ", ".join(list(item["properties"])[:12])
            fix = f"columns are keys of a study, such as {known}, obs.age, obs.cell_type, qc.min_genes"
            problems.append(Problem(KEY, f"{path}: there is no key {column!r}", fix))
    rows = [line.dropna().to_dict() for _, line in sheet.iterrows()]
    studies = [_nested(row, parts) for row in rows]
    return {**value, "studies": studies}


def _part(item: Schema, column: str) -> Schema | None:
    """Return the schema of a column's key, None if there is none."""
    part: Any = item
    for name in str(column).split("."):
        other = part.get("additionalProperties")
        part = part.get("properties", {}).get(name, other if isinstance(other, dict) else None)
        if part is None:
            return None
    return part


def _nested(row: Mapping[str, str], parts: Mapping[str, Schema | None]) -> dict[str, Any]:
    """Return a row as nested mappings."""
    study: dict[str, Any] = {}
    for column, text in row.items():
        part = parts[column]
        if part is None:
            continue
        *outer, last = column.split(".")
        inside = study
        for name in outer:
            known = inside.get(name)
            if isinstance(known, str):  # obs.age beside obs.age.unit: the column of the file
                known = {"column": known}
            inside[name] = known if isinstance(known, dict) else {}
            inside = inside[name]
        value = _value(text, part)
        if isinstance(inside.get(last), dict) and isinstance(value, str):
            inside[last]["column"] = value
        else:
            inside[last] = value
    return study


def _value(text: str, part: Schema) -> Any:
    if accepts(part, "array") and "items" in part:
        return [word for word in re.split(r"[\s,;]+", text) if word]
    numeric = accepts(part, "number") or accepts(part, "integer")
    if (accepts(part, "string") and not numeric) or "x-short" in part:
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
