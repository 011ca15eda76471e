"""Format of a study's file."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import h5py

from panscape.data.readers.foreign import foreign, foreign_groups
from panscape.data.readers.gate import open_hdf5
from panscape.data.readers.study import Refused, at, damage_told, listing, require_regular
from panscape.errors import fail

FORMATS = ("h5ad", "h5mu", "zarr", "10x-h5", "10x-mtx", "loom", "csv", "tsv")
_SUFFIXES = {
    ".h5ad": "h5ad",
    ".h5mu": "h5mu",
    ".zarr": "zarr",
    ".loom": "loom",
    ".mtx": "10x-mtx",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "tsv",
}


def study_format(study: dict, where: str) -> str:
    """Return the format of a study, from its configuration, or the name or content of its file.

    Raises
    ------
    UserError
        If the format is unknown or cannot be inferred.
    """
    wanted = study.get("format") or "auto"
    if wanted in FORMATS:
        return wanted
    if wanted != "auto":
        raise fail(
            at(study, where, "format"),
            f"unknown format {wanted!r}",
            f"write auto or one of {listing(FORMATS)}",
        )
    url = study.get("url")
    name = Path(urlsplit(url).path).name if url else Path(study.get("path") or "").name
    stem = name.removesuffix(".gz").removesuffix(".bz2").removesuffix(".zip")
    result = _SUFFIXES.get(Path(stem).suffix.lower())
    kind = foreign(name) if result is None else None
    if kind:
        raise fail(at(study, where, "path"), f"{name} is {kind[0]}, which is not read", kind[1])
    if result is None and study.get("path") and Path(study["path"]).exists():
        with damage_told(study, where):
            result = _sniff(Path(study["path"]))
    if result is None:
        raise fail(
            at(study, where, "format"),
            f"cannot infer the format of {name or 'the file'}",
            f"write format: one of {listing(FORMATS)}",
        )
    return result


def _sniff(path: Path) -> str | None:
    if path.is_dir():
        return "zarr" if (path / ".zgroup").is_file() or (path / "zarr.json").is_file() else "10x-mtx"
    require_regular(path)
    if not h5py.is_hdf5(path):
        return None
    with open_hdf5(path) as file:
        if "mod" in file and "obs" in file:
            return "h5mu"
        if "obs" in file and "var" in file:
            return "h5ad"
        if "row_attrs" in file and "col_attrs" in file:
            return "loom"
        if any(isinstance(item, h5py.Group) and "barcodes" in item for item in file.values()):
            return "10x-h5"
        if kind := foreign_groups(set(file)):
            raise Refused(f"{path.name} is {kind[0]}, which is not read", kind[1].replace("FILE", str(path)))
    return None


def file_only(study: dict, path: Path, where: str) -> Path:
    """Return a path, checked not to be a folder.

    Parameters
    ----------
    study
        One item of the configuration's `studies`.
    path
        Path of the study.
    where
        Configuration key of the study for error messages.

    Returns
    -------
    `path`, unchanged.

    Raises
    ------
    UserError
        If it is a folder.
    """
    if path.is_dir():
        names = listing(sorted(item.name for item in path.iterdir()), 8)
        raise fail(
            at(study, where, "path"),
            f"{path} is a folder (with {names}), but format {study_format(study, where)} is one file",
            "name the file in it, or write format: 10x-mtx for a folder with matrix.mtx",
        )
    return path
