"""Opening a study, or looking at its header only."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import h5py
import pandas as pd

from panscape.data.readers.h5ad import H5ad, H5mu
from panscape.data.readers.mtx import Mtx
from panscape.data.readers.source import Source
from panscape.data.readers.study import at, study_format, study_path
from panscape.data.readers.table import Table
from panscape.data.readers.tenx import Loom, TenX
from panscape.errors import fail

_CLASSES: dict[str, Callable[[dict, str], Source]] = {
    "h5ad": H5ad,
    "h5mu": H5mu,
    "10x-h5": TenX,
    "10x-mtx": Mtx,
    "loom": Loom,
}


def _make(study: dict, where: str) -> Source:
    path = study_path(study, where)
    format = study_format(study, where)
    if format in ("h5ad", "h5mu", "10x-h5", "loom") and path.is_file():
        with open(path, "rb") as handle:
            start = handle.read(8)
        if start[:2] == b"\x1f\x8b":
            raise fail(at(study, where, "path"), f"{path} is gzipped HDF5", f"run: gunzip -k {path}")
        # h5mu files have a block of their own before HDF5's
        if start != b"\x89HDF\r\n\x1a\n" and not (format == "h5mu" and h5py.is_hdf5(path)):
            problem = "is empty" if not start else f"is no HDF5 file (format {format})"
            raise fail(at(study, where, "path"), f"{path} {problem}", "correct path or format")
    return Table(study, where, format) if format in ("csv", "tsv") else _CLASSES[format](study, where)


def open_source(study: dict, *, where: str) -> Source:
    """Open a study's file.

    Parameters
    ----------
    study
        One item of the configuration's `studies`: `path` is read; `format`, `counts`, `orientation` and
        `genes` say how. A relative path starts at the current folder.
    where
        The item's key for messages, e.g. ``"studies[1]"``.

    Returns
    -------
    Source
        Open for reading in blocks; no file stays open between calls.

    Raises
    ------
    UserError
        If the file is missing, damaged, empty, of another format, lacks the matrix that `counts` names, or
        a barcode occurs twice.
    """
    source = _make(study, where)
    source.check_names()
    return source


class Probe:
    """The size of a study, as its header has it.

    Attributes
    ----------
    format
        The format, as configured or recognised.
    n_cells, n_genes
        Size of the matrix, features that are not genes included.
    nnz
        Stored values; None for dense formats, where only reading tells.
    estimated
        Whether the number of lines is a guess from the file's size (text tables).
    obs_columns
        Names of the file's columns about cells.
    genes
        Names of the features (Index), read when first asked for.
    """

    def __init__(self, source: Source):
        self._source = source
        self.format, self.nnz = source.format, source.nnz
        self.estimated = isinstance(source, Table)
        shape = source.estimated_shape() if isinstance(source, Table) else source.raw_shape
        self.n_cells, self.n_genes = shape
        self.obs_columns = tuple(source.obs_columns)

    @cached_property
    def genes(self) -> pd.Index:
        """Genes of the source."""
        if not hasattr(self._source, "gene_names"):
            return self._source.genes.index
        return pd.Index(self._source._guard(self._source.gene_names), dtype=object)


def probe(study: dict, *, where: str = "studies") -> Probe:
    """Look at a study's header only (milliseconds, whatever the file's size).

    Parameters
    ----------
    study, where
        As for :func:`open_source`.

    Raises
    ------
    UserError
        If the file is missing, not of its format, or its header is damaged.
    """
    return Probe(_make(study, where))
