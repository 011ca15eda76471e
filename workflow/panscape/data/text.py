"""Text files as programs write them: gzipped or not, in several encodings, with any separator."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from panscape.data.readers.child import announce
from panscape.data.readers.study import Refused
from panscape.data.readers.text import open_bytes
from panscape.errors import fail
from panscape.log import logger

SEPARATORS = ("\t", ",", ";", "|", " ")
LOOKED_AT = 200  # lines that decide on the separator
_SPACE = "\\s\u00a0\ufeff\u200b"
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decode(path: str | Path, where: str, *, expected: str = "a TSV or CSV file") -> str:
    r"""Return the text of a file, gzipped or not, with ``\n`` as line ends and without byte order mark.

    Parameters
    ----------
    path
        The file, in UTF-8, UTF-16 (as Excel's "Unicode text") or, with a warning, Latin-1.
    where
        Configuration key (and study) for error messages.
    expected
        What the file should be, for error messages.

    Raises
    ------
    UserError
        If the file is missing, a folder, damaged, an Excel workbook or not text.
    """
    with _opened(path, where, expected) as handle:
        content = handle.read()
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        fix = 'open it there and save the sheet by "Save as" as CSV UTF-8 or as tab-delimited text'
        raise fail(where, f"{path} is a workbook of Excel or another binary file, not text", fix)
    text = _decoded(content, path, where)
    if "\0" in text:
        raise fail(where, f"{path} has zero bytes in its text", "copy it again")
    return text.replace("\r\n", "\n").replace("\r", "\n")


@contextlib.contextmanager
def open_text(path: str | Path, where: str, *, expected: str = "a text file") -> Iterator[TextIO]:
    """Open a text file, gzipped or not, to read its lines one by one: for files too large for :func:`decode`.

    Parameters
    ----------
    path
        The file, in UTF-8 or UTF-16.
    where, expected
        As in :func:`decode`.

    Raises
    ------
    UserError
        If the file is missing, a folder, damaged or not text; also in the block that reads it.
    """
    with _opened(path, where, expected) as handle:
        encoding = _wide(handle.peek(400)[:400]) or "utf-8-sig"
        with io.TextIOWrapper(handle, encoding) as text:
            try:
                yield text
            except UnicodeDecodeError as error:
                what = f"{path} is not text in {encoding.removesuffix('-sig').upper()} ({error.reason})"
                raise fail(where, what, f"give {expected} in UTF-8, or copy it again") from error


@contextlib.contextmanager
def _opened(path: str | Path, where: str, expected: str) -> Iterator[io.BufferedReader]:
    """Open a file for reading its bytes, unpacked; what is wrong with it becomes one error."""
    file = Path(path)
    if not file.is_file():
        problem = f"there is no file {path} (looked from {Path.cwd()})"
        if file.exists():
            problem = f"{path} is a folder" if file.is_dir() else f"{path} is a device, pipe or socket"
        raise fail(where, problem, f"give the path of {expected}")
    announce(path, where)
    try:
        with open_bytes(file) as handle:
            yield handle
    except Refused as error:
        raise fail(where, f"{path}: {error}", error.fix) from error
    except (OSError, EOFError, zlib.error) as error:
        raise fail(where, f"{path} cannot be read ({error})", "copy it again") from error


def _decoded(content: bytes, path: str | Path, where: str) -> str:
    wide = _wide(content)
    try:
        return content.decode(wide or "utf-8-sig").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problem = f"{path} is not UTF-8: byte 0x{content[error.start]:02x} in line {line}"
        if wide or _CONTROL.search(content):
            raise fail(where, f"{problem}, and not text", "give a text file, or copy it again") from error
    logger.warning(
        "%s: %s; read as Latin-1. If names look wrong, save it as UTF-8, e.g. iconv -f ENCODING -t utf-8 %s",
        where, problem, path,
    )  # fmt: skip
    return content.decode("cp1252", errors="replace")


def _wide(content: bytes) -> str | None:
    """Return the name of the encoding of text in two bytes a letter, None for other text."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = content[:400]
    if len(head) >= 4 and len(content) % 2 == 0:
        for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
            if zeros.count(0) > 0.9 * len(zeros):
                return name
    return None


def strip(text: str) -> str:
    """Return text without blanks, no-break spaces and byte order marks at its ends.

    Examples
    --------
    >>> strip(" T cell\u00a0")
    'T cell'
    """
    return text.strip(" \t\r\n\v\f\u00a0\ufeff\u200b\u2007\u202f")


def unpadded(text: str, separator: str) -> bool:
    """Return whether no field of a text begins or ends with blanks."""
    edge = re.escape(separator)
    blank = f"[{_SPACE}]" if separator not in "\t " else "[ \u00a0\ufeff\u200b]"
    if separator == " ":
        return not re.search("[\u00a0\ufeff\u200b]", text)
    return not re.search(f'(?:^|{edge}|")(?!\\n){blank}|(?!\\n){blank}(?:$|{edge}|")', text, re.MULTILINE)


def separator_of(lines: Sequence[str]) -> str:
    """Return the separator of the fields of a table.

    It is the one by which all lines have as many fields as the header, or one more (R names no column of row
    names); of several, the one that gives the most fields. If there is none, the one that splits the header
    most, so that the line that does not agree with it can be named.

    Parameters
    ----------
    lines
        The header and the lines after it, at most :data:`LOOKED_AT`.

    Examples
    --------
    >>> separator_of(["cell;age;note, if any", "A;10,5;", "B;8;x"])
    ';'
    """
    best, widest = ",", (0, 0, 0)
    for order, separator in enumerate(SEPARATORS):
        widths = [len(fields) for fields in csv.reader(lines, delimiter=separator)]
        head, rest = widths[0], set(widths[1:])
        equal, named = rest <= {head}, rest == {head + 1}
        # a sentence is no table: blanks separate only if every line agrees
        if head + named < 2 or (separator == " " and (not rest or not (equal or named))):
            continue
        rank = (2 if equal else 1 if named else 0, head, -order)
        if rank > widest or not widest[1]:
            best, widest = separator, rank
    return best


def as_yaml(text: str) -> str:
    """Return a text for a YAML mapping in braces: as it is if YAML reads it so, else in quotes.

    Examples
    --------
    >>> [as_yaml(text) for text in ("12 weeks", "10,5", "0x1F", "no")]
    ['12 weeks', '"10,5"', '"0x1F"', '"no"']
    """
    import yaml

    try:
        plain = yaml.safe_load(f"{{{text}: {text}}}") == {text: text}
    except (yaml.YAMLError, ValueError, TypeError):  # not YAML, a date that is none, a key that is a list
        plain = False
    return text if plain else json.dumps(text, ensure_ascii=False)
