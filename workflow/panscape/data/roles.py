"""Roles of annotations, and the names of columns that they usually have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# names of columns by role, in order of preference, without capitals and punctuation
ROLES = {
    "cell_type": (
        *("celltype", "celltypes", "cellontologyclass", "cellannotation", "annotation", "celllabel"),
        "broadcelltype",
    ),
    "line": (
        *("line", "lines", "cellline", "donor", "donorid", "individual", "patient", "subject", "animal"),
        *("mouseid", "sampleid"),
    ),
    "batch": (
        *("batch", "batches", "library", "libraryid", "sample", "run", "plate", "origident", "channel"),
    ),
    "platform": ("platform", "assay", "technology", "method", "protocol"),
    "age": (
        *("age", "ageyears", "agedays", "day", "days", "embryotime", "time", "timepoint", "timeh"),
        *("developmentstage", "stage"),
    ),
}


def plain(name: object) -> str:
    """Return a name without capitals and punctuation.

    Examples
    --------
    >>> plain("orig.ident"), plain("Cell_Type")
    ('origident', 'celltype')
    """
    return re.sub(r"[\W_]", "", str(name).lower())


def taken(entries: Mapping[str, Any]) -> dict[str, str]:
    """Return the column, or the constant, that each annotation of a study is taken from.

    Examples
    --------
    >>> taken({"age": {"column": "day", "unit": "days"}, "line": {"value": "H9"}, "batch": None})
    {'age': 'day', 'line': "'H9'"}
    """
    result = {}
    for name, entry in entries.items():
        if isinstance(entry, str):
            result[name] = entry
        elif entry and entry.get("column") is not None:
            result[name] = str(entry["column"])
        elif entry and entry.get("value") is not None:
            result[name] = repr(entry["value"])
    return result


def not_taken(columns: Iterable[Any], roles: Mapping[str, str]) -> dict[str, str]:
    """Return the role that columns have by their name, for roles that no annotation of the study has.

    Parameters
    ----------
    columns
        Columns of the file and the metadata sheet.
    roles
        From :func:`taken`.

    Examples
    --------
    >>> not_taken(["CellType", "day", "x"], {"age": "day"})
    {'CellType': 'cell_type'}
    """
    forms = {name: role for role, names in ROLES.items() for name in names if role not in roles}
    used = set(roles.values())
    return {
        str(column): forms[plain(column)]
        for column in columns
        if plain(column) in forms and str(column) not in used
    }
