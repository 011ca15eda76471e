"""Files with the names of cells or features beside a Matrix Market matrix."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pandas as pd

from panscape.data.readers.study import Refused
from panscape.data.readers.text import open_bytes
from panscape.data.sheets import read_sheet
from panscape.data.text import decode
from panscape.log import logger

_COMMENTS = 1000  # lines of peaks.bed that are none
_HEADER = re.compile(
    r"x|v\d+|(cell|gene|feature|ensembl)?[_. ]?(barcode|bc|id|name|symbol|short[_. ]name|type)s?|"
    r"(cell|gene|feature|symbol)s?",
    re.IGNORECASE,
)


def read_names(path: Path, sizes: tuple[int, int], place: str) -> list[list[str]]:
    """Return the fields of every line of a file of names, separated by tabs.

    A header and a column of row numbers are no names and left out, which is logged; so are quotes around all
    fields.

    Parameters
    ----------
    path
        The file.
    sizes
        Rows and columns of the matrix: there are as many names as one of them.
    place
        Key and file for messages.

    Raises
    ------
    Refused
        If lines have different numbers of fields, are empty, or have quotes in some places.
    """
    lines = _lines(path, max(sizes), place)
    if any('"' in line for line in lines):
        quoted = [re.fullmatch(r'"[^"\t]*"(\t"[^"\t]*")*', line) for line in lines]
        if not all(quoted):
            raise Refused(f"{path.name} has quotes in some places", "write names without quotes")
        lines = [line.replace('"', "") for line in lines]
    width = next((line.count("\t") for line in lines if not line.startswith("#")), 0)
    for number, line in enumerate(lines, 1):
        if not line.strip() or (line.count("\t") != width and not line.startswith("#")):
            problem = f"{path.name}: line {number} is empty, or has another number of fields than the first"
            raise Refused(problem, "correct the line")
    rows = [line.split("\t") for line in lines]
    if _one_more(len(rows), sizes) and all(_HEADER.fullmatch(field.strip()) for field in rows[0]):
        logger.info("%s: the first line (%s) is a header", path, ", ".join(rows[0]))
        rows = rows[1:]
    if width and is_counted([row[0] for row in rows]):
        logger.info("%s: the first column has the numbers of the lines", path)
        rows = [row[1:] for row in rows]
    return rows


def read_name_table(path: Path, sizes: tuple[int, int], place: str) -> pd.DataFrame:
    """Return a table of names with a header, as Parse and R's write.csv make them, without row numbers.

    Parameters
    ----------
    path, sizes, place
        As for :func:`read_names`. A table without a header has one name less than the matrix, and its first
        line becomes a name.
    """
    sheet = read_sheet(str(path), place)
    if len(sheet) not in sizes and len(sheet) + 1 in sizes:
        logger.info("%s has no header: its first line is a name", path)
        first = sheet.columns.to_frame().T.set_axis(sheet.columns, axis=1)
        sheet = pd.concat([first, sheet], ignore_index=True)
    if sheet.shape[1] > 1 and is_counted(sheet.iloc[:, 0].tolist()):
        logger.info("%s: the first column has the numbers of the lines", path)
        sheet = sheet.iloc[:, 1:]
    return sheet


def is_counted(texts: list[str]) -> bool:
    """Return whether texts are the whole numbers from 0 or 1 on, in order.

    Examples
    --------
    >>> is_counted(["1", "2", "3"]), is_counted(["2", "3"]), is_counted(["ACTB"])
    (True, False, False)
    """
    return any(texts == [str(at) for at in range(first, first + len(texts))] for first in (0, 1))


def _one_more(number: int, sizes: tuple[int, int]) -> bool:
    return number - 1 in sizes and number not in sizes


def _lines(path: Path, most: int, place: str) -> list[str]:
    """Return the lines of a file, at most as many as the matrix has and some comments."""
    try:
        with open_bytes(path) as handle:
            lines = [line.decode("utf-8") for line in islice(handle, most + 1 + _COMMENTS)]
    except UnicodeDecodeError:  # UTF-16, or Latin-1 with a warning
        lines = decode(path, place).splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        logger.warning("%s: no end of line after the last name: it may have been cut", path)
    lines = [line.rstrip("\r\n") for line in lines]
    if lines:
        lines[0] = lines[0].removeprefix("\ufeff")
    return lines
