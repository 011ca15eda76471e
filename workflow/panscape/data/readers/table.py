"""Reader of dense text tables, cells x genes or genes x cells, line by line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.external_sort import ExternalSort
from panscape.data.readers.fields import cut, find_separator, first_field, n_annotations
from panscape.data.readers.format import file_only
from panscape.data.readers.gate import as_float32
from panscape.data.readers.source import Source
from panscape.data.readers.study import Refused, listing, study_path
from panscape.data.readers.text import is_gzip, open_bytes
from panscape.data.text import strip
from panscape.log import logger

MOST_COMMENTS = 1000  # lines before the header
LOOKED_AT = 20  # lines that decide on the separator and on columns of text
_EXPECTED_DENSITY = 0.2  # only sets the number of scratch files of a genes x cells table


class Table(Source):
    """An open csv or tsv file, gzipped or not.

    The first line has the column names, with or without one for the row names (R omits it); each further line
    starts with the row name, and may go on with columns of text, which annotate it. Fields are separated as
    the format says, or else by what splits the first lines. Values are parsed in blocks of lines; a large
    genes x cells table is transposed through scratch files.
    """

    def __init__(self, study: dict, where: str, format: str):
        super().__init__(study, where)
        self.format, self._sep = format, "," if format == "csv" else "\t"
        self.path = file_only(study, study_path(study, where), where)
        self.cells_first = (study.get("orientation") or "cells-by-genes") == "cells-by-genes"
        if (study.get("counts") or "X") != "X":
            raise self.fail("counts", f"{study['counts']!r}, but a table is one matrix", "remove counts")
        self._comments, self._corner = 0, ""
        self._texts: list[str] = []  # names of columns of text
        self._annotated: list[list[str]] = []
        self._columns, self._first_line = self._guard("header", self._read_header)

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        """Open the file at its header, after lines of comments (BD Rhapsody)."""
        with open_bytes(self.path) as handle:
            for _ in range(self._comments):
                handle.readline()
            yield handle

    def _read_header(self) -> tuple[list[str], int]:
        with open_bytes(self.path) as handle:
            line = handle.readline()
            while line.startswith(b"#") and self._comments < MOST_COMMENTS:
                self._comments += 1
                line = handle.readline()
            if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                name = self.path.name
                fix = f"save it as UTF-8, e.g. iconv -f utf-16 -t utf-8 {name} > utf8-{name}"
                raise Refused("it is text in UTF-16", fix)
            after = [line.decode("utf-8") for line in islice(handle, LOOKED_AT)]
            head = line.decode("utf-8-sig")
        if not after or not after[0].strip():
            raise self.fail("path", "the study is empty: no line after the header", "leave it out")
        columns, rows = self._fields(head, after)
        width = len(rows[0])
        if width == len(columns):
            self._corner, columns = columns[0], columns[1:]
        elif width != len(columns) + 1:
            raise self.fail(
                "path",
                f"the header has {len(columns)} columns and the first row {width}",
                "correct the file or format (csv: comma, tsv: tab)",
            )
        if not columns:
            raise self.fail(
                "format", f"only one column when split at {self._sep!r}", "write csv (comma) or tsv (tab)"
            )
        n_texts = n_annotations(columns, [row[1:] for row in rows if len(row) == width])
        self._texts = columns[:n_texts]
        if n_texts:
            logger.info("%s: text in columns %s, taken as annotations", self.path, listing(self._texts, 5))
        return columns[n_texts:], len(after[0])

    def _fields(self, head: str, after: list[str]) -> tuple[list[str], list[list[str]]]:
        """Return the fields of the header and of the lines after it, and set their separator."""
        lines = [head.rstrip("\r\n"), *(line.rstrip("\r\n") for line in after if line.strip())]
        usual, self._sep = self._sep, find_separator(lines, self._sep)
        if self._sep != usual:
            logger.info("%s: fields are separated by %r", self.path, self._sep)
        first = next(csv.reader([lines[0]], delimiter=self._sep, strict=True), [])
        return [strip(name) for name in first], [cut(line, self._sep) for line in lines[1:]]

    @cached_property
    def _rows(self) -> list[str]:
        return self._guard("row names", self._read_rows)

    def _read_rows(self) -> list[str]:
        names: list[str] = []
        self._annotated = []
        line = b""
        with self._open() as handle:
            handle.readline()
            for number, line in enumerate(handle, self._comments + 2):
                if line.strip():
                    if len(names) != number - 2 - self._comments:
                        raise Refused(f"line {number - 1} is empty", "remove it, or complete it")
                    name, texts, _ = self._split(line, number)
                    names.append(name)
                    self._annotated.append(texts)
        if not line.endswith(b"\n"):
            logger.warning("%s: no end of line after the last one: it may have been cut", self.path)
        return names

    def _table(self) -> pd.DataFrame:
        """Return the annotations of the rows."""
        index = pd.Index(self._rows, dtype=object)
        return pd.DataFrame(self._annotated, index=index, columns=list(self._texts), dtype=object)

    def _split(self, line: bytes, number: int) -> tuple[str, list[str], str]:
        """Return a line's row name, its annotations and the text of its values."""
        name, rest = first_field(line.decode("utf-8").rstrip("\r\n"), self._sep, number)
        texts = []
        for _ in self._texts:
            text, rest = first_field(rest, self._sep, number)
            texts.append(strip(text))
        return strip(name), texts, rest

    @property
    def raw_shape(self) -> tuple[int, int]:
        """(cells, features) of the file, before the selection of genes."""
        shape = (len(self._rows), len(self._columns))
        return shape if self.cells_first else shape[::-1]

    def estimated_shape(self) -> tuple[int, int]:
        """Return (cells, genes), the number of lines estimated from the file's size."""
        # gzip shrinks counts about eightfold; the estimate is only used for memory requests
        size = self.path.stat().st_size * (8 if is_gzip(self.path) else 1)
        shape = (max(size // max(self._first_line, 1), 1), len(self._columns))
        return shape if self.cells_first else shape[::-1]

    def _read_cells(self) -> list[str]:
        return self._rows if self.cells_first else self._columns

    def _read_genes(self) -> pd.DataFrame:
        if not self.cells_first:
            return self._table().rename_axis("name")
        return pd.DataFrame(index=pd.Index(self.gene_names(), dtype=object, name="name"))

    def _read_obs(self) -> pd.DataFrame:
        return self._table() if self.cells_first else pd.DataFrame(index=self.cells)

    @property
    def obs_columns(self) -> list[str]:
        """Names of the columns of text before the counts of cells."""
        return list(self._texts) if self.cells_first else []

    def gene_names(self) -> list[str]:
        """Return the names of the genes."""
        return self._columns if self.cells_first else self._rows

    def _pieces(self, handle: BinaryIO, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (lines, CSR lines x columns)."""
        handle.readline()
        step, start = max(max_values // len(self._columns), 1), 0
        lines: list[bytes] = []
        for line in handle:
            if line.strip():
                lines.append(line)
            if len(lines) == step:
                yield slice(start, start + step), self._parse(lines, start)
                start, lines = start + step, []
        if lines:
            yield slice(start, start + len(lines)), self._parse(lines, start)

    def _parse(self, lines: list[bytes], start: int) -> sparse.csr_matrix:
        first = self._comments + start + 2
        rows = [self._split(line, number) for number, line in enumerate(lines, first)]
        if self._sep != ",":  # decimal commas
            rows = [(name, texts, text.replace(",", ".")) for name, texts, text in rows]
        texts = [text for *_, text in rows]
        options: dict[str, Any] = {
            "delimiter": self._sep,
            "dtype": np.float64,
            "ndmin": 2,
            "comments": None,
            "quotechar": '"',
        }
        try:
            values = np.loadtxt(texts, **options)
        except ValueError as error:
            raise self._bad_line(rows, options, start, error) from error
        if values.shape != (len(lines), len(self._columns)):
            problem = f"{values.shape[1]} values in line {first}, {len(self._columns)} column names"
            raise self.fail("path", problem, "correct the file")
        where = f"lines {first} to {first - 1 + len(lines)}"
        return sparse.csr_matrix(as_float32(values, where, logged=self.logged))

    def _bad_line(
        self, rows: list[tuple[str, list[str], str]], options: dict, start: int, error: Exception
    ) -> Exception:
        """Return the error for the line that does not parse; numpy numbers lines within the block."""
        for number, (name, _, text) in enumerate(rows, self._comments + start + 2):
            try:
                if np.loadtxt([text], **options).shape[1] == len(self._columns):
                    continue
                problem = f"{text.count(self._sep) + 1} values instead of {len(self._columns)}"
            except ValueError as line_error:
                problem = str(line_error).partition(" at row")[0]
            return self.fail(
                "path",
                f"line {number} (row {name!r}): {problem}",
                "write a number in every field (0 instead of an empty one)",
            )
        return self.fail("path", str(error), "correct the file")

    def _blocks(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        if self.cells_first:
            with self._open() as handle:
                yield from self._pieces(handle, max_values)
            return
        yield from self._externally_sorted(max_values)

    def _spread(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        if self.cells_first:
            with self._open() as handle:
                yield next(self._pieces(handle, max_values))

    def _fill_sorter(self, max_values: int) -> ExternalSort:
        n_cells, n_genes = self.raw_shape
        expected = int(n_cells * n_genes * _EXPECTED_DENSITY)
        sorter = ExternalSort((n_cells, n_genes), expected, max_values)
        with self._open() as handle:
            for lines, piece in self._pieces(handle, max_values):
                entries = piece.tocoo()
                sorter.add(entries.col, entries.row + lines.start, entries.data)
        return sorter

    def _sample(self) -> np.ndarray:
        with self._open() as handle:
            return next(self._pieces(handle, 200_000))[1].data

    def check_names(self) -> None:
        """Check the names as for any source, and that they do not indicate the wrong orientation."""
        barcodes = pd.Series([*self._columns[:200]] if self.cells_first else self._rows[:200])
        if barcodes.str.fullmatch(r"(?:.*[_:.-])?[ACGT]{10,}(?:-\d+)?").mean() > 0.5:
            now, other = ("cells-by-genes", "genes-by-cells")[:: 1 if self.cells_first else -1]
            raise self.fail(
                "orientation",
                f"read as {now}, but the gene names look like barcodes: {listing(barcodes, 3)}",
                f"write orientation: {other}",
            )
        names = pd.Series(self._rows, dtype=object)
        if self._corner and names.duplicated().any() and names.str.fullmatch(r"\d+(\.\d+)?").all():
            raise self.fail(
                "path",
                f"its first column ({self._corner}) has numbers that repeat, not names of the rows",
                "add a first column with the names of the rows",
            )
        super().check_names()
