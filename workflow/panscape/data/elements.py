"""Parts of the project's own HDF5 files, read without importing anndata."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pandas as pd
from scipy import sparse


def read_frame(group: h5py.Group) -> pd.DataFrame:
    """Read a table that anndata wrote, such as the ``obs`` of an h5ad file.

    The encodings of the project's own files are read here, all others by anndata, whose import takes longer
    than most tables. Files of users go through :mod:`panscape.data.readers`.

    Parameters
    ----------
    group
        Of an open file, with encoding type ``dataframe``.

    Returns
    -------
    The same as :func:`anndata.io.read_elem`.
    """
    attributes = group.attrs
    version = attributes.get("encoding-type"), attributes.get("encoding-version")
    if version != ("dataframe", "0.2.0"):
        return _by_anndata(group)
    names, index = list(attributes["column-order"]), attributes["_index"]
    values = {name: _read(group[name]) for name in names}
    table = pd.DataFrame(values, index=_read(group[index]), columns=names or None)
    if index != "_index":
        table.index.name = index
    return table


def read_text(dataset: h5py.Dataset) -> str:
    """Read a single text, such as an entry of ``uns``."""
    return str(dataset.asstr()[()])


def read_matrix(group: h5py.Group) -> sparse.csr_matrix:
    """Read a CSR matrix, such as an entry of ``obsp``."""
    if group.attrs.get("encoding-type") != "csr_matrix":
        return sparse.csr_matrix(_by_anndata(group))
    parts = tuple(group[name][()] for name in ("data", "indices", "indptr"))
    return sparse.csr_matrix(parts, shape=tuple(group.attrs["shape"]))


def _read(element: h5py.Group | h5py.Dataset) -> Any:
    kind = element.attrs.get("encoding-type")
    if kind == "string-array":
        return np.asarray(element.asstr()[()], dtype=object)
    if kind == "array":
        return element[()]
    if kind == "categorical":
        ordered = bool(element.attrs["ordered"])
        return pd.Categorical.from_codes(element["codes"][()], _read(element["categories"]), ordered=ordered)
    return _by_anndata(element)


def _by_anndata(element: h5py.Group | h5py.Dataset) -> Any:
    from anndata.io import read_elem

    return read_elem(element)
