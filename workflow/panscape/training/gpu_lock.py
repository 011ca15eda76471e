"""Which of several GPUs a process takes, so that jobs side by side on one machine do not share one."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_held: dict[str, IO[bytes]] = {}


def claim(names: Sequence[str], folder: str | Path | None = None) -> int:
    """Return the number of the first device that no other process holds, and hold it until this one ends.

    A claim is a lock on a file, which the system releases with the process, however it ends.

    Parameters
    ----------
    names
        What identifies each visible device on this machine (UUIDs).
    folder
        Where the locks are; by default the system's folder for temporary files.

    Returns
    -------
    A position in `names`, the same at every call. Where all are held, the devices are shared evenly by the
    number of the process.
    """
    for at, name in enumerate(names):
        if name in _held:
            return at
    folder = Path(folder or tempfile.gettempdir())
    for at, name in enumerate(names):
        # per user, because nobody can open the file of another
        file = open(folder / f"panscape-{os.getuid()}-{name}.lock", "ab")  # noqa: SIM115 held to the end
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        _held[name] = file
        return at
    return os.getpid() % len(names)
