"""Limits on what reading a file may cost, so that a damaged or hostile one ends in a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from panscape.errors import fail
from panscape.settings import FromMapping

FLOOR = 64 << 20  # bytes that any file may unpack to: small files are allowed any ratio
_MB, _GB = 1 << 20, 1 << 30


@dataclass(frozen=True)
class Limits(FromMapping):
    """Limits on reading input files (section ``limits``).

    Parameters
    ----------
    line_mb
        Maximum length of a line of text (MB).
    expansion
        Maximum ratio of unpacked to packed size, of gzipped text and of arrays in HDF5 files; the first 64 MB
        are free.
    check_memory_gb
        Memory (GB) that the check before a run may use in addition to that of the command.
    check_minutes
        Time (minutes) that this check may spend on one file.
    pattern_seconds
        Processor time (s) that matching a regular expression with 100,000 names may take.
    download_gb
        Maximum size (GB, 10^9 bytes) of a download.

    Raises
    ------
    UserError
        If a limit is not positive and finite.

    Examples
    --------
    >>> Limits.of({"line_mb": 2}).line
    2097152
    """

    SECTION = "limits"

    line_mb: float = 64
    expansion: float = 200
    check_memory_gb: float = 16
    check_minutes: float = 10
    pattern_seconds: float = 10
    download_gb: float = 200

    def __post_init__(self):
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise fail(f"limits.{name}", f"found {getattr(self, name)}", "write a number above 0")

    @property
    def line(self) -> int:
        """Maximum length of a line (bytes)."""
        return int(self.line_mb * _MB)

    @property
    def check_memory(self) -> int:
        """Memory of the check (bytes)."""
        return int(self.check_memory_gb * _GB)

    @property
    def download(self) -> int:
        """Maximum size of a download (bytes)."""
        return int(self.download_gb * 1e9)

    def unpacked(self, packed: int) -> float:
        """Return the number of bytes that a file of `packed` bytes may unpack to."""
        return max(packed * self.expansion, FLOOR)

    def advice(self, name: str) -> str:
        """Return what to do about a file that exceeds the limit of this name."""
        return f"if the file is in order, raise limits.{name} (now {getattr(self, name):g})"


_current = Limits()


def limits() -> Limits:
    """Return the limits of this process: the defaults until :func:`use_limits` is called."""
    return _current


def use_limits(settings: Limits | Mapping[str, Any] | None) -> Limits:
    """Set the limits of this process, and return those before.

    Limits are set once per process and are not arguments of the readers: they protect the process, and do not
    change what is read.

    Parameters
    ----------
    settings
        Limits, or the section ``limits`` of the configuration; None for the defaults.
    """
    global _current
    before, _current = _current, Limits.of(settings or {})
    return before
