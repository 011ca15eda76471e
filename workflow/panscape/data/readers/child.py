"""Work on files in a child process, so that a crash, a hang or a lack of memory becomes a message."""

from __future__ import annotations

import mmap
import os
import pickle
import resource
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from panscape.data.limits import limits
from panscape.errors import UserError, fail
from panscape.log import logger

_BOARD = 1 << 16  # bytes for the name of the file in work
_TICK = 0.5  # seconds between two looks at the clock
_board: mmap.mmap | None = None
_fatal: dict[str, str] = {}  # files that ended a child, and how


def announce(path: str | Path, place: str) -> None:
    """Say which file is read next, so that it can be named if reading it ends the process.

    Parameters
    ----------
    path
        The file.
    place
        Key and file for messages.

    Raises
    ------
    UserError
        If this file has ended a child before.
    """
    name = str(path)
    if name in _fatal:
        raise fail(
            place,
            f"the file cannot be read: {_fatal[name]}",
            "copy or download it again, and compare its checksum; large files in order: raise limits."
            "check_memory_gb or limits.check_minutes",
        )
    if _board is not None:
        text = f"{time.monotonic()}\n{name}".encode("utf-8", "surrogateescape")[: _BOARD - 1]
        _board[: len(text) + 1] = text + b"\0"


def in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that reads files in a child process, within the limits of memory and time.

    The child is a copy of this process (fork), so that nothing is imported again; there is one for all files.
    A file that ends it is remembered, and another child runs the function again: it finds that file refused
    (:func:`announce`) and the others as they are. Where processes cannot be copied safely (other systems than
    Linux), the function is called here.

    Parameters
    ----------
    function
        The function; its result has to be picklable, and errors other than UserError are raised here as
        RuntimeError with the child's traceback.
    arguments
        Its arguments.

    Raises
    ------
    UserError
        As raised by the function.
    """
    if not sys.platform.startswith("linux"):
        return function(*arguments)
    _fatal.clear()
    while True:
        kind, content, name = _run(function, arguments)
        if kind == "result":
            return content
        if kind == "problems":
            raise UserError(content)
        if kind == "error":
            raise RuntimeError(f"the check of the input files failed:\n{content}")
        if not name or name in _fatal:
            raise fail(
                "studies", f"the check of the input files ended: {content}", "check the files named above"
            )
        logger.warning("%s: %s", name, content)
        _fatal[name] = content


def _run(function: Callable[..., Any], arguments: tuple) -> tuple[str, Any, str]:
    """Return what a child came to ("result", "problems", "error" or "end"), and the file it had in work."""
    global _board
    board = mmap.mmap(-1, _BOARD)
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Python warns of threads, which a copy lacks: the check does not use those of the parent
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if not process:
        os.close(reading)
        _board = board
        _work(function, arguments, writing)  # does not return
    os.close(writing)
    try:
        answer, late = _collect(reading, process, board)
    finally:
        os.close(reading)
        _, status = os.waitpid(process, 0)
    name = _named(board)[1]
    if answer:
        kind, content = pickle.loads(answer)  # written by our own child
        return kind, content, name
    if late:
        return "end", f"reading it takes more than {limits().check_minutes:g} minutes", name
    return "end", _how(status), name


def _collect(reading: int, process: int, board: mmap.mmap) -> tuple[bytes, bool]:
    """Return the child's answer, and whether it was ended because it took too long over one file."""
    begun = time.monotonic()
    pieces: list[bytes] = []
    while True:
        if select.select([reading], [], [], _TICK)[0]:
            piece = os.read(reading, 1 << 20)
            if not piece:
                return b"".join(pieces), False
            pieces.append(piece)
        elif time.monotonic() - max(begun, _named(board)[0]) > limits().check_minutes * 60:
            os.kill(process, signal.SIGKILL)
            return b"", True


def _named(board: mmap.mmap) -> tuple[float, str]:
    """Return when the file in work was begun, and its name."""
    text = board[:].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
    begun, _, name = text.partition("\n")
    return float(begun or 0), name


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return f"HDF5 or another library crashed ({name})"
    return f"reading it takes more than {limits().check_memory_gb:g} GB of memory"


def _work(function: Callable[..., Any], arguments: tuple, writing: int) -> None:
    """Call the function, send what it came to, and end this process without its parent's clean-up."""
    code = 1
    try:
        _limit_memory()
        kind, content = _outcome(function, arguments)
        if kind != "memory":
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(pickle.dumps((kind, content)))
            code = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _outcome(function: Callable[..., Any], arguments: tuple) -> tuple[str, Any]:
    try:
        return "result", function(*arguments)
    except UserError as error:
        return "problems", error.problems
    except MemoryError:
        return "memory", None
    except Exception:
        return "error", traceback.format_exc()


def _limit_memory() -> None:
    """Limit the address space to that in use and `limits.check_memory_gb`; no crash leaves a core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = min(pages * resource.getpagesize() + limits().check_memory, sys.maxsize)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(
        resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
    )
