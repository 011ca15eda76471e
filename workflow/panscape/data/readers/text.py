"""Text files, plain or gzipped, with bounds on their lines and on what they unpack to."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

from panscape.data.limits import limits
from panscape.data.readers.study import Refused, require_regular

_BUFFER = 1 << 18
_PIECE = 1 << 22
_TAIL = 1 << 12


def is_gzip(path: str | Path) -> bool:
    """Return whether a file is gzipped, by its first bytes."""
    require_regular(path)
    with open(path, "rb") as handle:
        return handle.read(2) == b"\x1f\x8b"


def open_bytes(path: str | Path) -> io.BufferedReader:
    """Open a plain or gzipped text file for reading bytes, whatever its suffix.

    Reading raises a Refused where a line is longer than `limits.line_mb`, or a gzipped file unpacks to more
    than `limits.expansion` times its size.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    Refused
        If it is not a regular file.
    """
    packed = is_gzip(path)
    handle = gzip.GzipFile(path, "rb") if packed else io.FileIO(path)
    most = limits().unpacked(Path(path).stat().st_size) if packed else float("inf")
    return io.BufferedReader(_Bounded(handle, most), _BUFFER)


class _Bounded(io.RawIOBase):
    """A stream that ends with an error where lines or the whole get too long.

    Parameters
    ----------
    handle
        The unpacked stream, closed with this one.
    most
        Maximum number of bytes.
    """

    def __init__(self, handle, most: float):
        self._handle, self._most, self._line = handle, most, limits().line
        self._seen = self._open = 0  # bytes in all, and since the last end of a line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        number = self._handle.readinto(buffer)
        self._count(buffer, number)
        return number

    def readall(self) -> bytes:
        pieces = []
        while piece := self._handle.read(_PIECE):
            self._count(piece, len(piece))
            pieces.append(piece)
        return b"".join(pieces)

    def _count(self, buffer, number: int) -> None:
        self._seen += number
        if self._seen > self._most:
            raise Refused(
                f"it unpacks to more than {self._most / 1e6:,.0f} MB",
                limits().advice("expansion"),
            )
        tail = max(number - _TAIL, 0)  # where lines are short, their ends are found here
        last = bytes(buffer[tail:number]).rfind(b"\n")
        if last < 0 and tail:
            tail, last = 0, bytes(buffer[:number]).rfind(b"\n")
        self._open = self._open + number if last < 0 else number - (tail + last) - 1
        if self._open > self._line:
            raise Refused(
                f"a line is longer than {limits().line_mb:g} MB",
                limits().advice("line_mb"),
            )

    def close(self) -> None:
        if not self.closed:
            self._handle.close()
        super().close()
