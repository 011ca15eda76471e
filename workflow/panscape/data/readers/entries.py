"""Entries of Matrix Market files: strict parsing of chunks of text."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from panscape.data.readers.gate import as_float32
from panscape.data.readers.integers import LARGEST
from panscape.data.readers.study import Refused

Entries = tuple[np.ndarray, np.ndarray, np.ndarray]
FIELDS = ("integer", "unsigned-integer", "real")
LONGEST_LINE = 10_000  # bytes, of headers and entries
_MAX_COMMENTS = 10_000
_INTEGER = rb"[+-]?\d+"
_REAL = rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_FORM = "give a file in the Matrix Market form 'matrix coordinate integer general'"
_OTHER_FORMS = {
    "array": ("a dense matrix", "write it as a sparse one, e.g. in Python: scipy.io.mmwrite('matrix.mtx', "
              "scipy.sparse.coo_matrix(scipy.io.mmread('FILE')))"),
    "pattern": ("which has no counts, but only where they are", "give the matrix with counts"),
}  # fmt: skip
_PIECE = 1 << 16  # bytes that are looked at together: they stay in the processor's cache


@dataclass(frozen=True)
class Header:
    """Header of a Matrix Market file.

    Attributes
    ----------
    field
        Type of the values, one of :data:`FIELDS`.
    rows, columns, entries
        The declared sizes.
    lines
        Number of lines of the header.
    """

    field: str
    rows: int
    columns: int
    entries: int
    lines: int


def read_header(handle: BinaryIO, name: str) -> Header:
    """Read the header of a Matrix Market file up to the line of sizes.

    Parameters
    ----------
    handle
        The file at its beginning.
    name
        The file, for messages.

    Raises
    ------
    Refused
        If the file is not a matrix in coordinate form with one number per entry, or its sizes are missing,
        negative or impossible.
    """
    banner = handle.readline(LONGEST_LINE).decode("utf-8", "replace")
    words = banner.lower().split()
    sound = words[:3] == ["%%matrixmarket", "matrix", "coordinate"] and words[4:] == ["general"]
    if not sound or words[3] not in FIELDS:
        kind = next((word for word in words[1:] if word in _OTHER_FORMS), "")
        raise Refused(
            f"{name} begins with {banner.strip()[:60]!r}{', ' + _OTHER_FORMS[kind][0] if kind else ''}",
            _OTHER_FORMS[kind][1] if kind else _FORM,
        )
    number, line = 2, handle.readline(LONGEST_LINE)
    while line.startswith(b"%") or (line and not line.strip()):
        if number > _MAX_COMMENTS or not line.endswith(b"\n"):
            raise Refused(f"{name}: no line with the three sizes among the first {number}")
        number, line = number + 1, handle.readline(LONGEST_LINE)
    if not re.fullmatch(rb"\s*\d{1,18}\s+\d{1,18}\s+\d{1,18}\s*\n", line):
        raise Refused(f"{name}: line {number} is no line with the three sizes: {line[:60]!r}")
    rows, columns, entries = map(int, line.split())
    return Header(words[3], rows, columns, entries, number)


class Parser:
    """Parser of the lines after the header.

    Every line has to consist of row, column and value, in the form that the header declares; numbers are
    parsed by scipy, which stops at the first character that does not fit and ignores the rest of the line.

    Parameters
    ----------
    header
        The header of the file.
    name
        The file, for messages.
    logged
        Whether values are logarithms.
    """

    def __init__(self, header: Header, name: str, *, logged: bool = False):
        self.header, self.name, self._logged = header, name, logged
        value = _REAL if header.field == "real" else _INTEGER
        self._line = re.compile(rb"[ \t]*(\d+)[ \t]+(\d+)[ \t]+(" + value + rb")[ \t]*\r?")
        self._counted: dict[tuple[int, int], int] = {}  # chunks seen to be in order: files are read twice
        self._wrong = re.compile(rb"(?m)^(?!" + self._line.pattern + rb"$|[ \t]*\r?$).*")

    def parse(self, text: bytes, seen: int, before: int) -> Entries:
        """Return (row, column, value) of the entries of complete lines, from 0 and as float32.

        Parameters
        ----------
        text
            Complete lines.
        seen
            Number of entries before them.
        before
            Number of lines before them.

        Raises
        ------
        Refused
            If a line is malformed, an index out of range or a value not finite or too large; the message has
            the number of the line.
        """
        from scipy.io import mmread  # several times faster than other parsers, but reads whole files only

        lines = self._counted.get((before, len(text)))
        if lines is None and (lines := _plain_lines(text)) is not None:
            self._counted[before, len(text)] = lines
        if lines is None:
            if wrong := self._wrong.search(text):
                raise self._refused(text, wrong.start(), before)
            lines = sum(bool(line.strip()) for line in text.split(b"\n"))
        if seen + lines > self.header.entries:
            raise Refused(f"{self.name} declares {self.header.entries} entries but has more")
        head = f"%%MatrixMarket matrix coordinate {self.header.field} general\n"
        head += f"{self.header.rows} {self.header.columns} {lines}\n"
        try:
            part = mmread(io.BytesIO(head.encode() + text), spmatrix=False)
            return part.row, part.col, as_float32(part.data, self.name, logged=self._logged)
        except (ValueError, OverflowError, Refused) as error:
            raise (self._first_wrong(text, before) or error) from error

    def _first_wrong(self, text: bytes, before: int) -> Refused | None:
        """Return the error of the first line with an index or a value out of range."""
        start = 0
        for line in text.split(b"\n"):
            if line.strip():
                fields = self._line.fullmatch(line)
                if fields is None:
                    return self._refused(text, start, before)
                row, column, value = (float(field) for field in fields.groups())
                inside = 1 <= row <= self.header.rows and 1 <= column <= self.header.columns
                if not inside or not value <= LARGEST:
                    return self._refused(text, start, before, "out of bounds" if not inside else "too large")
            start += len(line) + 1
        return None

    def _refused(self, text: bytes, start: int, before: int, what: str = "") -> Refused:
        number = before + text.count(b"\n", 0, start) + 1
        line = text[start : start + 60].split(b"\n")[0].decode("utf-8", "replace").strip()
        if what == "too large":
            fix = f"values above {LARGEST:,} are no counts of a gene in a cell and would be rounded"
            return Refused(f"{self.name}: line {number} is {line!r}: the value is too large", fix)
        if what:
            sizes = f"{self.header.rows} x {self.header.columns}"
            return Refused(f"{self.name}: line {number} is {line!r}: out of bounds of {sizes}")
        kind = "a number" if self.header.field == "real" else "a whole number"
        return Refused(
            f"{self.name}: line {number} is {line!r}, not row, column and {kind}",
            f"correct the line, or the word {self.header.field!r} in the first line",
        )


def _plain_lines(text: bytes) -> int | None:
    """Return the number of lines if all consist of digits separated by single blanks, two each, else None."""
    lines = blanks = digits = 0
    content = np.frombuffer(text, dtype=np.uint8)
    for start in range(0, len(content), _PIECE):
        piece = content[start : start + _PIECE]
        lines += int(np.count_nonzero(piece == 10))
        blanks += int(np.count_nonzero(piece == 32))
        digits += int(np.count_nonzero((piece - 48) < 10))  # unsigned: smaller ones wrap around
    plain = lines + blanks + digits == len(content) and blanks == 2 * lines and b"\n\n" not in text
    return lines if plain else None
