"""Download of input files by URL."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from urllib.parse import urlsplit

from panscape.data.digests import sha256 as _digest
from panscape.data.files import atomic
from panscape.data.limits import limits
from panscape.data.transfer import discard, transfer
from panscape.errors import fail
from panscape.log import logger

_PIECE = 1 << 20
_HDF5_GZ = (".h5ad.gz", ".h5.gz", ".hdf5.gz", ".loom.gz")


def verify_sha256(path: str | Path, expected: str, where: str) -> None:
    """Verify the SHA-256 of a file.

    Parameters
    ----------
    path
        The file.
    expected
        Expected SHA-256, in hexadecimal of any case.
    where
        Configuration key for error messages.

    Raises
    ------
    UserError
        If the checksum differs.
    """
    _compare(_digest(path), expected, str(path), where)


def _compare(actual: str, expected: str, what: str, where: str) -> None:
    if actual != expected.strip().lower():
        raise fail(
            where,
            f"{what} has SHA-256 {actual}, not {expected}",
            "if the file has changed at its source, check what changed and correct sha256",
        )


def retrieve(url: str, sha256: str, path: str | Path, where: str = "url") -> None:
    """Download a file and verify its checksum.

    Parameters
    ----------
    url
        http, https, ftp or file. A broken transfer is resumed if the server allows it, also by a later run.
    sha256
        Expected SHA-256 of the download, in hexadecimal.
    path
        Destination, created only once complete and verified. Gzipped HDF5 files (the URL ends in
        .h5ad.gz, .h5.gz or .loom.gz) are unpacked, since they cannot be read otherwise.
    where
        Configuration key for error messages.

    Raises
    ------
    UserError
        If the URL cannot be reached, the download is incomplete or too large, or the checksum differs.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    with atomic(path) as scratch:
        if transfer(url, part, where) and _digest(part) != sha256.strip().lower():
            logger.warning("%s: what was resumed has another checksum, it is downloaded anew", url)
            discard(part)
            transfer(url, part, where)
        try:
            _check(part, sha256, url, where)
            part.rename(scratch)
        finally:
            discard(part)
        if urlsplit(url).path.endswith(_HDF5_GZ):
            _unpack(scratch, url, where)
    logger.info("%s: verified and stored as %s", url, path)


def _check(part: Path, expected: str, url: str, where: str) -> None:
    """Refuse a download with another checksum, and say what it looks like."""
    with open(part, "rb") as file:
        start = file.read(1000).lstrip().lower()
    what = url
    if not start:
        what = f"{url} is empty; it"
    elif start.startswith((b"<!doctype html", b"<html")):
        what = f"{url} is a web page, perhaps a form to log in; it"
    _compare(_digest(part), expected, what, where)


def _unpack(scratch: Path, url: str, where: str) -> None:
    packed = scratch.with_name(f"{scratch.name}.gz")
    scratch.rename(packed)
    try:
        most, written = limits().unpacked(packed.stat().st_size), 0
        with gzip.open(packed) as source, open(scratch, "wb") as target:
            while piece := source.read(_PIECE):
                written += len(piece)
                if written > most:
                    what = f"{url} unpacks to more than {most / 1e6:,.0f} MB"
                    raise fail(where, what, limits().advice("expansion"))
                target.write(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise fail(where, f"{url} cannot be unpacked ({error})", "give the URL of another copy") from error
    finally:
        packed.unlink()
