"""Readers of Cell Ranger HDF5 files, version 2 (a group per genome) and 3 (`matrix`), and loom files."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.readers.features import require_ids
from panscape.data.readers.format import file_only
from panscape.data.readers.gate import open_hdf5, values_of
from panscape.data.readers.hdf5 import Compressed, dense_blocks, dense_spread, require_length, texts
from panscape.data.readers.source import Source
from panscape.data.readers.study import Refused, listing, study_path


class TenX(Source):
    """An open 10x h5 file: genes x cells stored by column, which is cells x genes by row."""

    format = "10x-h5"
    once = True

    def __init__(self, study: dict, where: str):
        super().__init__(study, where)
        self.path = file_only(study, study_path(study, where), where)
        if (study.get("counts") or "X") != "X":
            raise self.fail("counts", f"{study['counts']!r}, but a 10x file has one matrix", "remove counts")
        self._guard("header", self._open)

    def _open(self) -> None:
        with open_hdf5(self.path) as file:
            groups = [
                name for name, item in file.items() if isinstance(item, h5py.Group) and "barcodes" in item
            ]
            wanted = (self.study.get("genes") or {}).get("genome")
            if "matrix" in groups:
                self._group = "matrix"
            elif wanted is not None and wanted in groups:
                self._group = wanted
            elif len(groups) == 1 and not wanted:
                self._group = groups[0]
            elif not groups:
                raise self.fail("format", f"no 10x matrix, only {listing(file)}", "correct format")
            else:
                problem = f"its genomes are {listing(groups)}" + (f", not {wanted}" if wanted else "")
                fix = f"write genes: {{genome: {groups[0]}}} in the study's entry, or another of them"
                raise self.fail("genes.genome", problem, fix)
            group = file[self._group]
            shape = values_of(group["shape"], kinds="iu")[:]
            if len(shape) != 2 or (shape < 0).any():
                raise Refused(f"the shape of {group.name} is {shape.tolist()}, not two numbers from 0 on")
            n_genes, n_cells = map(int, shape)
            self._shape, self.nnz = (n_cells, n_genes), int(group["data"].shape[0])

    @property
    def raw_shape(self) -> tuple[int, int]:
        """(cells, features) of the file, before the selection of genes."""
        return self._shape

    def _read_cells(self) -> np.ndarray:
        with open_hdf5(self.path) as file:
            return texts(file[self._group]["barcodes"])

    def _read_genes(self) -> pd.DataFrame:
        with open_hdf5(self.path) as file:
            group = file[self._group]
            if "features" not in group:
                require_length(group["genes"], len(group["gene_names"]))
                columns = {"id": texts(group["genes"]), "genome": self._group}
                table = pd.DataFrame(columns, index=pd.Index(texts(group["gene_names"]), name="name"))
                return require_ids(table)
            features = group["features"]
            for name in ("id", "feature_type", "genome", "interval"):
                if name in features:
                    require_length(features[name], len(features["name"]))
            names = pd.Index(texts(features["name"]), name="name")
            columns = {"id": texts(features["id"]), "feature_types": texts(features["feature_type"])}
            for name in ("genome", "interval"):
                if name in features:
                    columns[name] = texts(features[name])
        return require_ids(pd.DataFrame(columns, index=names))

    def gene_names(self) -> np.ndarray:
        """Return the feature names without reading the annotations."""
        with open_hdf5(self.path) as file:
            group = file[self._group]
            return texts(group["features/name"] if "features" in group else group["gene_names"])

    def _compressed(self, file: h5py.File) -> Compressed:
        return Compressed(file[self._group], self._shape, logged=self.logged)

    def _blocks(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        with open_hdf5(self.path) as file:
            yield from self._compressed(file).by_row(max_values)

    def _spread(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        with open_hdf5(self.path) as file:
            yield from self._compressed(file).spread(max_values)

    def _sample(self) -> np.ndarray:
        with open_hdf5(self.path) as file:
            return self._compressed(file).head(1_000_000)


class Loom(Source):
    """An open loom file: a dense genes x cells matrix, read in blocks of columns."""

    format = "loom"
    _CELLS = ("CellID", "obs_names", "cell_names", "barcode", "barcodes")
    _GENES = ("Gene", "var_names", "gene_names", "gene_name", "gene", "target_name", "Accession")

    def __init__(self, study: dict, where: str):
        super().__init__(study, where)
        self.path = file_only(study, study_path(study, where), where)
        self._guard("header", self._open)

    def _open(self) -> None:
        with open_hdf5(self.path) as file:
            for part in ("matrix", "row_attrs", "col_attrs"):
                if part not in file:
                    raise self.fail("path", f"it has no {part!r}, so it is not a loom file", "correct format")
            self._layers = [f"layer:{name}" for name in file.get("layers", ())]
            counts = self.study.get("counts") or "X"
            if counts != "X" and counts not in self._layers:
                others = listing(self.alternatives)
                raise self.fail("counts", f"the file has no {counts}", f"write one of: {others}")
            self._key = "matrix" if counts == "X" else f"layers/{counts.removeprefix('layer:')}"
            self._shape = file[self._key].shape[::-1]
            self._obs_columns = _attributes(file["col_attrs"])
            self._var_columns = _attributes(file["row_attrs"])

    @property
    def alternatives(self) -> list[str]:
        """Names of the other matrices in the file."""
        return [name for name in ("X", *self._layers) if name != (self.study.get("counts") or "X")]

    @property
    def raw_shape(self) -> tuple[int, int]:
        """(cells, features) of the file, before the selection of genes."""
        return self._shape

    @property
    def obs_columns(self) -> list[str]:
        """Names of the columns of cell metadata."""
        return self._obs_columns

    def _name_of(self, known: tuple[str, ...], columns: list[str], what: str) -> str:
        for name in known:
            if name in columns:
                return name
        raise self.fail("path", f"no {what} names among {listing(columns)}", f"add the attribute {known[0]}")

    def _read_cells(self) -> np.ndarray:
        with open_hdf5(self.path) as file:
            return texts(file["col_attrs"][self._name_of(self._CELLS, self._obs_columns, "cell")])

    def _table(self, key: str, columns: list[str]) -> dict[str, np.ndarray]:
        with open_hdf5(self.path) as file:
            group = file[key]
            for name in columns:
                require_length(group[name], self._shape[key == "row_attrs"])
            kinds = {name: group[name].dtype.kind for name in columns}
            return {n: group[n][:] if kinds[n] in "biuf" else texts(group[n]) for n in columns}

    def _read_genes(self) -> pd.DataFrame:
        table = pd.DataFrame(self._table("row_attrs", self._var_columns))
        names = table[self._name_of(self._GENES, self._var_columns, "gene")]
        return table.set_axis(pd.Index(names.astype(str), name="name"), axis=0)

    def _read_obs(self) -> pd.DataFrame:
        return pd.DataFrame(self._table("col_attrs", self._obs_columns), index=self.cells)

    def gene_names(self) -> np.ndarray:
        """Return the gene names without reading the annotations."""
        with open_hdf5(self.path) as file:
            return texts(file["row_attrs"][self._name_of(self._GENES, self._var_columns, "gene")])

    def _blocks(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        with open_hdf5(self.path) as file:
            yield from dense_blocks(file[self._key], max_values, cells_first=False, logged=self.logged)

    def _spread(self, max_values: int) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        with open_hdf5(self.path) as file:
            yield from dense_spread(file[self._key], max_values, cells_first=False, logged=self.logged)

    def _sample(self) -> np.ndarray:
        with open_hdf5(self.path) as file:
            return values_of(file[self._key], ndim=2)[:, : max(1_000_000 // max(self._shape[1], 1), 1)]


def _attributes(group: h5py.Group) -> list[str]:
    """Return the one-dimensional attributes; others (embeddings) are not columns."""
    return [name for name, item in group.items() if isinstance(item, h5py.Dataset) and item.ndim == 1]
