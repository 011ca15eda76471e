"""Reader of metadata sheets, gene tables and other tables with a header."""

from __future__ import annotations

import csv
import io
import itertools

import pandas as pd

from panscape.data.readers.study import listing
from panscape.data.text import LOOKED_AT, decode, separator_of, strip, unpadded
from panscape.errors import fail
from panscape.log import logger

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "N.A.", "NaN", "nan", "<NA>", "None", "NULL", "null")
ROW_NAMES = "row names"  # the column that R's write.table leaves unnamed


def read_sheet(path: str, where: str) -> pd.DataFrame:
    """Read a table with a header; all columns as text, missing values as NaN.

    Files as Excel, R, Python and people write them: gzipped or not, UTF-8 or UTF-16 (Latin-1 with a warning),
    fields separated by tabs, commas, semicolons, bars or blanks (R), with lines of comments (``#``) first, a
    header that names no column of row names (R), empty lines, separators at the ends of lines, and blanks
    around fields, which are removed.

    Parameters
    ----------
    path
        The file.
    where
        Configuration key (and study) for error messages.

    Raises
    ------
    UserError
        If the file is missing, a folder, an Excel workbook, not text or empty, or a line has more or fewer
        fields than its header.
    """
    text = decode(path, where)
    skipped, head, separator = _start(text)
    if not head.strip():
        raise fail(where, f"{path} is empty", "give a header and a line per cell or gene")
    body = text[skipped:]
    columns = [strip(name) for name in next(csv.reader([head], delimiter=separator))]
    while columns and not columns[-1]:  # Excel ends lines with separators
        columns.pop()
    try:
        names, columns = columns, _with_row_names(body, columns, separator)
    except csv.Error as error:
        raise fail(where, f"{path}: {error}", "correct the quotes") from error
    if len(columns) > len(names):
        logger.info("%s: the first column of %s has no name, as in R: %s", where, path, ROW_NAMES)
    doubles = sorted({name for name in columns if columns.count(name) > 1})
    if doubles:
        raise fail(where, f"{path} has several columns of the same name: {listing(doubles)}", "rename them")
    before = text[:skipped].count("\n")
    widest = _check_widths(body, columns, separator, before, path, where)
    try:
        table = pd.read_csv(
            io.StringIO(body),
            sep=separator,
            header=None,
            skiprows=1,
            names=range(widest),
            usecols=range(len(columns)),
            dtype=str,
            keep_default_na=False,
            na_values=list(MISSING),
            index_col=False,
        )
    except (pd.errors.ParserError, ValueError) as error:  # a quotation mark that is never closed
        raise fail(where, f"{path}: {error}", "correct the line") from error
    table.columns = pd.Index(columns)
    if not unpadded(body, separator):
        table = table.apply(lambda column: column.str.strip().map(strip, na_action="ignore"))
        table = table.mask(table.isin(MISSING))
    return table


def _start(text: str) -> tuple[int, str, str]:
    """Return where the header begins, the header, and the separator of the fields."""
    lines = list(itertools.islice(io.StringIO(text), 10_000))
    first = next((at for at, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if first is None:
        return 0, "", ","
    after = [line.rstrip("\n") for line in lines[first : first + LOOKED_AT] if line.strip()]
    # "#cell<tab>type" is a header, "# made by ..." is none
    if first and lines[first - 1][:1] == "#" and lines[first - 1][1:2].strip():
        named = lines[first - 1][1:].rstrip("\n")
        separator = separator_of([named, *after])
        widths = {len(fields) for fields in csv.reader([named, *after], delimiter=separator)}
        if len(widths) == 1 and widths != {1}:
            begin = sum(map(len, lines[: first - 1])) + 1
            return begin, named, separator
    head = after[0]
    return sum(map(len, lines[:first])), head, separator_of(after)


def _rows(body: str, separator: str):
    """Yield (number of the line's end, fields) of every line after the header that is not empty."""
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
    next(reader)
    for fields in reader:
        if fields:
            yield reader.line_num, fields


def _with_row_names(body: str, columns: list[str], separator: str) -> list[str]:
    """Return the names of the columns, with one for row names that R's header leaves out."""
    looked = [fields for _, fields in itertools.islice(_rows(body, separator), LOOKED_AT)]
    longer = len(columns) + 1
    if looked and all(len(fields) == longer for fields in looked) and any(fields[-1] for fields in looked):
        return [ROW_NAMES, *columns]
    return columns


def _check_widths(body: str, columns: list[str], separator: str, before: int, path: str, where: str) -> int:
    """Return the number of fields of the longest line; a UserError if lines do not agree with the header."""
    widest, n_columns = len(columns), len(columns)
    end = 0
    try:
        for end, fields in _rows(body, separator):
            if '"' in body and any("\n" in field for field in fields):
                problem = f"a field of {path} in quotes goes on in the next line, before line {before + end}"
                raise fail(where, f"{problem}: {listing(fields, 2)[:60]!r}", "correct the quotes")
            if len(fields) == n_columns:
                continue
            if (len(fields) < n_columns and fields != [""]) or any(map(strip, fields[n_columns:])):
                problem = (
                    f"line {before + end} of {path} has {len(fields)} fields ({listing(fields, 4)}), its "
                    f"header {n_columns} ({listing(columns, 5)})"
                )
                raise fail(where, problem, "complete or correct the line, or copy the file again")
            widest = max(widest, len(fields))
    except csv.Error as error:
        raise fail(where, f"{path}, line {before + end + 1}: {error}", "correct the line") from error
    return widest
