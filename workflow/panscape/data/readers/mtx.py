"""Reader of Matrix Market folders of Cell Ranger 2 and 3, gzipped or not, as a stream of text."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.external_sort import ExternalSort
from panscape.data.readers.entries import LONGEST_LINE, Entries, Parser, read_header
from panscape.data.readers.features import PEAKS, require_ids
from panscape.data.readers.layouts import cells_first, find_layout
from panscape.data.readers.names import read_name_table, read_names
from panscape.data.readers.source import Source
from panscape.data.readers.study import Refused, at, study_path
from panscape.data.readers.text import open_bytes
from panscape.errors import UserError
from panscape.log import logger

_CHUNK_BYTES = 1 << 23


class Mtx(Source):
    """An open matrix with the names of its cells and features (:func:`find_layout`).

    `path` is the folder or the matrix.
    """

    format = "10x-mtx"

    def __init__(self, study: dict, where: str):
        super().__init__(study, where)
        if (study.get("counts") or "X") != "X":
            raise self.fail("counts", f"{study['counts']!r}, but mtx has one matrix", "remove counts")
        self.path = study_path(study, where)
        self._files = self._guard("", find_layout, self.path, study.get("mtx"))
        self.matrix = self._files.matrix
        self._guard("header", self._read_header)

    def _read_header(self) -> None:
        with open_bytes(self.matrix) as handle:
            self._header = read_header(handle, self.matrix.name)
        self._parser = Parser(self._header, self.matrix.name, logged=self.logged)
        self.nnz = self._header.entries

    @property
    def _sizes(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        return self._header.rows, self._header.columns

    @cached_property
    def _cells_first(self) -> bool:
        """Whether rows are cells; 10x stores features in rows, some other tools do not."""
        rows, columns = self._sizes
        cells, genes = len(self.cells), len(self.features)
        if (rows, columns) == (cells, genes) == (genes, cells):
            return self._of_square()
        return (rows, columns) == (cells, genes)

    def _of_square(self) -> bool:
        """Return whether rows are cells where numbers do not tell: as the user says, or by the program."""
        asked = self.study.get("orientation")
        if asked:
            return asked == "cells-by-genes"
        told = cells_first(self._files)
        if told is None:
            raise self.fail(
                "orientation",
                f"{self.matrix.name} has as many rows as columns ({self._header.rows}): they do not tell "
                "which are the cells",
                "write orientation: cells-by-genes or genes-by-cells",
            )
        return told

    @property
    def raw_shape(self) -> tuple[int, int]:
        """(cells, features) of the file, before the selection of genes."""
        rows, columns = self._header.rows, self._header.columns
        return (rows, columns) if self._cells_first else (columns, rows)

    def _read_cells(self) -> list[str]:
        return self._table(self._files.barcodes)[0]

    def _read_obs(self) -> pd.DataFrame:
        return self._table(self._files.barcodes)[1]

    def _table(self, file: Path) -> tuple[list[str], pd.DataFrame]:
        """Return the names of the cells, and their annotations if the file has a header (Parse)."""
        place = at(self.study, self.where, "mtx.barcodes")
        if ".csv" not in file.suffixes:
            names = [row[0] for row in read_names(file, self._sizes, place)]
            return names, pd.DataFrame(index=pd.Index(names, dtype=object))
        sheet = read_name_table(file, self._sizes, place)
        names = sheet.iloc[:, 0].fillna("").tolist()
        return names, sheet.iloc[:, 1:].set_axis(pd.Index(names, dtype=object), axis=0)

    def _read_genes(self) -> pd.DataFrame:
        file = self._files.features
        if ".csv" in file.suffixes:
            return self._of_sheet(file)
        place = at(self.study, self.where, "mtx.feature_names")
        rows = read_names(file, self._sizes, place)
        if "peaks.bed" in file.name:
            return self._of_bed(rows)
        columns = {"id": [row[0] for row in rows]}
        if rows and all(len(row) > 2 for row in rows):
            columns["feature_types"] = [row[2] for row in rows]
        if rows and all(len(row) > 5 for row in rows):  # cellranger-arc: where peaks and genes' starts are
            columns |= {
                name: [row[at] for row in rows] for at, name in enumerate(("chrom", "start", "end"), 3)
            }
        names = [row[1] if len(row) > 1 else row[0] for row in rows]
        if self._files.names:
            names = [row[0] for row in read_names(self._files.names, self._sizes, place)]
        return require_ids(pd.DataFrame(columns, index=pd.Index(names, dtype=object, name="name")))

    def _of_sheet(self, file: Path) -> pd.DataFrame:
        """Return the features of a table with a header (Parse): ids, and names if it has them."""
        sheet = read_name_table(file, self._sizes, at(self.study, self.where, "mtx.feature_names"))
        named = next((name for name in ("gene_name", "name", "symbol") if name in sheet), sheet.columns[0])
        names = sheet[named].fillna(sheet.iloc[:, 0])
        columns = {"id": sheet.iloc[:, 0].to_numpy()}
        if "genome" in sheet:
            columns["genome"] = sheet["genome"].to_numpy()
        return pd.DataFrame(columns, index=pd.Index(names, dtype=object, name="name"))

    def _of_bed(self, rows: list[list[str]]) -> pd.DataFrame:
        """Return the peaks of cellranger-atac's peaks.bed."""
        rows = [row for row in rows if not row[0].startswith("#")]
        if any(len(row) < 3 for row in rows):
            raise self.fail(
                "path", f"{self._files.features.name} has lines of less than 3 fields", "correct it"
            )
        names = pd.Index([f"{row[0]}:{row[1]}-{row[2]}" for row in rows], dtype=object, name="name")
        return pd.DataFrame({"feature_types": PEAKS}, index=names)

    def _entries(self) -> Generator[Entries, None, None]:
        """Yield (cells, genes, values) in file order, a chunk of text at a time."""
        seen, before, rest = 0, self._header.lines, b""
        with open_bytes(self.matrix) as handle:
            read_header(handle, self.matrix.name)
            while chunk := handle.read(_CHUNK_BYTES):
                text, cut, rest = (rest + chunk).rpartition(b"\n")
                if len(rest) > LONGEST_LINE:
                    raise Refused(f"{self.matrix.name} has a line longer than {LONGEST_LINE} bytes")
                if not cut:
                    continue
                entries = self._parse(text + cut, seen, before)
                yield entries
                seen += len(entries[0])
                before += text.count(b"\n") + 1
        if rest.strip():
            logger.warning("%s: no end of line after the last entry: it may have been cut", self.matrix)
            yield self._parse(rest + b"\n", seen, before)
            seen += 1
        if seen != self.nnz:
            raise self._incomplete(seen)

    def _incomplete(self, seen: int) -> UserError:
        what = f"{self.matrix.name} declares {self.nnz} entries but has {seen}"
        return self.fail("path", what, "copy or download the file again")

    def _parse(self, text: bytes, seen: int, before: int) -> Entries:
        """Return (cells, genes, values)."""
        rows, columns, values = self._parser.parse(text, seen, before)
        return (rows, columns, values) if self._cells_first else (columns, rows, values)

    @cached_property
    def _sorted(self) -> bool:
        """Whether entries are ordered by cell (scans the text up to the first violation)."""
        last = -1
        for cells, _, _ in self._entries():
            if len(cells) and (cells[0] < last or (np.diff(cells) < 0).any()):
                logger.info("%s: not sorted by cell, read through scratch files", self.matrix)
                return False
            last = cells[-1] if len(cells) else last
        return True

    def _fill_sorter(self, max_values: int) -> ExternalSort:
        sorter = ExternalSort(self.raw_shape, self.nnz or 0, max_values)
        for cells, genes, values in self._entries():
            sorter.add(cells, genes, values)
        return sorter

    def _blocks(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        if not self._sorted:
            yield from self._externally_sorted(max_values)
            return
        n_cells, n_genes = self.raw_shape
        held: list[Entries] = []
        count = start = 0
        for entries in self._entries():
            held.append(entries)
            count += len(entries[0])
            if count >= max_values:
                cells, genes, values = (np.concatenate(parts) for parts in zip(*held, strict=True))
                stop = int(cells[-1])  # the last cell may continue in the next chunk
                whole = int(np.searchsorted(cells, stop))
                if stop > start:
                    yield (
                        slice(start, stop),
                        _csr(cells, genes, values, slice(0, whole), start, stop, n_genes),
                    )
                    start = stop
                held = [(cells[whole:], genes[whole:], values[whole:])]
                count = len(cells) - whole
        parts = held or [(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))]
        cells, genes, values = (np.concatenate(part) for part in zip(*parts, strict=True))
        yield slice(start, n_cells), _csr(cells, genes, values, slice(None), start, n_cells, n_genes)

    def _spread(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield the first cells of the text if its entries are ordered by cell."""
        entries = self._entries()
        cells, genes, values = next(entries)
        entries.close()
        if len(cells) and (np.diff(cells) >= 0).all():
            stop = int(cells[-1])  # the last cell may be incomplete
            whole = slice(0, int(np.searchsorted(cells, stop)))
            yield slice(0, stop), _csr(cells, genes, values, whole, 0, stop, self.raw_shape[1])

    def _sample(self) -> np.ndarray:
        with open_bytes(self.matrix) as handle:
            read_header(handle, self.matrix.name)
            text = handle.read(1 << 20)
            whole = not handle.read(1)
        if whole and (seen := sum(bool(line.strip()) for line in text.split(b"\n"))) != self.nnz:
            raise self._incomplete(seen)
        text, cut, rest = text.rpartition(b"\n")
        if len(rest) > LONGEST_LINE:
            raise Refused(f"{self.matrix.name} has a line longer than {LONGEST_LINE} bytes")
        return self._parse(text + cut, 0, self._header.lines)[2]


def _csr(cells, genes, values, chosen: slice, start: int, stop: int, n_genes: int) -> sparse.csr_matrix:
    places = (cells[chosen] - start, genes[chosen])
    return sparse.csr_matrix((values[chosen], places), shape=(stop - start, n_genes), dtype=np.float32)
