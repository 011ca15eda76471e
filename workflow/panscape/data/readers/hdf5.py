"""Blockwise reading of matrices in HDF5 files."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np
from scipy import sparse

from panscape.data.external_sort import ExternalSort
from panscape.data.readers.gate import as_float32, is_array, require_stored, values_of
from panscape.data.readers.study import Refused

Blocks = Iterator[tuple[slice, sparse.csr_matrix]]
RUNS = 64  # of adjacent cells, in a sample spread over a file


def texts(dataset: h5py.Dataset | h5py.Group) -> np.ndarray:
    """Return a dataset of strings or numbers, or anndata's nullable strings, as an object array of str."""
    if not is_array(dataset) and {"values", "mask"} <= set(dataset):
        mask = dataset["mask"]
        if not is_array(mask) or mask.dtype.kind != "b":
            raise Refused(f"{mask.name} is not a list of true and false")
        return np.where(mask[:], "", texts(dataset["values"]))  # zarr stores no piece of falses alone
    if not is_array(dataset) or dataset.shape is None or dataset.ndim != 1:
        raise Refused(f"{dataset.name} is not a list of names")
    require_stored(dataset)
    return decoded(dataset[:])


def decoded(values: np.ndarray) -> np.ndarray:
    """Return an array of bytes, str or numbers as an object array of str."""
    return np.array([v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in values], dtype=object)


def require_length(part: h5py.Group | h5py.Dataset, size: int) -> None:
    """Raise a Refused if a column has another length than its table: pandas repeats single values.

    Parameters
    ----------
    part
        The column: an array, or a group with `codes` or `values`.
    size
        Number of rows of the table.
    """
    values = part
    if not is_array(part):
        values = next((part[name] for name in ("codes", "values") if name in part), None)
    if is_array(values) and tuple(values.shape) != (size,):
        raise Refused(f"{part.name} has shape {values.shape}, but its table {size} rows")


class Compressed:
    """A compressed sparse matrix in HDF5: `data`, `indices` and `indptr` under one group.

    Parameters
    ----------
    group
        The HDF5 group, open as long as this object is used.
    shape
        (n_major, n_minor); `indptr` indexes the major axis.
    logged
        Whether values are logarithms, which may be rounded to float32.

    Raises
    ------
    Refused
        If indices or offsets are not whole numbers, or the parts do not match.
    """

    def __init__(self, group: h5py.Group, shape: tuple[int, int], *, logged: bool = False):
        self.data, self.indices = values_of(group["data"]), values_of(group["indices"], kinds="iu")
        self.shape, self._logged = shape, logged
        # always 64-bit: large files have more values than 32 bits can count
        offsets = values_of(group["indptr"], kinds="iu")
        matching = offsets.shape[0] == shape[0] + 1 and self.data.shape == self.indices.shape
        if matching:
            stored = offsets[:]
            matching = (
                stored[0] == 0 and stored[-1] == self.data.shape[0] and (stored[1:] >= stored[:-1]).all()
            )
        if not matching:
            raise Refused(f"{group.name}: indptr, indices and data do not match")
        self.indptr = stored.astype(np.int64)

    def rows(self, start: int, stop: int) -> sparse.csr_matrix:
        """Return the major rows start..stop as CSR float32."""
        low, high = self.indptr[start], self.indptr[stop]
        data, indices = self._values(low, high)
        indptr = (self.indptr[start : stop + 1] - low).astype(np.int32)
        return sparse.csr_matrix((data, indices, indptr), shape=(stop - start, self.shape[1]))

    def _values(self, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
        indices = self._inside(low, high)
        return as_float32(self.data[low:high], self.data.name, logged=self._logged), indices

    def _inside(self, low: int, high: int) -> np.ndarray:
        """Return indices as int32; a Refused if some are negative or too large."""
        indices = self.indices[low:high]
        if indices.dtype.itemsize < 4:
            indices = indices.astype(np.int32)
        # without their sign, negative ones are larger than any number of columns
        unsigned = indices.view(indices.dtype.str.replace("i", "u"))
        if len(indices) and unsigned.max() >= self.shape[1]:
            raise Refused(f"{self.indices.name}: numbers beyond the matrix's {self.shape[1]} columns")
        return indices.astype(np.int32, copy=False)

    def head(self, count: int) -> np.ndarray:
        """Return the first values as they are stored, with a check of their indices."""
        self._inside(0, count)
        return self.data[:count]

    def by_row(self, max_values: int) -> Blocks:
        """Yield blocks of complete major rows."""
        start = 0
        while start < self.shape[0]:
            limit = self.indptr[start] + max_values
            stop = max(int(np.searchsorted(self.indptr, limit, side="right")) - 1, start + 1)
            yield slice(start, stop), self.rows(start, stop)
            start = stop

    def spread(self, max_values: int) -> Blocks:
        """Yield evenly spaced runs of complete major rows, with about `max_values` values in total."""
        start, count = 0, self.shape[0]
        for at in range(RUNS):
            start = max(start, at * count // RUNS)
            end = (at + 1) * count // RUNS
            if start >= end:
                continue
            limit = self.indptr[start] + max_values // RUNS
            stop = min(max(int(np.searchsorted(self.indptr, limit, side="right")) - 1, start + 1), end)
            yield slice(start, stop), self.rows(start, stop)
            start = stop

    def transposed(self, max_values: int) -> ExternalSort:
        """Return the matrix sorted by its minor axis, in scratch files if it is large."""
        sorter = ExternalSort(self.shape[::-1], int(self.indptr[-1]), max_values)
        step = max(max_values // 4, 1)
        for low in range(0, int(self.indptr[-1]), step):
            high = min(low + step, int(self.indptr[-1]))
            data, minor = self._values(low, high)
            first = int(np.searchsorted(self.indptr, low, side="right")) - 1
            last = int(np.searchsorted(self.indptr, high, side="left"))
            inside = np.clip(self.indptr[first : last + 1], low, high)
            sorter.add(minor, np.repeat(np.arange(first, last), np.diff(inside)), data)
        return sorter


def dense_blocks(
    dataset: h5py.Dataset, max_values: int, *, cells_first: bool, logged: bool = False
) -> Blocks:
    """Yield a dense dataset in blocks of cells.

    Parameters
    ----------
    dataset
        Matrix of cells x genes or genes x cells, open while blocks are read.
    max_values
        Maximum number of values per block, zeros included; a block has at least one cell.
    cells_first
        Whether the first axis of the dataset is that of the cells.
    logged
        Whether values are logarithms, which may be rounded to float32.

    Yields
    ------
    (rows, CSR float32 block cells x genes) in file order, covering every cell once.
    """
    values_of(dataset, ndim=2)
    axis = 0 if cells_first else 1
    n_cells, n_genes = dataset.shape[axis], dataset.shape[1 - axis]
    step = max(max_values // max(n_genes, 1), 1)
    if dataset.chunks and step > dataset.chunks[axis]:
        step -= step % dataset.chunks[axis]  # multiples of chunks, so that none is unpacked twice
    for start in range(0, n_cells, step):
        stop = min(start + step, n_cells)
        block = dataset[start:stop] if cells_first else dataset[:, start:stop].T
        yield slice(start, stop), _csr(block, dataset.name, logged)


def dense_spread(
    dataset: h5py.Dataset, max_values: int, *, cells_first: bool, logged: bool = False
) -> Blocks:
    """Yield evenly spaced runs of adjacent cells of a dense dataset.

    Parameters
    ----------
    dataset
        Matrix of cells x genes or genes x cells, open while blocks are read.
    max_values
        Approximate number of values in total, zeros included; each run has at least one cell.
    cells_first
        Whether the first axis of the dataset is that of the cells.
    logged
        Whether values are logarithms, which may be rounded to float32.

    Yields
    ------
    (rows, CSR float32 block cells x genes) of at most `RUNS` runs, in file order.
    """
    values_of(dataset, ndim=2)
    axis = 0 if cells_first else 1
    n_cells, n_genes = dataset.shape[axis], dataset.shape[1 - axis]
    step = max(max_values // max(n_genes, 1) // RUNS, 1)
    for at in range(RUNS):
        start, end = at * n_cells // RUNS, (at + 1) * n_cells // RUNS
        stop = min(start + step, end)
        if start < stop:
            block = dataset[start:stop] if cells_first else dataset[:, start:stop].T
            yield slice(start, stop), _csr(block, dataset.name, logged)


def _csr(block: np.ndarray, name: str, logged: bool) -> sparse.csr_matrix:
    return sparse.csr_matrix(as_float32(block, name, logged=logged))
