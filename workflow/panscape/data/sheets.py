"""Reader of metadata and gene-name tables."""

from __future__ import annotations

import csv
import io
import warnings
import zlib
from pathlib import Path

import pandas as pd

from panscape.data.readers.child import announce
from panscape.data.readers.study import Refused, listing
from panscape.data.readers.text import open_bytes
from panscape.errors import fail

MISSING = ("", "NA", "N/A", "NaN", "nan", "<NA>", "None")


def read_sheet(path: str, where: str) -> pd.DataFrame:
    """Read a TSV or CSV file (gzipped or not) with a header; all columns as text, missing values as NaN.

    Parameters
    ----------
    path
        The file, separated by tabs if its header has one, else by commas or semicolons.
    where
        Configuration key (and study) for error messages.

    Raises
    ------
    UserError
        If the file is missing, a folder, not UTF-8 or empty, or its lines do not match its header.
    """
    file = Path(path)
    if not file.is_file():
        problem = f"there is no file {path} (looked from {Path.cwd()})"
        if file.exists():
            problem = f"{path} is a folder" if file.is_dir() else f"{path} is a device, pipe or socket"
        raise fail(where, problem, "give the path of a TSV or CSV file")
    announce(path, where)
    try:
        with open_bytes(file) as handle:
            content = handle.read()
    except Refused as error:
        raise fail(where, f"{path}: {error}", error.fix) from error
    except (OSError, EOFError, zlib.error) as error:
        raise fail(where, f"{path} cannot be read ({error})", "copy it again") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise fail(
            where,
            f"{path} is not UTF-8: byte 0x{content[error.start]:02x} in line {line}",
            f"save it as UTF-8, e.g. iconv -f latin1 -t utf-8 {path}",
        ) from error
    head = text.partition("\n")[0]
    if not head.strip():
        raise fail(where, f"{path} is empty", "give a header and a line per cell or gene")
    sep = "\t" if "\t" in head else ";" if ";" in head and "," not in head else ","
    columns = _strict(path, text, head, sep, where)
    doubles = sorted({name for name in columns if columns.count(name) > 1})
    if doubles:
        raise fail(where, f"{path} has several columns of the same name: {listing(doubles)}", "rename them")
    last = text.rpartition("\n")[2]  # empty if the last line is whole
    if last and '"' not in last and len(last.split(sep)) < len(columns):
        problem = f"{path} ends in the middle of a line: {last[:60]!r}"
        raise fail(where, problem, "copy it again, or complete the line")
    try:
        options = {
            "sep": sep,
            "dtype": str,
            "keep_default_na": False,
            "na_values": MISSING,
            "index_col": False,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # fields beyond the header would be lost
            return pd.read_csv(io.StringIO(text), **options)
    except pd.errors.ParserWarning as error:
        problem = f"lines of {path} have more fields than its header ({listing(columns, 5)})"
        raise fail(where, problem, "name each column, also that of the row names") from error
    except (pd.errors.ParserError, ValueError) as error:
        raise fail(where, f"{path}: {error}", "correct the line") from error


def _strict(path: str, text: str, head: str, sep: str, where: str) -> list[str]:
    """Return the names in a header; a UserError if quotes or zero bytes would join lines."""
    try:
        columns = next(csv.reader([head], delimiter=sep, strict=True))
        if "\0" in text:
            raise csv.Error("zero bytes in the text")
        if '"' in text:
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=sep, strict=True):
                if any("\n" in field for field in row):
                    raise csv.Error(f"a field in quotes goes on in the next line: {listing(row, 2)[:60]!r}")
    except csv.Error as error:
        raise fail(where, f"{path}: {error}", "correct quotes, and write a line per cell or gene") from error
    return columns
