"""Fields of the lines of a text table: separator, quotes, and columns of text before the counts."""

from __future__ import annotations

import csv

from panscape.data.readers.study import Refused
from panscape.data.text import separator_of


def find_separator(lines: list[str], usual: str) -> str:
    """Return the separator of the fields: the usual one if it splits header and first line alike.

    Parameters
    ----------
    lines
        The header and lines after it, without their ends.
    usual
        The separator of the format.

    Examples
    --------
    >>> find_separator(["cell;A;B", "c1;1,0;2,0"], ",")
    ';'
    """
    head, first = (len(cut(line, usual)) for line in lines[:2])
    if head > 1 and first - head in (0, 1):
        return usual
    other = separator_of(lines)
    return other if len(cut(lines[1], other)) > 1 else usual


def cut(line: str, separator: str) -> list[str]:
    """Return the fields of a line."""
    return next(csv.reader([line], delimiter=separator), [])


def first_field(text: str, separator: str, number: int) -> tuple[str, str]:
    """Return the first field of a text, without its quotes, and what comes after it.

    Parameters
    ----------
    text
        A line or the rest of one.
    separator
        Separator of the fields.
    number
        Number of the line, for messages.

    Raises
    ------
    Refused
        If the field has a quote in it, or a zero byte.

    Examples
    --------
    >>> first_field('"a, b",1,2', ",", 2)
    ('a, b', '1,2')
    """
    quoted = text.startswith('"')
    name, mark, rest = text[1:].partition(f'"{separator}') if quoted else text.partition(separator)
    if '"' in name or "\0" in name or (quoted and not mark):
        if not quoted or not mark or "\0" in name or '"' in name.replace('""', ""):
            raise Refused(
                f"line {number}: the row name {text[:40]!r} has a quote or zero byte in it",
                "put a quote before and after each name, or none",
            )
        name = name.replace('""', '"')
    return name, rest


def n_annotations(columns: list[str], rows: list[list[str]]) -> int:
    """Return how many columns at the start are no counts: those of featureCounts, or text in all rows.

    Examples
    --------
    >>> n_annotations(["symbol", "c1", "c2"], [["ACTB", "1", "0"], ["GAPDH", "2", "1"]])
    1
    """
    if columns[:5] == ["Chr", "Start", "End", "Strand", "Length"]:
        return 5
    number = 0
    for column in zip(*rows, strict=False):
        if len(rows) < 2 or not all(map(_is_text, column)):
            break
        number += 1
    return number if number < len(columns) else 0


def _is_text(field: str) -> bool:
    """Return whether a field is neither a number nor missing."""
    if field.strip().lower() in ("", "na", "nan", "inf", "null", "none"):
        return False
    try:
        float(field.replace(",", "."))
    except ValueError:
        return True
    return False
