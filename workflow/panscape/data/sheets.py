"""Reader of metadata and gene-name tables."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
import zlib
from pathlib import Path

import pandas as pd

from panscape.data.readers.study import listing, open_bytes
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
        problem = (
            f"{path} is a folder" if file.is_dir() else f"there is no file {path} (looked from {Path.cwd()})"
        )
        raise fail(where, problem, "give the path of a TSV or CSV file")
    try:
        with open_bytes(file) as handle:
            content = handle.read()
    except (OSError, EOFError, zlib.error, gzip.BadGzipFile) as error:
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
    columns = next(csv.reader([head], delimiter=sep))
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
