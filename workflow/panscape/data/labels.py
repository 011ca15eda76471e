"""Class names, and labels that are missing or true and false in several notations."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

# words that stand for a missing value in annotations of cells, in any case
MISSING_WORDS = frozenset(
    [
        *("", "na", "n/a", "n.a.", "#n/a", "nan", "<na>", "null", "unknown", "missing", "-", "--", "?"),
        *("not available", "not applicable", "not reported", "not collected"),
    ]
)
LONGEST_ID = 80  # characters of names that become names of files
REPEATS = 20  # of Snakemake's search for periodic wildcards
_TRUTH = {"true": "True", "false": "False"}


def class_name(value: Any) -> str:
    """Return the name of a class; whole numbers without a decimal point."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def class_names(values: pd.Series) -> pd.Series:
    """Return the names of classes, as objects; missing ones stay missing."""
    return values.map(lambda value: None if pd.isna(value) else class_name(value)).astype(object)


def hyphenated(text: str) -> str:
    """Return a text with hyphens for all but letters and digits, as in names of files; may be empty.

    Examples
    --------
    >>> hyphenated("My study (1)")
    'My-study-1'
    """
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def present(labels: ArrayLike) -> np.ndarray:
    """Return the mask (n,) of labels that are not missing (None, NaN, "")."""
    column = pd.Series(list(np.asarray(labels, dtype=object)), dtype=object)
    return ~(column.isna() | (column.astype(str) == "")).to_numpy()


def id_fault(name: str, longest: int = LONGEST_ID) -> str:
    """Return why a text cannot be the name of files and folders of results; empty if it can.

    Snakemake refuses values of wildcards that end in 20 repeats of the same text, and takes long to find them
    in long names.

    Examples
    --------
    >>> id_fault("lab1-2019"), id_fault("ab" * 30)
    ('', "it ends in 'ab' repeated 30 times, at most 19 are possible")
    """
    if len(name) > longest:
        return f"it has {len(name):,} characters, at most {longest} are possible"
    for period in range(1, len(name) // REPEATS + 1):
        part, number = name[-period:], 1
        while name.endswith(part * (number + 1)):
            number += 1
        if number >= REPEATS:
            return f"it ends in {part!r} repeated {number} times, at most {REPEATS - 1} are possible"
    return ""


def missing_words(values: pd.Series) -> list[str]:
    """Return the labels of a column that stand for a missing value.

    They are :data:`MISSING_WORDS` in any case, and None as Python writes it. A minus is a label where a plus
    is one.

    Examples
    --------
    >>> missing_words(pd.Series(["neuron", "unknown", "N/A"])), missing_words(pd.Series(["+", "-"]))
    (['N/A', 'unknown'], [])
    """
    texts = {value for value in values.dropna().unique() if isinstance(value, str)}
    signs = {"-", "--"} if {"+", "++"} & texts else set()
    return sorted(
        text
        for text in texts - signs
        if text.strip().lower().replace("_", " ") in MISSING_WORDS or text.strip() == "None"
    )


def unify_truth(values: pd.Series) -> pd.Series:
    """Return a column with TRUE, true and Python's truth values as the labels True and False.

    Columns with any other text are unchanged.

    Examples
    --------
    >>> unify_truth(pd.Series(["TRUE", "false", None], dtype=object)).tolist()
    ['True', 'False', None]
    """
    kinds = {value: _TRUTH.get(str(value).lower()) for value in values.dropna().unique()}
    if (
        not kinds
        or None in kinds.values()
        or not all(isinstance(key, str | bool | np.bool_) for key in kinds)
    ):
        return values
    return values.map(lambda value: kinds.get(value, value) if not pd.isna(value) else value)
