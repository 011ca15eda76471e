"""Location and format of a study, and its name in error messages."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import h5py

from panscape.errors import UserError, fail

FORMATS = ("h5ad", "h5mu", "10x-h5", "10x-mtx", "loom", "csv", "tsv")
_SUFFIXES = {
    ".h5ad": "h5ad",
    ".h5mu": "h5mu",
    ".loom": "loom",
    ".mtx": "10x-mtx",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "tsv",
}


def at(study: dict, where: str, key: str = "") -> str:
    """Return the location of a problem: key, study and file.

    Parameters
    ----------
    study
        One item of the configuration's `studies`.
    where
        Configuration key of the study.
    key
        Key within the study; empty for the study itself.

    Returns
    -------
    E.g. ``"studies[0].obs.age (study 'a', file a.h5ad)"``.
    """
    path = study.get("path") or study.get("url")
    file = f", file {path}" if path else ""
    return f"{where}{'.' if key else ''}{key} (study '{study.get('id', '?')}'{file})"


def listing(names: Iterable[object], limit: int = 20) -> str:
    """Return names as a list for a message, shortened if there are many."""
    texts = [str(name) for name in names]
    if not texts:
        return "none"
    rest = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + rest


def study_path(study: dict, where: str) -> Path:
    """Return the path of the study's file or folder, checked to exist and be readable.

    Raises
    ------
    UserError
        If there is no path, or it does not exist or is not readable.
    """
    if not study.get("path"):
        raise fail(at(study, where, "path"), "no file is given", "write path, or url and sha256")
    path = Path(study["path"])
    if not path.exists():
        raise fail(
            at(study, where, "path"),
            f"there is no file {path} (looked from {Path.cwd()})",
            "correct the path; relative paths start at the folder in which snakemake runs",
        )
    if not os.access(path, os.R_OK):
        raise fail(at(study, where, "path"), f"{path} is not readable", "give yourself read permission")
    return path


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
    stem = name.removesuffix(".gz").removesuffix(".bz2")
    result = _SUFFIXES.get(Path(stem).suffix.lower())
    if result is None and study.get("path") and Path(study["path"]).exists():
        try:
            result = _sniff(Path(study["path"]))
        except (OSError, RuntimeError) as error:
            raise as_user_error(error, study, where) from error
    if result is None:
        raise fail(
            at(study, where, "format"),
            f"cannot infer the format of {name or 'the file'}",
            f"write format: one of {listing(FORMATS)}",
        )
    return result


def _sniff(path: Path) -> str | None:
    if path.is_dir():
        return "10x-mtx"
    if not h5py.is_hdf5(path):
        return None
    with h5py.File(path) as file:
        if "mod" in file and "obs" in file:
            return "h5mu"
        if "obs" in file and "var" in file:
            return "h5ad"
        if "row_attrs" in file and "col_attrs" in file:
            return "loom"
        if any(isinstance(item, h5py.Group) and "barcodes" in item for item in file.values()):
            return "10x-h5"
    return None


def is_gzip(path: Path) -> bool:
    """Return whether a file is gzipped, by its first bytes."""
    with open(path, "rb") as handle:
        return handle.read(2) == b"\x1f\x8b"


def open_bytes(path: Path):
    """Open a plain or gzipped file for reading bytes, whatever its suffix."""
    return gzip.open(path, "rb") if is_gzip(path) else open(path, "rb")


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


def as_user_error(error: Exception, study: dict, where: str) -> UserError:
    """Convert an error in reading a file to a UserError.

    Parameters
    ----------
    error
        The error, whose text is included in the message.
    study
        One item of the configuration's `studies`.
    where
        Configuration key of the study for error messages.

    Returns
    -------
    The error with advice on the correction, for the caller to raise.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    if "filter" in text.lower() and "required" in text.lower():
        fix = "write the file again with gzip or no compression: it uses one that this HDF5 cannot read"
    else:
        fix = "copy or download the file again, and compare its checksum"
    return fail(
        at(study, where, "path"), f"the file is damaged, truncated or in another format ({text})", fix
    )
