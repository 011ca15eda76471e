"""Read and write the files exchanged between stages.

Outputs are renamed into place once complete, so that a killed job leaves no partial file. Pickles are never
read.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

if TYPE_CHECKING:
    from anndata import AnnData


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a scratch path that replaces `path` when the block ends without error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # the suffix stays last: some writers infer the format from it
    scratch = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield scratch
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def write_tsv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as TSV with a header and without its index (gzip if the name ends in .gz)."""
    options = {"sep": "\t", "index": False, "float_format": "%.9g", "lineterminator": "\n"}
    with atomic(path) as scratch:
        if not str(path).endswith(".gz"):
            table.to_csv(scratch, **options)
            return
        # no name and time in the gzip header, so that equal tables give equal bytes
        with open(scratch, "wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
            table.to_csv(file, mode="wb", **options)


def read_tsv(path: str | Path, **kwargs) -> pd.DataFrame:
    """Read a TSV table written by :func:`write_tsv`; text such as ``NA`` in names stays text."""
    kwargs.setdefault("keep_default_na", False)
    kwargs.setdefault("na_values", [""])
    return pd.read_csv(path, sep="\t", **kwargs)


def write_csr(matrix: sparse.csr_matrix, path: str | Path) -> None:
    """Write a sparse matrix as npz (CSR)."""
    with atomic(path) as scratch:
        sparse.save_npz(scratch, sparse.csr_matrix(matrix), compressed=True)


def read_csr(path: str | Path) -> sparse.csr_matrix:
    """Read a sparse matrix written by :func:`write_csr` (never unpickles)."""
    return sparse.csr_matrix(sparse.load_npz(path))


def write_h5ad(table: AnnData, path: str | Path, *, compression: str | None = "lzf") -> None:
    """Write an AnnData object as h5ad; the file appears only once it is complete.

    Parameters
    ----------
    table
        Data to write. See :class:`panscape.data.counts.CountsWriter` for counts too large for memory, and
        :func:`panscape.data.h5mu.write_h5mu` for several modalities.
    path
        File to create or replace; its folder is created if missing.
    compression
        HDF5 filter of the arrays: ``"lzf"`` (fast), ``"gzip"`` or None.
    """
    with atomic(path) as scratch:
        table.write_h5ad(scratch, compression=compression)


def write_json(value: object, path: str | Path) -> None:
    """Write a JSON file with sorted keys."""
    with atomic(path) as scratch:
        scratch.write_text(json.dumps(value, indent=1, sort_keys=True, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def sha256(path: str | Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
