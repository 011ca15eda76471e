"""Count matrices on disk: h5ad files with CSR counts, read and written in blocks of cells.

All stages after ``preprocess`` read cells through this module, so that their memory is bounded by one block
and their results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.elements import read_frame
from panscape.data.files import COMPRESSION, open_h5

RARE = "rare_genes"  # key of uns
BLOCK_VALUES = 8_000_000  # non-zero values per block: about 100 MB with indices


def smaller(
    blocks: Iterable[tuple[slice, sparse.csr_matrix]], n_cells: int
) -> Iterator[tuple[slice, sparse.csr_matrix]]:
    """Split blocks of cells into parts of at most `n_cells` cells.

    Parameters
    ----------
    blocks
        (rows, CSR (len(rows), n_genes)), as :meth:`Counts.blocks` yields them.
    n_cells
        Maximum number of cells of a part.

    Examples
    --------
    >>> [rows for rows, _ in smaller([(slice(4, 7), sparse.csr_matrix((3, 1)))], 2)]
    [slice(4, 6, None), slice(6, 7, None)]
    """
    for rows, block in blocks:
        for start in range(0, block.shape[0], n_cells):
            part = block[start : start + n_cells]
            yield slice(rows.start + start, rows.start + start + part.shape[0]), part


def narrow(values: np.ndarray) -> np.ndarray:
    """Return values as the smallest unsigned integers that represent them exactly, or as float32."""
    low, high = values.min(initial=0), values.max(initial=0)
    for kind in (np.uint8, np.uint16):
        if low >= 0 and high <= np.iinfo(kind).max:
            narrowed = values.astype(kind)
            if (narrowed == values).all():
                return narrowed
    return np.array(values, dtype=np.float32)


def index_type(number: int) -> type[np.uint16] | type[np.int32]:
    """Return the smallest of two types that holds positions below a number.

    Examples
    --------
    >>> index_type(2000).__name__, index_type(100_000).__name__
    ('uint16', 'int32')
    """
    return np.uint16 if number <= 1 << 16 else np.int32


class Counts:
    """A CSR h5ad file opened for reading in blocks.

    Parameters
    ----------
    path
        An h5ad file whose ``X`` is CSR (cells x genes), as :class:`CountsWriter` makes it.

    Attributes
    ----------
    cells, genes
        Names (pandas Index), in file order.
    shape
        (n_cells, n_genes).
    indptr
        int64, (n_cells + 1,): offset of the first value of each cell.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        with open_h5(self.path) as file:
            self.obs = read_frame(file["obs"])
            self.var = read_frame(file["var"])
            self.indptr = file["X/indptr"][:].astype(np.int64)
        self.cells, self.genes = self.obs.index, self.var.index
        self.shape = (len(self.cells), len(self.genes))

    @property
    def nnz(self) -> int:
        """Return the number of stored values."""
        return int(self.indptr[-1])

    def blocks(self, max_values: int = BLOCK_VALUES) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (rows, CSR float32 block) in file order, each with at most `max_values` values.

        A cell with more values forms a block by itself.
        """
        with open_h5(self.path) as file:
            data, indices = file["X/data"], file["X/indices"]
            start = 0
            while start < self.shape[0]:
                limit = self.indptr[start] + max_values
                stop = max(int(np.searchsorted(self.indptr, limit, side="right")) - 1, start + 1)
                low, high = self.indptr[start], self.indptr[stop]
                block = sparse.csr_matrix(
                    (
                        data[low:high].astype(np.float32, copy=False),
                        indices[low:high].astype(np.int32, copy=False),
                        (self.indptr[start : stop + 1] - low).astype(np.int64),
                    ),
                    shape=(stop - start, self.shape[1]),
                )
                yield slice(start, stop), block
                start = stop

    def select(self, genes: Sequence[str] | None = None) -> sparse.csr_matrix:
        """Load the given genes (all if None), in the given order, of all cells.

        Returns
        -------
        CSR float32, cells x genes.

        Raises
        ------
        KeyError
            If a gene is not in the file.
        """
        columns = None
        if genes is not None:
            columns = self.genes.get_indexer(pd.Index(genes))
            if (columns < 0).any():
                missing = [gene for gene, column in zip(genes, columns, strict=True) if column < 0]
                raise KeyError(f"{self.path}: {len(missing)} genes are not in the file, e.g. {missing[:3]}")
        parts = [block if columns is None else block[:, columns] for _, block in self.blocks()]
        width = self.shape[1] if columns is None else len(columns)
        if not parts:
            return sparse.csr_matrix((0, width), dtype=np.float32)
        matrix = sparse.vstack(parts, format="csr", dtype=np.float32)
        matrix.sort_indices()
        return matrix


def rare_genes(path: str | Path) -> tuple[str, ...]:
    """Return the genes that were measured, but removed for being detected in too few cells.

    Empty for files that do not list them.
    """
    from anndata.io import read_elem

    with open_h5(Path(path)) as file:
        names = read_elem(file[f"uns/{RARE}"]) if f"uns/{RARE}" in file else ()
    return tuple(map(str, names))


class CountsWriter:
    """Write an h5ad file with CSR counts block by block.

    Use as a context manager; the file is only complete (obs, var) after :meth:`finish`.

    Parameters
    ----------
    path
        The file to write. Use a scratch path (:func:`panscape.data.files.atomic`) and rename.
    n_genes
        Number of columns of every block.
    compressed
        Whether to compress the values: False for a file that is read once or twice and then removed.
    """

    def __init__(self, path: str | Path, n_genes: int, *, compressed: bool = True):
        self._file = h5py.File(path, "w")
        self._n_genes = n_genes
        self._indptr = [np.zeros(1, dtype=np.int64)]
        self._file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        group = self._file.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        options = {"maxshape": (None,), "chunks": (1 << 18,), "shuffle": compressed}
        options.update(COMPRESSION if compressed else {})
        self._data = group.create_dataset("data", shape=(0,), dtype=np.float32, **options)
        self._indices = group.create_dataset("indices", shape=(0,), dtype=np.int32, **options)

    def __enter__(self) -> CountsWriter:
        return self

    def __exit__(self, *error) -> None:
        self._file.close()

    def append(self, block: sparse.csr_matrix) -> None:
        """Add the rows of a CSR block (cells x n_genes)."""
        block = sparse.csr_matrix(block)
        if block.shape[1] != self._n_genes:
            raise ValueError(f"block has {block.shape[1]} genes, the file {self._n_genes}")
        block.sort_indices()
        start = self._data.shape[0]
        for target, values in ((self._data, block.data), (self._indices, block.indices)):
            target.resize((start + block.nnz,))
            target[start:] = values
        self._indptr.append(start + block.indptr[1:].astype(np.int64))

    def finish(self, obs: pd.DataFrame, var: pd.DataFrame, uns: dict | None = None) -> None:
        """Complete the file with names and annotations, after the last block.

        Parameters
        ----------
        obs
            Annotations of the cells, indexed by name, one row per row of the blocks in their order.
        var
            Annotations of the genes, indexed by name, one row per column of the blocks.
        uns
            Unstructured annotations; None writes none.

        Raises
        ------
        ValueError
            If the number of rows of `obs` or `var` differs from that of the cells or genes written.
        """
        from anndata.io import write_elem

        indptr = np.concatenate(self._indptr)
        if indptr[-1] <= np.iinfo(np.int32).max:  # some programs require indices and offsets of one type
            indptr = indptr.astype(np.int32)
        if len(obs) != len(indptr) - 1 or len(var) != self._n_genes:
            raise ValueError("obs or var does not match the matrix")
        self._file["X"].create_dataset("indptr", data=indptr)
        self._file["X"].attrs["shape"] = np.array([len(obs), self._n_genes], dtype=np.int64)
        write_elem(self._file, "obs", obs)
        write_elem(self._file, "var", var)
        for name in ("layers", "obsm", "obsp", "varm", "varp"):
            write_elem(self._file, name, {})
        write_elem(self._file, "uns", uns or {})
