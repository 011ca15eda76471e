"""Download of input files by URL."""

from __future__ import annotations

import gzip
import hashlib
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from urllib.parse import urlsplit

from panscape.data.digests import sha256
from panscape.data.files import atomic
from panscape.data.limits import limits
from panscape.errors import fail
from panscape.log import Progress, logger

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
    _compare(sha256(path), expected, str(path), where)


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
        http, https, ftp or file.
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
        If the URL cannot be reached, the download is incomplete, or the checksum differs.
    """
    if urlsplit(url).scheme not in ("http", "https", "ftp", "file"):
        raise fail(where, f"{url} is not an http, https, ftp or file URL", "write a full URL")
    digest = hashlib.sha256()
    with atomic(path) as scratch:
        try:
            _download(url, scratch, digest)
        except (urllib.error.URLError, OSError) as error:
            raise fail(where, f"{url} cannot be retrieved ({error})", "try the URL in a browser") from error
        _compare(digest.hexdigest(), sha256, url, where)
        if urlsplit(url).path.endswith(_HDF5_GZ):
            _unpack(scratch, url, where)
    logger.info("%s: verified and stored as %s", url, path)


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
            raise OSError(f"received {received} of {announced} bytes")


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
