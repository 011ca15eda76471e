"""Reader of AnnData in zarr stores, a folder or a zip file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from panscape.data.readers.h5ad import H5ad
from panscape.data.readers.study import Refused, require_regular

_METADATA = (".zarray", ".zmetadata", "zarr.json")
MOST = 64 << 20  # bytes of metadata of a store; AnnData's have some kB


def is_zarr(path: Path) -> bool:
    """Return whether a path is a zarr store: a folder with its metadata, or a zip file of one."""
    if path.is_dir():
        return any((path / name).is_file() for name in (".zgroup", "zarr.json"))
    return path.suffix == ".zip" and zipfile.is_zipfile(path)


class ZarrStore(H5ad):
    """An open zarr store with AnnData's layout."""

    format = "zarr"
    whole_file = False

    @cached_property
    def _checked(self) -> bool:
        """Refuse codecs that run code when they are read."""
        total = 0
        for name, text in _metadata(self.path):
            total += len(text)
            if total > MOST:
                raise Refused(f"its metadata are larger than {MOST >> 20} MB")
            if _pickled(json.loads(text)):
                raise Refused(
                    f"{name} has values in pickle, which can run code and are never read",
                    "write the store again with anndata's write_zarr",
                )
        return True

    @contextmanager
    def _file(self) -> Iterator[Any]:
        import zarr

        if not is_zarr(self.path):
            raise Refused(f"{self.path} is no zarr store")
        assert self._checked
        if self.path.is_dir():
            yield zarr.open_group(str(self.path), mode="r")
            return
        store = zarr.storage.ZipStore(str(self.path), mode="r")
        try:
            yield zarr.open_group(store, mode="r")
        finally:
            store.close()


def _metadata(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of every file of metadata."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.name in _METADATA:
                require_regular(file)
                yield str(file.relative_to(path)), file.read_bytes()[: MOST + 1]
        return
    require_regular(path)
    with zipfile.ZipFile(path) as archive:
        for item in archive.infolist():
            if Path(item.filename).name in _METADATA:
                if item.file_size > MOST:
                    raise Refused(f"{item.filename} is larger than {MOST >> 20} MB")
                yield item.filename, archive.read(item)


def _pickled(value: Any) -> bool:
    """Return whether metadata name the codec pickle, anywhere."""
    if isinstance(value, dict):
        named = any(isinstance(value.get(key), str) and "pickle" in value[key] for key in ("id", "name"))
        return named or any(map(_pickled, value.values()))
    return isinstance(value, list) and any(map(_pickled, value))
