"""Reader of h5ad and h5mu files (X, raw or a layer; CSR, CSC or dense), of old anndata versions too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.external_sort import ExternalSort
from panscape.data.readers.features import PEAKS, modality_named
from panscape.data.readers.format import file_only
from panscape.data.readers.gate import is_array, open_hdf5, values_of
from panscape.data.readers.hdf5 import (
    Compressed,
    decoded,
    dense_blocks,
    dense_spread,
    require_length,
    texts,
)
from panscape.data.readers.source import Source
from panscape.data.readers.study import Refused, listing, study_path


class H5ad(Source):
    """An open h5ad file."""

    format = "h5ad"
    whole_file = True  # not a folder

    def __init__(self, study: dict, where: str):
        super().__init__(study, where)
        path = study_path(study, where)
        self.path = file_only(study, path, where) if self.whole_file else path
        self._guard("header", self._open)

    @contextmanager
    def _file(self) -> Iterator[h5py.Group]:
        with open_hdf5(self.path) as file:
            yield file

    def _open(self) -> None:
        with self._file() as file:
            for name in ("obs", "var"):
                if name not in file:
                    raise self.fail(
                        "path", f"it has no {name!r}, so it is not an h5ad file", "correct format"
                    )
            self._layers = [f"layer:{name}" for name in file.get("layers", ())]
            self._has = [name for name, keys in _PLACES.items() if any(key in file for key in keys)]
            self._key, self._var = self._find(file)
            self._kind, self._shape, self.nnz = _describe(file[self._key])
            self.once = self._kind != "dense"
            if self._kind == "":
                raise self.fail(
                    "counts", f"{self._key} is not a matrix", f"write counts: {_or(self.alternatives)}"
                )
            self._obs_columns = _columns(file["obs"])

    def _find(self, file: h5py.File) -> tuple[str, str]:
        counts = self.study.get("counts") or "X"
        if counts.startswith("layer:"):
            if counts in self._layers:
                return f"layers/{counts.removeprefix('layer:')}", "var"
        else:
            for key in _PLACES.get(counts, ()):
                if key in file:
                    return key, {"raw/X": "raw/var", "raw.X": "raw.var"}.get(key, "var")
        raise self.fail("counts", f"the file has no {counts}", f"write one of: {_or(self.alternatives)}")

    @property
    def alternatives(self) -> list[str]:
        """Names of the other matrices in the file."""
        counts = self.study.get("counts") or "X"
        return [name for name in [*self._has, *self._layers] if name != counts]

    @property
    def raw_shape(self) -> tuple[int, int]:
        """(cells, features) of the file, before the selection of genes."""
        return self._shape

    @property
    def obs_columns(self) -> list[str]:
        """Names of the columns of cell metadata."""
        return self._obs_columns

    def _read_cells(self) -> np.ndarray:
        with self._file() as file:
            return _index(file["obs"])

    def _read_genes(self) -> pd.DataFrame:
        with self._file() as file:
            return _frame(file, self._var)

    def _read_obs(self) -> pd.DataFrame:
        with self._file() as file:
            return _frame(file, "obs")

    def gene_names(self) -> np.ndarray:
        """Return the gene names without reading the annotations."""
        with self._file() as file:
            return _index(file[self._var])

    def _compressed(self, file: h5py.Group) -> Compressed:
        """Return the sparse matrix, of cells (CSR) or of genes (CSC)."""
        shape = self._shape if self._kind == "csr" else self._shape[::-1]
        return Compressed(file[self._key], shape, logged=self.logged)

    def _blocks(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        with self._file() as file:
            matrix = file[self._key]
            if self._kind == "dense":
                yield from dense_blocks(matrix, max_values, cells_first=True, logged=self.logged)
            elif self._kind == "csr":
                yield from self._compressed(file).by_row(max_values)
            else:
                yield from self._externally_sorted(max_values)

    def _spread(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        with self._file() as file:
            if self._kind == "dense":
                yield from dense_spread(file[self._key], max_values, cells_first=True, logged=self.logged)
            elif self._kind == "csr":
                yield from self._compressed(file).spread(max_values)

    def _fill_sorter(self, max_values: int) -> ExternalSort:
        with self._file() as file:
            return self._compressed(file).transposed(max_values)

    def _sample(self) -> np.ndarray:
        with self._file() as file:
            matrix = file[self._key]
            if self._kind == "dense":
                return values_of(matrix, ndim=2)[: max(1_000_000 // max(self._shape[1], 1), 1)]
            return self._compressed(file).head(1_000_000)


# `raw.X` was written by anndata < 0.7
_PLACES = {"X": ("X",), "raw": ("raw/X", "raw.X")}


class H5mu(H5ad):
    """One modality of an open h5mu file: gene expression, or the study's `modality`."""

    format = "h5mu"

    @contextmanager
    def _file(self) -> Iterator[h5py.Group]:
        with open_hdf5(self.path) as file:
            if "mod" not in file:
                raise self.fail("path", "it has no 'mod', so it is not an h5mu file", "correct format")
            peaks = self.study.get("features") == PEAKS
            wanted = self.study.get("modality") or ("atac" if peaks else "rna")
            name = modality_named(file["mod"], wanted)
            if name is None:
                others = ", ".join(file["mod"]) or "none"
                fix = "write the name of the modality with the " + ("peaks" if peaks else "genes")
                raise self.fail("modality", f"no modality {wanted!r}; the file has {others}", fix)
            yield file["mod"][name]

    def _read_obs(self) -> pd.DataFrame:
        obs = super()._read_obs()
        with open_hdf5(self.path) as file:
            shared = _frame(file, "obs") if "obs" in file else pd.DataFrame(index=obs.index)
        lacking = obs.index.difference(shared.index)
        if len(lacking) or shared.index.has_duplicates:
            problem = f"the file's obs lacks {len(lacking)} of the cells of its modality, or has some twice"
            raise Refused(problem, "write the file again, e.g. with MuData.update")
        return obs.join(shared[shared.columns.difference(obs.columns)])

    @property
    def obs_columns(self) -> list[str]:
        """Names of the columns of cell metadata."""
        with open_hdf5(self.path) as file:
            shared = _columns(file["obs"]) if "obs" in file else []
        return list(dict.fromkeys([*self._obs_columns, *shared]))


def _or(names: list[str]) -> str:
    return ", ".join(names) or "nothing: the file has no other matrix"


def _describe(matrix: h5py.Group | h5py.Dataset) -> tuple[str, tuple[int, int], int | None]:
    """Return a matrix's kind (csr, csc, dense, or "" if it is not one), shape and number of stored values."""
    if is_array(matrix):
        return ("dense", tuple(matrix.shape), None) if matrix.ndim == 2 else ("", (0, 0), None)
    attributes = matrix.attrs
    name = attributes.get("encoding-type", attributes.get("h5sparse_format", ""))
    kind = str(name).removesuffix("_matrix")
    if kind not in ("csr", "csc") or "data" not in matrix:
        return "", (0, 0), None
    shape = np.asarray(attributes["shape"] if "shape" in attributes else attributes["h5sparse_shape"])
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or (shape < 0).any():
        raise Refused(f"the shape of {matrix.name} is {shape.tolist()}, not two numbers from 0 on")
    return kind, (int(shape[0]), int(shape[1])), int(matrix["data"].shape[0])


def _columns(table: h5py.Group | h5py.Dataset) -> list[str]:
    if isinstance(table, h5py.Dataset):
        return [name for name in table.dtype.names if name != _index_name(table)]
    order = table.attrs.get("column-order")
    if order is not None:
        return decoded(np.asarray(order)).tolist() if len(order) else []
    return [name for name in table if name not in ("__categories", _index_name(table))]


def _index_name(table: h5py.Group | h5py.Dataset) -> str:
    if isinstance(table, h5py.Dataset):
        return "index" if "index" in table.dtype.names else table.dtype.names[0]
    return str(table.attrs.get("_index", "_index"))


def _index(table: h5py.Group | h5py.Dataset) -> np.ndarray:
    if isinstance(table, h5py.Dataset):
        names = table.fields(_index_name(table))[:]
        return np.array([n.decode() if isinstance(n, bytes) else str(n) for n in names], dtype=object)
    return texts(table[_index_name(table)])


def _column(table: h5py.Group, name: str, rows: int) -> Any:
    """Return the values of a column of obs or var."""
    from anndata.io import read_elem

    column, codes = table[name], table.get(f"__categories/{name}")
    if not is_array(column) and "encoding-type" not in column.attrs:
        raise Refused(f"{table.name}/{name} is not a column")
    require_length(column, rows)
    if not is_array(column):
        return read_elem(column)
    if codes is not None:  # anndata 0.7 and SeuratDisk: labels beside their numbers
        values, labels = values_of(column, kinds="iu")[:].astype(np.int64), texts(codes)
        if len(values) and values.min() >= 1 and values.max() == len(labels):
            values = values - 1  # as R counts
        return pd.Categorical.from_codes(values, pd.Index(labels, dtype=object))
    return decoded(column[:]) if getattr(column.dtype, "kind", "") == "S" else read_elem(column)


def _frame(file: h5py.File, key: str) -> pd.DataFrame:
    """Read obs or var; anndata < 0.7 stored them as compound datasets with categories in uns."""
    table = file[key]
    if not isinstance(table, h5py.Dataset):
        names = _columns(table)
        doubles = listing(sorted({name for name in names if names.count(name) > 1}))
        if doubles != "none":
            raise Refused(f"{key} has several columns of the same name: {doubles}", "rename them")
        index = pd.Index(_index(table), dtype=object)
        return pd.DataFrame({name: _column(table, name, len(index)) for name in names}, index=index)
    values, columns = table[:], {}
    for name in _columns(table):
        column = values[name]
        if column.dtype.kind in "SO":
            column = [item.decode() if isinstance(item, bytes) else item for item in column]
        if f"uns/{name}_categories" in file:
            column = pd.Categorical.from_codes(np.asarray(column), texts(file[f"uns/{name}_categories"]))
        columns[name] = column
    return pd.DataFrame(columns, index=pd.Index(_index(table), dtype=object))
