"""Common interface of all input formats."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.counts import BLOCK_VALUES
from panscape.data.external_sort import ExternalSort
from panscape.data.readers.barcodes import selection_of_one
from panscape.data.readers.features import (
    GENES,
    KNOWN_LOWER,
    OTHER_GENOME,
    of_type,
    require_known_types,
)
from panscape.data.readers.genome import of_genome
from panscape.data.readers.study import at, damage_told, listing
from panscape.errors import UserError, fail
from panscape.log import logger

_NO_NAME = r'[\x00-\x1f"\x7f]'


class Source(ABC):
    """The open matrix of a study: names, annotations, and counts in blocks of cells.

    Created by :func:`open_source`. Opening reads the header only; `cells`, `genes` and `obs` are read at
    first access.

    Attributes
    ----------
    shape
        (n_cells, n_genes), without features that are not genes.
    cells
        Names of the cells (Index), in file order; unique unless the study has `keep`, which then selects
        cells of different names.
    genes
        One row per gene, indexed by its name in the file (not always unique), with the columns of the file.
    features
        As `genes`, with features that are not genes.
    obs
        One row per cell with the columns of the file (none in csv and mtx).
    logged
        Whether values are logarithms (`values: log`).
    nnz
        Number of stored values, if known from the header, else None. An upper bound if the file contains
        features that are not genes.
    """

    format: str
    nnz: int | None = None
    once = False  # whether each cell and gene may have one stored value only

    def __init__(self, study: dict, where: str):
        self.study, self.where = study, where
        self.joined: pd.DataFrame | None = None  # set by cell_table, which several checks ask for
        self.left_out: dict[str, int] = {}  # features that are not genes, by type; known with `genes`
        self._rounded = study.get("values") == "rounded"
        self.logged = study.get("values") == "log" or self._rounded  # values need not be whole numbers
        self._sorter: ExternalSort | None = None

    @property
    @abstractmethod
    def raw_shape(self) -> tuple[int, int]:
        """Return (cells, features) from the file's header."""

    @property
    def obs_columns(self) -> list[str]:
        """Return the names of the columns of cell metadata."""
        return []

    @property
    def alternatives(self) -> list[str]:
        """Return the other values of `counts` that this file supports."""
        return []

    @cached_property
    def cells(self) -> pd.Index:
        """Names of the cells."""
        return pd.Index(self._guard("cell names", self._read_cells), dtype=object, name="cell")

    @cached_property
    def genes(self) -> pd.DataFrame:
        """Genes of the source."""
        table = self.features
        return table if self._is_gene is None else table[self._is_gene]

    @cached_property
    def features(self) -> pd.DataFrame:
        """All features of the file, genes or not, as in `genes`."""
        return self._guard("genes", self._read_genes)

    @cached_property
    def obs(self) -> pd.DataFrame:
        """Metadata of the cells."""
        table = self._guard("cell annotations", self._read_obs)
        if len(table) != len(self.cells):
            raise self.fail("", f"{len(table)} rows in obs, but {len(self.cells)} cells", "correct the file")
        return table.set_axis(self.cells, axis=0)

    @property
    def shape(self) -> tuple[int, int]:
        """(cells, genes)."""
        return len(self.cells), len(self.genes)

    def blocks(self, max_values: int = BLOCK_VALUES) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (rows, CSR float32 block cells x genes) in file order, covering every cell once.

        Parameters
        ----------
        max_values
            Approximate number of stored values per block; for dense formats cells times genes, zeros
            included.

        Raises
        ------
        UserError
            If the file is damaged.
        """
        yield from self._of_genes(self._blocks(max_values), whole=True)

    def spread(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (rows, CSR float32 block) of a sample of the cells, read within about a second.

        All cells of a small matrix; otherwise runs of adjacent cells, evenly spaced if the file has an index,
        else the first cells. Nothing for large files that are stored by gene.

        Parameters
        ----------
        max_values
            Approximate number of values to read.
        """
        values = self.nnz if self.nnz is not None else self.raw_shape[0] * self.raw_shape[1]
        whole = values <= max_values
        blocks = self._blocks(max_values) if whole else self._spread(max_values)
        yield from self._of_genes(blocks, whole=whole)

    def _of_genes(self, iterator, *, whole: bool) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield blocks of the genes only, in order; raise a UserError if the file is damaged."""
        columns = None if self._is_gene is None else np.flatnonzero(self._is_gene)
        logger.info("%s: reading %s", self.study.get("id"), self.study.get("path"))
        distinct = 0
        while True:
            item = self._guard("values", next, iterator, None)
            if item is None:
                break
            rows, block = item
            block.sum_duplicates()  # also sorts the genes of each cell
            distinct += block.nnz
            if self._rounded:
                np.rint(block.data, out=block.data)
                block.eliminate_zeros()
            yield rows, block if columns is None else block[:, columns]
        if whole and self.once and distinct != self.nnz:
            raise self.fail(
                "path",
                f"of its {self.nnz} values, only {distinct} are of different cells and genes",
                "copy the file again; if values are to be added up, write it after X.sum_duplicates()",
            )

    def sample(self) -> np.ndarray:
        """Return a small sample of values, for the check that they are counts."""
        return self._guard("values", self._sample)

    def fail(self, key: str, what: str, fix: str = "") -> UserError:
        """Return an error that names this study and file.

        Parameters
        ----------
        key
            Configuration key within the study; empty for the study itself.
        what
            Description of the problem.
        fix
            Advice on the correction; empty for none.

        Returns
        -------
        The error, for the caller to raise.
        """
        return fail(at(self.study, self.where, key), what, fix)

    @cached_property
    def _is_gene(self) -> np.ndarray | None:
        self._guard("genes", require_known_types, self.features)
        genes = of_type(self.features, self.study.get("features") or GENES)
        genes = None if genes is not None and not genes.any() else genes
        chosen = self._guard("genes", of_genome, self.features, self.study.get("genes") or {})
        if chosen is not None:
            genes = chosen if genes is None else genes & chosen
        if genes is None or genes.all():
            return None
        self.left_out = self._others(~genes, chosen)
        others = self.left_out
        left_out = ", ".join(f"{n} {kind}" for kind, n in others.items())
        level = logging.INFO if {*map(str.lower, others)} <= KNOWN_LOWER else logging.WARNING
        logger.log(level, "%s: left out %s", self.study.get("id"), left_out)
        return genes

    def _others(self, left: np.ndarray, chosen: np.ndarray | None) -> dict[str, int]:
        """Return the numbers of features that are left out, by their type."""
        kinds = pd.Series(GENES, index=range(len(left)), dtype=object)
        if "feature_types" in self.features:
            kinds = self.features["feature_types"].astype(str).reset_index(drop=True)
        if chosen is not None:
            kinds = kinds.mask(~chosen & (kinds.str.lower() == GENES.lower()), OTHER_GENOME)
        return {str(kind): int(number) for kind, number in kinds[left].value_counts().items()}

    def _guard(self, part: str, function, *arguments):
        with damage_told(self.study, self.where, part):
            return function(*arguments)

    def check_names(self) -> None:
        """Raise a UserError for no cells or genes, or (without `keep`) several cells of one name."""
        raw_cells, raw_genes = self.raw_shape
        if not raw_cells or not raw_genes:
            raise self.fail(
                "path", f"the study is empty: {raw_cells} cells and {raw_genes} genes", "leave it out"
            )
        if len(self.cells) != raw_cells or len(self.features) != raw_genes:
            raise self.fail(
                "path",
                f"{len(self.cells)} cell and {len(self.features)} feature names for a matrix of "
                f"{raw_cells} cells x {raw_genes} features",
                "correct the file (csv: also see orientation)",
            )
        for what, names in (("cells", self.cells), ("features", self.features.index)):
            self._check_letters(what, names)
        doubles = self.cells[self.cells.duplicated()].unique()
        if len(doubles) and not self.study.get("keep"):  # those that it selects are checked with it
            raise self.fail(
                "path",
                f"{len(doubles)} barcodes occur more than once, e.g. {listing(doubles, 3)}",
                self._how_to_divide(),
            )

    def _how_to_divide(self) -> str:
        """Return advice on names that occur more than once."""
        choice = selection_of_one(self.cells, self.obs)
        if choice:
            return f'write a study for each {choice[0]}, with keep: "{choice[1]}" and the like'
        return "make them unique, e.g. put the library's name before each"

    def _check_letters(self, what: str, names: pd.Index) -> None:
        """Raise a UserError if names have quotes or control characters, or cells have none."""
        texts = pd.Series(names, dtype=object).astype(str)
        wrong = texts[texts.str.contains(_NO_NAME)]
        if what == "cells":
            wrong = pd.concat([wrong, texts[texts.str.strip() == ""]])
        if len(wrong):
            examples = listing(map(repr, wrong), 3)
            problem = (
                f"{len(wrong)} names of {what} are empty or have quotes or control characters: {examples}"
            )
            raise self.fail("path", problem, "correct the names")

    @abstractmethod
    def _read_cells(self) -> list[str] | np.ndarray: ...

    @abstractmethod
    def _read_genes(self) -> pd.DataFrame: ...

    def _read_obs(self) -> pd.DataFrame:
        return pd.DataFrame(index=self.cells)

    @abstractmethod
    def _blocks(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]: ...

    def _spread(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield some cells of a larger matrix, where possible without reading all of it."""
        return iter(())

    def _externally_sorted(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield blocks of a matrix that is not stored by cell; the first call transposes it."""
        if self._sorter is None:
            self._sorter = self._fill_sorter(max_values)
        yield from self._sorter.blocks()

    def _fill_sorter(self, max_values: int) -> ExternalSort:
        """Read the matrix into an external sort, for formats that need it."""
        raise NotImplementedError

    @abstractmethod
    def _sample(self) -> np.ndarray: ...
