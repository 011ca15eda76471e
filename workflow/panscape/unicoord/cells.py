"""Cells of one or several studies: in memory or in h5ad files, read in blocks, with their depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.counts import Counts, rare_genes
from panscape.data.files import open_h5
from panscape.errors import fail
from panscape.log import logger

_LOOKED_AT = 200_000  # number of values checked to be counts
BLOCK_VALUES = 500_000  # stored values per block read from a file: 4 MB, and a few times that for sums


class Cells:
    """Expression of cells in the genes that all parts have.

    Parameters
    ----------
    parts
        AnnData objects (in memory) or h5ad files with CSR counts, as stage ``preprocess`` writes them.
    counts
        Whether the values must be counts; otherwise they are used as they are.
    depth
        Column of obs with the cells' totals over all genes, for parts that have some of them only; None: the
        one that ``uns["depth"]`` of an AnnData names, or else the totals of X.

    Attributes
    ----------
    obs
        Annotation of all cells (columns that any part has), with ``n_counts``: the depth.
    genes
        Names that all parts have measured, in the order of the first. A gene that a file lists as removed for
        being detected in too few cells (``uns["rare_genes"]``) was measured, and its counts are read as 0.

    Raises
    ------
    UserError
        For values that are not counts, depths that are not numbers above 0, and parts without a shared gene.

    Examples
    --------
    >>> import anndata
    >>> cells = Cells([anndata.AnnData(sparse.csr_matrix(np.array([[1.0, 0.0], [2.0, 3.0]])))])
    >>> len(cells), cells.totals
    (2, array([1., 5.]))
    """

    def __init__(self, parts: Sequence, *, counts: bool = True, depth: str | None = None):
        self._parts = [_Part(part, counts, depth) for part in parts]
        if not self._parts:
            raise ValueError("no cells")
        self.genes = self._shared()
        if not len(self.genes):
            raise fail(
                "unicoord", "the studies share no gene", "check genes.column and genes.mapping", few=True
            )
        self.obs = pd.concat([part.obs for part in self._parts])
        self.totals = self.obs["n_counts"].to_numpy(dtype=np.float64)
        self.starts = np.cumsum([0, *(len(part.obs) for part in self._parts)])

    def _shared(self) -> pd.Index:
        """Return the genes that all parts have measured, and log what the others cost."""
        union = self._parts[0].genes
        for part in self._parts[1:]:
            union = union.append(part.genes[~part.genes.isin(union)])
        measured = np.array([union.isin(part.measured) for part in self._parts])
        shared = union[measured.all(axis=0)]
        if len(shared) < len(union):  # a gene that is not measured would be read as zero
            logger.info(
                "%s of %s genes are measured in all parts; others are not used", len(shared), len(union)
            )
        least = int(measured.sum(axis=1).argmin())
        others = measured[np.arange(len(measured)) != least].all(axis=0).sum()
        if len(self._parts) > 1 and len(shared) < 0.5 * others:
            logger.warning(
                "%s has %s genes; without it, %s instead of %s genes would be shared",
                self._parts[least].where, measured[least].sum(), others, len(shared),
            )  # fmt: skip
        return shared

    @classmethod
    def of(cls, data: Any, *, counts: bool = True) -> Cells:
        """Return `Cells`, opened from AnnData, the path of an h5ad file or a list of them if necessary."""
        if isinstance(data, cls):
            return data
        return cls(data if isinstance(data, (list, tuple)) else [data], counts=counts)

    def __len__(self) -> int:
        return len(self.obs)

    @property
    def nnz(self) -> int:
        """Number of stored values, of all genes."""
        return sum(part.nnz for part in self._parts)

    def blocks(
        self, genes: Sequence[str] | None = None, max_values: int = BLOCK_VALUES
    ) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (cells, CSR float32 block) in order; of the given genes, all shared ones if None."""
        genes = self.genes if genes is None else genes
        for start, part in zip(self.starts, self._parts, strict=False):
            for rows, block in part.blocks(max_values):
                yield slice(start + rows.start, start + rows.stop), part.pick(block, genes)

    def pieces(self, max_values: int = BLOCK_VALUES) -> list[tuple[int, slice]]:
        """Return (part, rows of the part) of contiguous pieces that can be read separately."""
        pieces = []
        for number, part in enumerate(self._parts):
            pieces += [(number, rows) for rows in part.cuts(max_values)]
        return pieces

    def piece(self, number: int, rows: slice, genes: Sequence[str]) -> tuple[np.ndarray, sparse.csr_matrix]:
        """Read one piece: cell numbers and CSR counts of the given genes.

        Parameters
        ----------
        number
            Number of the part.
        rows
            Rows of the part.
        genes
            Names of the columns to return; genes that the part lacks are 0.
        """
        part, start = self._parts[number], self.starts[number]
        return np.arange(start + rows.start, start + rows.stop), part.pick(part.read(rows), genes)

    def take(self, rows: np.ndarray, genes: Sequence[str]) -> sparse.csr_matrix:
        """Return some cells (ascending numbers) in the given genes, read block by block."""
        rows, kept = np.asarray(rows), []
        for block_rows, block in self.blocks(genes):
            inside = rows[(rows >= block_rows.start) & (rows < block_rows.stop)]
            if len(inside):
                kept.append(block[inside - block_rows.start])
        if not kept:
            return sparse.csr_matrix((0, len(genes)), dtype=np.float32)
        return sparse.vstack(kept, format="csr")


class _Part:
    """One AnnData object or file."""

    def __init__(self, source, counts: bool, depth: str | None):
        self._matrix = None
        self._picked: tuple[Sequence[str] | None, np.ndarray | None] = (None, None)
        depth = depth or getattr(source, "uns", {}).get("depth")
        if getattr(source, "isbacked", False):
            source = source.filename
        if isinstance(source, (str, Path)):
            self._file = Counts(source)
            self.obs, self.genes, self.nnz = self._file.obs, self._file.genes, self._file.nnz
            self._indptr, where, rare = self._file.indptr, str(source), rare_genes(source)
            block = next((block for _, block in self._file.blocks(_LOOKED_AT)), None)
            first = np.empty(0) if block is None else block.data
        else:
            self._matrix = sparse.csr_matrix(source.X, dtype=np.float32)
            self.obs, self.genes, self.nnz = source.obs.copy(), source.var_names, self._matrix.nnz
            self._indptr, where, rare = self._matrix.indptr, "the cells' X", ()
            first = self._matrix.data
        if not self.genes.is_unique:
            name = self.genes[self.genes.duplicated()][0]
            raise fail(where, f"gene {name!r} occurs twice", "sum or rename the duplicate columns")
        check_values(first, counts, where)
        self.where = where
        self.measured = self.genes.append(pd.Index(rare, dtype=object)) if len(rare) else self.genes
        self.obs = self.obs.assign(n_counts=self._depth(depth))

    def _depth(self, column: str | None) -> np.ndarray:
        """Return the cells' depth: a column of obs if one is named, or the totals."""
        if column is None:
            totals = self._totals()
            if "n_counts" in self.obs and not np.allclose(totals, _numbers(self.obs["n_counts"]), rtol=1e-3):
                logger.warning(
                    "%s: the depth of cells is their total in X, which is not obs['n_counts']; if X has some "
                    "of the genes only, name the column with their totals in uns['depth']",
                    self.where,
                )
            return totals
        if column not in self.obs:
            raise fail(self.where, f"obs has no column {column!r} with the depth", "correct uns['depth']")
        depth = _numbers(self.obs[column])
        odd = ~(np.isfinite(depth) & (depth >= 0))
        if odd.any():
            problem = f"obs[{column!r}], the depth, is {depth[odd][0]:g} in {odd.sum()} cells"
            raise fail(self.where, problem, "give the total counts of every cell")
        return depth

    def _totals(self) -> np.ndarray:
        parts = [
            np.asarray(block.sum(axis=1, dtype=np.float64)).ravel() for _, block in self.blocks(BLOCK_VALUES)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def cuts(self, max_values: int) -> Iterator[slice]:
        start, n = 0, len(self._indptr) - 1
        while start < n:
            limit = int(self._indptr[start]) + max_values
            stop = max(int(np.searchsorted(self._indptr, limit, side="right")) - 1, start + 1)
            yield slice(start, stop)
            start = stop

    def blocks(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        if self._matrix is None:
            yield from self._file.blocks(max_values)
            return
        for rows in self.cuts(max_values):
            yield rows, self._matrix[rows]

    def read(self, rows: slice) -> sparse.csr_matrix:
        """Return contiguous rows; each call opens the file anew, so that threads do not share a handle."""
        if self._matrix is not None:
            return self._matrix[rows]
        low, high = int(self._indptr[rows.start]), int(self._indptr[rows.stop])
        with open_h5(self._file.path) as file:
            data, indices = file["X/data"][low:high], file["X/indices"][low:high]
        shape = (rows.stop - rows.start, len(self.genes))
        offsets = self._indptr[rows.start : rows.stop + 1] - low
        return sparse.csr_matrix((data.astype(np.float32, copy=False), indices, offsets), shape=shape)

    def pick(self, block: sparse.csr_matrix, genes: Sequence[str]) -> sparse.csr_matrix:
        """Return a block's values in the given genes; those that the part lacks are 0."""
        wanted, columns = self._picked
        if wanted is not genes:
            same = self.genes.equals(pd.Index(genes))
            columns = None if same else pd.Index(genes).get_indexer(self.genes)
            self._picked = (genes, columns)  # one assignment: a loader's thread reads it too
        if columns is None:
            return block
        columns = columns[block.indices]
        kept = columns >= 0
        offsets = np.concatenate([[0], np.cumsum(kept)])[block.indptr]
        return sparse.csr_matrix(
            (block.data[kept], columns[kept].astype(np.int32), offsets.astype(np.int32)),
            shape=(block.shape[0], len(genes)),
        )


def _numbers(column: pd.Series) -> np.ndarray:
    return pd.to_numeric(column.astype(object), errors="coerce").to_numpy(dtype=np.float64)


def check_values(values: np.ndarray, counts: bool, where: str) -> None:
    """Check that values are counts or normalised expression, as configured.

    Parameters
    ----------
    values
        Stored values of some cells.
    counts
        Whether counts are expected.
    where
        Source of the values, for the error message.

    Raises
    ------
    UserError
        For negative or missing values, fractions where counts are expected, and counts where normalised
        expression is.
    """
    values = np.asarray(values[:_LOOKED_AT])
    if not np.isfinite(values).all():
        raise fail(where, "some values are not finite", "remove or impute them")
    if len(values) and values.min() < 0:
        advice = "give raw counts (or log-normalised values that are not centred, with normalisation: none)"
        raise fail(where, f"there are negative values, e.g. {values.min():.3g}", advice)
    whole = bool((values == np.round(values)).all())
    if counts and not whole:
        odd = values[values != np.round(values)][0]
        advice = "give raw counts, or set unicoord.normalisation: none for values that are normalised already"
        raise fail(where, f"values such as {odd:.4g} are not counts", advice)
    if not counts and whole and len(values) and values.max() > 1:
        advice = "set unicoord.normalisation: depth-log1p"
        raise fail(where, "these are raw counts, but normalisation: none expects normalised values", advice)
