"""Fetching inputs by URL."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from urllib.parse import urlsplit

from panscape.data.files import atomic, sha256
from panscape.errors import fail
from panscape.log import Progress, logger

_PIECE = 1 << 20
_HDF5_GZ = (".h5ad.gz", ".h5.gz", ".hdf5.gz", ".loom.gz")


def verify_sha256(path: str | Path, expected: str, where: str) -> None:
    """Raise a UserError if a file's SHA-256 is not the expected one (hexadecimal, any case)."""
    _compare(sha256(path), expected, str(path), where)


def _compare(found: str, expected: str, what: str, where: str) -> None:
    if found != expected.strip().lower():
        raise fail(
            where,
            f"{what} has SHA-256 {found}, not {expected}",
            "if the file has changed at its source, check what changed and correct sha256",
        )


def retrieve(url: str, sha256: str, path: str | Path, where: str = "url") -> None:
    """Download a file, check it and put it in place.

    Parameters
    ----------
    url
        http, https, ftp or file.
    sha256
        The checksum of what the URL gives, in hexadecimal.
    path
        Where to put it; appears only when complete and checked. HDF5 that comes gzipped (the URL ends in
        .h5ad.gz, .h5.gz or .loom.gz) is unpacked, since it cannot be read otherwise.
    where
        The key for messages.

    Raises
    ------
    UserError
        If the address cannot be reached, gives less than it announces, or the checksum differs.
    """
    if urlsplit(url).scheme not in ("http", "https", "ftp", "file"):
        raise fail(where, f"{url} is no http, https, ftp or file address", "write a full address")
    digest = hashlib.sha256()
    with atomic(path) as scratch:
        try:
            _download(url, scratch, digest)
        except (urllib.error.URLError, OSError) as error:
            raise fail(
                where, f"{url} cannot be retrieved ({error})", "try the address in a browser"
            ) from error
        _compare(digest.hexdigest(), sha256, url, where)
        if urlsplit(url).path.endswith(_HDF5_GZ):
            _unpack(scratch, url, where)
    logger.info("%s: checked and stored as %s", url, path)


def _download(url: str, target: Path, digest) -> None:
    with urllib.request.urlopen(url, timeout=60) as answer, open(target, "wb") as file:
        announced = answer.headers.get("Content-Length")
        progress = Progress("bytes", int(announced or 0))
        received = 0
        while piece := answer.read(_PIECE):
            digest.update(piece)
            file.write(piece)
            received += len(piece)
            progress.add(len(piece))
        if announced and received != int(announced):
            raise OSError(f"{received} of {announced} bytes came")


def _unpack(scratch: Path, url: str, where: str) -> None:
    packed = scratch.with_name(f"{scratch.name}.gz")
    scratch.rename(packed)
    try:
        with gzip.open(packed) as source, open(scratch, "wb") as target:
            shutil.copyfileobj(source, target, _PIECE)
    except (OSError, EOFError, zlib.error) as error:
        raise fail(
            where, f"{url} cannot be unpacked ({error})", "give the address of another copy"
        ) from error
    finally:
        packed.unlink()
