"""Logging of jobs: set-up, and progress with rate and remaining time."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType

from panscape.errors import DISK, UserError, masked, system_number

logger = logging.getLogger("panscape")

QUIET = "PANSCAPE_QUIET"
"""Environment variable: if it is set, jobs with a log file write only their warnings to the terminal."""


class _Masked(logging.Formatter):
    """Format records without the secrets of URLs, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def _mask(record: logging.LogRecord) -> bool:
    """Mask the messages of the library wherever they are written, e.g. by Snakemake's logger."""
    text = record.getMessage()
    if "//" in text:
        record.msg, record.args = masked(text), ()
    return True


logger.addFilter(_mask)


def start_log(
    path: str | None = None,
    level: int = logging.INFO,
    explain: Callable[[UserError], UserError] | None = None,
) -> None:
    """Send log lines and uncaught exceptions to `path` (standard error if None).

    A :class:`~panscape.errors.UserError` is written without a traceback.

    Parameters
    ----------
    path
        Log file.
    level
        Log level of the library.
    explain
        Function that returns a more informative error, whose message is written instead.
    """
    terminal = logging.StreamHandler(sys.stderr)
    handlers: list[logging.Handler] = [terminal]
    if path:
        if os.environ.get(QUIET):
            terminal.setLevel(logging.WARNING)
            terminal.addFilter(lambda record: record.name != "py.warnings")  # of other libraries
        handlers.append(logging.FileHandler(path, mode="w"))
    for handler in handlers:
        handler.setFormatter(_Masked("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    logging.raiseExceptions = False  # a log file on a full disk must not hide the message on standard error
    logger.setLevel(level)
    logging.captureWarnings(True)

    def report(kind, error, trace):
        if _closing(trace):  # h5py reports it here and goes on; the error of the write follows
            logger.debug("a file could not be closed: %s", error)
            return
        if issubclass(kind, UserError):
            logger.error("%s", explain(error) if explain else error)
        else:
            logger.critical("uncaught exception", exc_info=(kind, error, trace))

        if _hdf5_failed(error):
            # HDF5 crashes (SIGSEGV) when it closes a file that it could not write; the message is out
            logging.shutdown()
            os._exit(1)

    sys.excepthook = report


@contextlib.contextmanager
def without_repeats() -> Iterator[None]:
    """Log equal messages of the block only once, as files are read several times in a check."""
    seen: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        new = text not in seen
        seen.add(text)
        return new

    logger.addFilter(is_new)
    try:
        yield
    finally:
        logger.removeFilter(is_new)


def _closing(trace: TracebackType | None) -> bool:
    """Return whether an error is from h5py's release of a file or data set."""
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(trace)]
    return bool(names) and names[-1].endswith("_dealloc")


def _hdf5_failed(error: BaseException) -> bool:
    """Return whether an error is that of a disk (full, read-only) while HDF5 files may be open."""
    causes = [error, error.__cause__, error.__context__]
    return "h5py" in sys.modules and any(system_number(cause) in DISK for cause in causes)


class Progress:
    """Log rate and remaining time of a loop of known length.

    Parameters
    ----------
    what
        Unit of work in the plural, e.g. ``"cells"``.
    total
        Total number of units.
    every
        Seconds between log lines.
    """

    def __init__(self, what: str, total: int, *, every: float = 10.0):
        self.what, self.total, self.every = what, total, every
        self.done = 0
        self._start = self._last = time.monotonic()

    def add(self, count: int = 1) -> None:
        """Add finished units, and log a line if `every` seconds have passed."""
        self.done += count
        now = time.monotonic()
        if now - self._last < self.every and self.done < self.total:
            return
        self._last = now
        elapsed = max(now - self._start, 1e-9)
        rate = self.done / elapsed
        left = (self.total - self.done) / rate if rate else float("inf")
        logger.info("%s/%s %s, %.3g/s, %.0f s left", self.done, self.total, self.what, rate, left)
