"""Strict opening of HDF5 files: what is declared must be there, in this file, and of a plausible size."""

from __future__ import annotations

import contextlib
import importlib
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from panscape.data.limits import limits
from panscape.data.readers.integers import LARGEST, described
from panscape.data.readers.study import Refused, require_regular

MAX_OBJECTS = 200_000  # groups and arrays of a file; AnnData and Cell Ranger write tens
_AGAIN = "write the file again, with all arrays in it"
_TOP = np.array(LARGEST, dtype=np.float32).view(np.uint32)  # whole numbers order as their bits do
_passed: set[tuple[str, int, int, int]] = set()


@contextmanager
def open_hdf5(path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading, after a check of its structure (once per file and process).

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    Refused
        If it is not a regular file, refers to other files (external or virtual arrays, links), has too many
        objects, or declares arrays of a size that its own makes implausible.
    OSError
        If HDF5 cannot open it.
    """
    _use_filters()
    status = require_regular(path)
    key = (os.fspath(path), status.st_ino, status.st_size, status.st_mtime_ns)
    with h5py.File(path) as file:
        if key not in _passed:
            _check(file, status.st_size)
            _passed.add(key)
        yield file


@cache
def _use_filters() -> None:
    """Let HDF5 use the filters of the package hdf5plugin (zstd, blosc ...), if it is installed."""
    with contextlib.suppress(ImportError):
        importlib.import_module("hdf5plugin")


def _check(file: h5py.File, size: int) -> None:
    total, number, seen, groups = 0, 0, set(), [file.id]
    while groups:
        group = groups.pop()
        links: list[tuple[bytes, int, int]] = []  # copies: the next link has the same object
        group.links.iterate(
            lambda name, info, to=links: to.append((bytes(name), info.type, info.u)), info=True
        )
        number += len(links)
        if number > MAX_OBJECTS:
            raise Refused(f"it has more than {MAX_OBJECTS} groups and arrays", "leave out what is not needed")
        for name, kind, address in links:
            if kind == h5py.h5l.TYPE_SOFT:
                continue  # to a part of this file, which is visited under its own name
            if kind != h5py.h5l.TYPE_HARD:
                raise Refused(f"{_text(name)} is a link to another file", _AGAIN)
            if address in seen:
                continue
            seen.add(address)
            item = h5py.h5o.open(group, name)
            if isinstance(item, h5py.h5g.GroupID):
                groups.append(item)
            elif isinstance(item, h5py.h5d.DatasetID):
                total += _declared(item, _text(name))
                _plausible(total, size, _text(name))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _declared(item: h5py.h5d.DatasetID, name: str) -> int:
    """Return the bytes that an array declares, of whole chunks; a Refused if they are in another file."""
    settings = item.get_create_plist()
    layout = settings.get_layout()
    if layout == h5py.h5d.VIRTUAL or settings.get_external_count():
        raise Refused(f"the values of {name} are in other files", _AGAIN)
    space = item.get_space()
    if space.get_simple_extent_type() != h5py.h5s.SIMPLE:
        return 0
    values = math.prod(space.get_simple_extent_dims())
    if layout == h5py.h5d.CHUNKED and values:
        values = max(values, math.prod(settings.get_chunk()))
    return values * item.get_type().get_size()


def _plausible(declared: int, size: int, name: str) -> None:
    if declared > limits().unpacked(size):
        raise Refused(
            f"its arrays up to {name} declare {declared / 1e6:,.0f} MB in a file of {size / 1e6:,.2f} MB",
            limits().advice("expansion"),
        )


def is_array(item: Any) -> bool:
    """Return whether an item of a file is an array, of HDF5 or zarr, not a group of them."""
    return hasattr(item, "dtype") and hasattr(item, "shape")


def require_stored(array: Any) -> None:
    """Raise a Refused if pieces of a zarr array of one dimension are missing, which would be read as 0.

    A piece of zeros alone is not stored, but names, offsets and counts in sparse form have none.
    """
    lacking = getattr(array, "nchunks", 0) - getattr(array, "nchunks_initialized", 0)
    if array.ndim == 1 and lacking > 0:
        raise Refused(f"{array.name} lacks {lacking} of its {array.nchunks} pieces", _AGAIN)


def values_of(dataset: h5py.Dataset | h5py.Group, *, ndim: int = 1, kinds: str = "biuf") -> h5py.Dataset:
    """Return an array of a matrix, checked to have numbers of a kind, and all of them.

    Parameters
    ----------
    dataset
        The array, not read yet.
    ndim
        Expected number of dimensions.
    kinds
        Allowed kinds of numbers (numpy's letters): ``"iu"`` for whole ones.

    Raises
    ------
    Refused
        If it is of another kind or shape, or parts of it were never written.
    """
    if not is_array(dataset) or dataset.shape is None or dataset.ndim != ndim:
        raise Refused(f"{dataset.name} is not an array of {ndim} dimension{'s' * (ndim > 1)}")
    if dataset.dtype.kind not in kinds:
        wanted = "whole numbers" if kinds == "iu" else "numbers"
        raise Refused(f"{dataset.name} has {described(dataset.dtype)}, not {wanted}", "write it as numbers")
    require_stored(dataset)
    if dataset.size and isinstance(dataset, h5py.Dataset):
        pieces, stored = 1, int(dataset.id.get_storage_size() > 0)
        if dataset.chunks:
            steps = zip(dataset.shape, dataset.chunks, strict=True)
            pieces, stored = math.prod(-(-size // step) for size, step in steps), dataset.id.get_num_chunks()
        if stored < pieces:
            raise Refused(f"{dataset.name} lacks {pieces - stored} of its {pieces} pieces", _AGAIN)
    return dataset


def as_float32(values: np.ndarray, name: str, *, logged: bool = False) -> np.ndarray:
    """Return values as float32, checked to be finite and, if they are whole numbers, to stay the same.

    Parameters
    ----------
    values
        Numbers of any type.
    name
        Their array, for messages.
    logged
        Whether values are logarithms, which may be rounded.

    Raises
    ------
    Refused
        If values are NaN or infinite, too large for float32 to have each whole number (above
        :data:`LARGEST`), or would be rounded to whole numbers.

    Examples
    --------
    >>> as_float32(np.array([3, 1]), "X").dtype
    dtype('float32')
    """
    result = np.ascontiguousarray(values, dtype=np.float32) if values.dtype.kind != "f" else None
    if values.dtype == np.float32:
        result = np.ascontiguousarray(values)
        if not result.size or result.view(np.uint32).max() <= _TOP:  # one pass: no NaN, no sign, none larger
            return result
    if not values.size:
        return np.ascontiguousarray(values, dtype=np.float32)
    _require_bounded(values, name)
    if result is None:
        result = np.ascontiguousarray(values, dtype=np.float32)
        rounded = (result == np.floor(result)) & (result != values)
        if not logged and rounded.any():
            example = values[rounded].flat[0]
            raise Refused(
                f"{name}: {int(rounded.sum())} values are almost whole numbers, e.g. {example!r}",
                "round counts before writing them",
                key="counts",
            )
    return result


def _require_bounded(values: np.ndarray, name: str) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        number = int((~np.isfinite(values)).sum())
        raise Refused(
            f"{name}: {number} values are NaN or infinite", "write 0 where nothing was counted", key="counts"
        )
    highest = values.max()
    if highest > LARGEST:
        raise Refused(
            f"{name}: the highest value is {highest:g}, more than {LARGEST:,}",
            "no cell has as many molecules of a gene, and larger numbers would be rounded: correct the file",
            key="counts",
        )
