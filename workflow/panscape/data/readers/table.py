"""Reader of dense text tables, cells x genes or genes x cells, line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.external_sort import ExternalSort
from panscape.data.readers.format import file_only
from panscape.data.readers.gate import as_float32
from panscape.data.readers.source import Source
from panscape.data.readers.study import Refused, listing, study_path
from panscape.data.readers.text import is_gzip, open_bytes
from panscape.log import logger

MOST_COMMENTS = 1000  # lines before the header
_EXPECTED_DENSITY = 0.2  # only sets the number of scratch files of a genes x cells table


class Table(Source):
    """An open csv or tsv file, gzipped or not.

    The first line has the column names, with or without one for the row names (R omits it); each further line
    starts with the row name. Values are parsed in blocks of lines; a large genes x cells table is transposed
    through scratch files.
    """

    def __init__(self, study: dict, where: str, format: str):
        super().__init__(study, where)
        self.format, self._sep = format, "," if format == "csv" else "\t"
        self.path = file_only(study, study_path(study, where), where)
        self.cells_first = (study.get("orientation") or "cells-by-genes") == "cells-by-genes"
        if (study.get("counts") or "X") != "X":
            raise self.fail("counts", f"{study['counts']!r}, but a table is one matrix", "remove counts")
        self._comments = 0
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
            head, first = line.decode("utf-8-sig"), handle.readline().decode("utf-8")
        columns = next(csv.reader(io.StringIO(head), delimiter=self._sep, strict=True), [])
        if not first.strip():
            raise self.fail("path", "the study is empty: no line after the header", "leave it out")
        width = len(next(csv.reader(io.StringIO(first), delimiter=self._sep, strict=True)))
        if width == len(columns):
            columns = columns[1:]
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
        return columns, len(first)

    @cached_property
    def _rows(self) -> list[str]:
        return self._guard("row names", self._read_rows)

    def _read_rows(self) -> list[str]:
        names: list[str] = []
        line = b""
        with self._open() as handle:
            handle.readline()
            for number, line in enumerate(handle, self._comments + 2):
                if line.strip():
                    if len(names) != number - 2 - self._comments:
                        raise Refused(f"line {number - 1} is empty", "remove it, or complete it")
                    names.append(self._split(line, number)[0])
        if not line.endswith(b"\n"):
            logger.warning("%s: no end of line after the last one: it may have been cut", self.path)
        return names

    def _split(self, line: bytes, number: int) -> tuple[str, str]:
        """Return a line's row name and the text of its values."""
        text = line.decode("utf-8").rstrip("\r\n")
        quoted = text.startswith('"')
        name, mark, rest = text[1:].partition(f'"{self._sep}') if quoted else text.partition(self._sep)
        if '"' in name or "\0" in name or (quoted and not mark):
            if not quoted or not mark or "\0" in name or '"' in name.replace('""', ""):
                raise Refused(
                    f"line {number}: the row name {text[:40]!r} has a quote or zero byte in it",
                    "put a quote before and after each name, or none",
                )
            name = name.replace('""', '"')
        return name, rest

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
        return pd.DataFrame(index=pd.Index(self.gene_names(), dtype=object, name="name"))

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
        texts = [text for _, text in rows]
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
        self, rows: list[tuple[str, str]], options: dict, start: int, error: Exception
    ) -> Exception:
        """Return the error for the line that does not parse; numpy numbers lines within the block."""
        for number, (name, text) in enumerate(rows, self._comments + start + 2):
            try:
                if np.loadtxt([text], **options).shape[1] == len(self._columns):
                    continue
                problem = f"{text.count(self._sep) + 1} values instead of {len(self._columns)}"
            except ValueError as line_error:
                problem = str(line_error)
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
        super().check_names()
