"""Open a study, or read its header only."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import h5py
import pandas as pd

from panscape.data.once import remembered
from panscape.data.readers.child import announce
from panscape.data.readers.format import study_format
from panscape.data.readers.fragments import refuse_fragments
from panscape.data.readers.h5ad import H5ad, H5mu
from panscape.data.readers.mtx import Mtx
from panscape.data.readers.source import Source
from panscape.data.readers.study import at, damage_told, study_path
from panscape.data.readers.table import Table
from panscape.data.readers.tenx import Loom, TenX
from panscape.data.readers.zarr_store import ZarrStore
from panscape.errors import fail

_CLASSES: dict[str, Callable[[dict, str], Source]] = {
    "h5ad": H5ad,
    "h5mu": H5mu,
    "zarr": ZarrStore,
    "10x-h5": TenX,
    "10x-mtx": Mtx,
    "loom": Loom,
}


def _make(study: dict, where: str) -> Source:
    with damage_told(study, where):
        return _open(study, where)


def _open(study: dict, where: str) -> Source:
    path = study_path(study, where)
    announce(path, at(study, where, "path"))
    refuse_fragments(path, at(study, where, "path"))
    format = study_format(study, where)
    if format in ("h5ad", "h5mu", "10x-h5", "loom") and path.is_file():
        with open(path, "rb") as handle:
            start = handle.read(8)
        if start[:2] == b"\x1f\x8b":
            raise fail(at(study, where, "path"), f"{path} is gzipped HDF5", f"run: gunzip -k {path}")
        # h5mu files start with a user block before the HDF5 content
        if start != b"\x89HDF\r\n\x1a\n" and not (format == "h5mu" and h5py.is_hdf5(path)):
            problem = "is empty" if not start else f"is not an HDF5 file (format {format})"
            raise fail(at(study, where, "path"), f"{path} {problem}", "correct path or format")
    return Table(study, where, format) if format in ("csv", "tsv") else _CLASSES[format](study, where)


def open_source(study: dict, *, where: str) -> Source:
    """Open the file of a study; once within :func:`panscape.data.once.remembering`.

    Parameters
    ----------
    study
        One item of the configuration's `studies`: `path` is read; `format`, `counts`, `orientation` and
        `genes` control how. Relative paths start at the current folder.
    where
        Configuration key of the study for error messages, e.g. ``"studies[1]"``.

    Returns
    -------
    Source
        The study, for reading in blocks; no file stays open between calls.

    Raises
    ------
    UserError
        If the file is missing, damaged, empty, in another format or without the matrix that `counts` names,
        or if a barcode occurs twice.
    """
    return remembered(["source", where, study], lambda: _named(study, where))


def _named(study: dict, where: str) -> Source:
    source = _make(study, where)
    with damage_told(study, where, "names"):
        source.check_names()
    return source


class Probe:
    """Size of a study, from the header of its file.

    Attributes
    ----------
    format
        The format, as configured or recognised.
    n_cells, n_genes
        Size of the matrix, including features that are not genes.
    nnz
        Number of stored values; None for dense formats.
    estimated
        Whether the number of lines is estimated from the file size (text tables).
    obs_columns
        Names of the columns of cell metadata.
    genes
        Names of the features (Index), read at first access.
    """

    def __init__(self, source: Source):
        self._source = source
        self.format, self.nnz = source.format, source.nnz
        self.estimated = isinstance(source, Table)
        with damage_told(source.study, source.where, "header"):
            shape = source.estimated_shape() if isinstance(source, Table) else source.raw_shape
            self.n_cells, self.n_genes = shape
            self.obs_columns = tuple(source.obs_columns)

    @cached_property
    def genes(self) -> pd.Index:
        """Genes of the source."""
        if not hasattr(self._source, "gene_names"):
            return self._source.genes.index
        return pd.Index(self._source._guard("genes", self._source.gene_names), dtype=object)


def probe(study: dict, *, where: str = "studies") -> Probe:
    """Read only the header of a study, in milliseconds whatever the file size.

    Parameters
    ----------
    study, where
        As for :func:`open_source`.

    Raises
    ------
    UserError
        If the file is missing or in another format, or its header is damaged.
    """
    return Probe(_make(study, where))
