"""Locks on GPUs, so that concurrent jobs on one machine use different ones."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from panscape.data.temporary import temporary_space

_held: dict[str, IO[bytes]] = {}


def claim(names: Sequence[str], folder: str | Path | None = None) -> int:
    """Lock the first free device for the lifetime of the process, and return its number.

    The lock is a file lock, which the system releases however the process ends.

    Parameters
    ----------
    names
        Unique names of the visible devices (UUIDs).
    folder
        Folder of the lock files; by default the system's folder for temporary files.

    Returns
    -------
    A position in `names`, the same at every call. If all devices are locked, they are shared evenly by
    process id.
    """
    for at, name in enumerate(names):
        if name in _held:
            return at
    folder = Path(folder or tempfile.gettempdir())
    for at, name in enumerate(names):
        # per user, because users cannot open each other's files
        with temporary_space(folder):
            file = open(folder / f"panscape-{os.getuid()}-{name}.lock", "ab")  # noqa: SIM115 open until the end
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        _held[name] = file
        return at
    return os.getpid() % len(names)
