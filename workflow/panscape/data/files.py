"""Read and write the files exchanged between stages.

Outputs are renamed into place once complete, so that a killed job leaves no partial file. Readers refuse
files that are not as they were written. Pickles are never read.
"""

from __future__ import annotations

import contextlib
import glob
import gzip
import hashlib
import json
import os
import platform
import re
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from panscape.data import digests
from panscape.data.inert import inert_table, restored_table
from panscape.errors import DENIED, DISK, UserError, fail, system_number

if TYPE_CHECKING:
    import h5py
    from anndata import AnnData
    from scipy import sparse

SPOOL = ".spool"  # ends the name of a file that a writer needs beside its scratch file
# LZF would be faster, but never clears its table: the bytes written would hang on what was in memory before
COMPRESSION = {"compression": "gzip", "compression_opts": 1}  # of arrays in HDF5 files
RERUN = "if a run wrote it, delete it and run the same command again"

_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_SCRATCH = re.compile(r"\.(\d+)(?:-([0-9a-f]{8}))?")  # process and machine in the name of a scratch file
_ABANDONED = 24 * 3600  # s: after this time a scratch file of another machine is nobody's
_NAMED = re.compile(r"failed: time = .*?filename = '(.*?)', ", re.DOTALL)  # HDF5's texts
_UNREADABLE = (
    OSError,  # h5py, gzip, anndata
    ValueError,  # pandas, npz, JSON, Unicode
    LookupError,  # missing parts
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
)


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a scratch path that replaces `path` when the block ends without error.

    The content is on the disk before it gets its name. Scratch files that killed processes left of the same
    file are removed. Files of a job are recorded (:mod:`panscape.data.digests`).

    Raises
    ------
    UserError
        If the disk is full, read-only or fails.
    """
    path = Path(path)
    # the suffix stays last: some writers infer the format from it
    scratch = path.with_name(f".{os.getpid()}-{_HOST}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        yield scratch
        with open(scratch, "rb") as handle:
            os.fsync(handle.fileno())
        digest = digests.of_output(path, scratch)
        # in this order, so that a crash in between leaves a file without a record, not with another one's
        digests.forget(path)
        os.replace(scratch, path)
        if digest:
            digests.write(path, digest)
    except UserError:
        raise
    except Exception as error:  # h5py, safetensors and others have errors of their own for a full disk
        number = system_number(error)
        if number not in DISK | DENIED or not _is_written(error, path):
            raise
        advice = "free space or give another folder, then run the same command again: finished files are kept"
        raise fail(str(path), f"cannot be written ({os.strerror(number)})", advice) from error
    finally:
        with contextlib.suppress(OSError):  # a disk that became read-only
            scratch.unlink(missing_ok=True)


def _is_written(error: Exception, path: Path) -> bool:
    """Return whether an error is about writing `path`, not about a file that is read meanwhile."""
    named = getattr(error, "filename", None)
    if match := _NAMED.search(str(error)):
        named = match[1]
    return not isinstance(named, str) or Path(named) in path.parents or path.parent in Path(named).parents


def _remove_leftovers(path: Path) -> None:
    """Remove scratch files of `path` whose process is dead, or of another machine and a day old."""
    for item in path.parent.glob(f".*.{glob.escape(path.name)}*"):
        before, _, after = item.name.partition(f".{path.name}")
        match = _SCRATCH.fullmatch(before)
        if not match or after not in ("", SPOOL):
            continue
        here = match[2] == _HOST
        with contextlib.suppress(FileNotFoundError):  # its writer has just finished
            old = time.time() - item.stat().st_mtime > _ABANDONED
            if old or (here and not _is_alive(int(match[1]))):
                item.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def reading(path: str | Path, fix: str = RERUN) -> Iterator[None]:
    """Check a file before it is read in the block, and name it in errors.

    Parameters
    ----------
    path
        A file that panscape wrote.
    fix
        Advice if it cannot be read.

    Raises
    ------
    UserError
        If the file is missing, not what was written, or cannot be read.
    """
    digests.check(path)
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise fail(str(path), "does not exist", "run its target again") from error
    except _UNREADABLE as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise fail(str(path), f"cannot be read ({what})", fix) from error


def write_tsv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as TSV with a header and without its index (gzip if the name ends in .gz).

    Text that a spreadsheet would run as a formula gets a quotation mark (:mod:`panscape.data.inert`).
    """
    table = inert_table(table)
    options = {"sep": "\t", "index": False, "float_format": "%.9g", "lineterminator": "\n"}
    with atomic(path) as scratch:
        if not str(path).endswith(".gz"):
            table.to_csv(scratch, **options)
            return
        # no name and time in the gzip header, so that equal tables give equal bytes
        with open(scratch, "wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
            table.to_csv(file, mode="wb", **options)


def read_tsv(path: str | Path, *, fix: str = RERUN, **kwargs) -> pd.DataFrame:
    """Read a TSV table as it was before :func:`write_tsv`; text such as ``NA`` in names stays text."""
    kwargs.setdefault("keep_default_na", False)
    kwargs.setdefault("na_values", [""])
    with reading(path, fix):
        return restored_table(pd.read_csv(path, sep="\t", **kwargs))


def write_csr(matrix: sparse.csr_matrix, path: str | Path, *, quick: bool = False) -> None:
    """Write a sparse matrix as npz (CSR).

    Parameters
    ----------
    matrix
        The matrix.
    path
        File to create or replace.
    quick
        Compress in a third of the time, and less where values repeat; for millions of unlike numbers.
    """
    from scipy import sparse

    matrix = sparse.csr_matrix(matrix)
    with atomic(path) as scratch:
        if not quick:
            sparse.save_npz(scratch, matrix, compressed=True)
            return
        parts = {name: getattr(matrix, name) for name in ("indices", "indptr", "shape", "data")}
        with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, value in {**parts, "format": b"csr"}.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=False)


def read_csr(path: str | Path) -> sparse.csr_matrix:
    """Read a sparse matrix written by :func:`write_csr` (never unpickles)."""
    from scipy import sparse

    with reading(path):
        return sparse.csr_matrix(sparse.load_npz(path))


def write_h5ad(table: AnnData, path: str | Path, *, compressed: bool = True) -> None:
    """Write an AnnData object as h5ad; the file appears only once it is complete.

    Parameters
    ----------
    table
        Data to write. See :class:`panscape.data.counts.CountsWriter` for counts too large for memory, and
        :func:`panscape.data.h5mu.write_h5mu` for several modalities.
    path
        File to create or replace; its folder is created if missing.
    compressed
        Whether to compress the arrays (:data:`COMPRESSION`): False for a file that is read once or twice.
    """
    with atomic(path) as scratch:
        table.write_h5ad(scratch, **(COMPRESSION if compressed else {}))


@contextlib.contextmanager
def open_h5(path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file that panscape wrote; errors while it is read name it."""
    import h5py

    with reading(path), h5py.File(path) as file:
        yield file


def read_h5ad(path: str | Path, *, backed: bool = False) -> AnnData:
    """Read an h5ad file written by :func:`write_h5ad`.

    Parameters
    ----------
    path
        The file.
    backed
        Leave ``X`` in the file.

    Raises
    ------
    UserError
        If the file is missing or damaged.
    """
    import anndata

    with reading(path):
        return anndata.read_h5ad(path, backed="r" if backed else None)


def read_json(path: str | Path) -> Any:
    """Read a JSON file written by :func:`write_json`."""
    with reading(path):
        return json.loads(Path(path).read_text(encoding="utf-8"))


def write_json(value: object, path: str | Path) -> None:
    """Write a JSON file with sorted keys."""
    with atomic(path) as scratch:
        scratch.write_text(json.dumps(value, indent=1, sort_keys=True, default=_plain) + "\n")


def plain_json(value: object) -> Any:
    """Return a value as it is read from the JSON that :func:`write_json` writes."""
    return json.loads(json.dumps(value, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
