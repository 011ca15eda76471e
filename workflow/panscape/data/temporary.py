"""The folder for temporary files: a full or read-only one is named."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from panscape.errors import DENIED, DISK, fail, system_number

ROOM = 1 << 20  # bytes that have to fit: what the engine writes there to plan its jobs
_UNUSABLE = DISK | DENIED | {errno.ENOENT}


@contextlib.contextmanager
def temporary_space(folder: str | Path | None = None) -> Iterator[None]:
    """Name the folder for temporary files if the block ends because it cannot be written.

    Parameters
    ----------
    folder
        Where the block writes; by default the system's folder.

    Raises
    ------
    UserError
        Instead of the system's error.
    """
    try:
        yield
    except OSError as error:
        place = str(folder or tempfile.tempdir or os.environ.get("TMPDIR") or "/tmp")
        elsewhere = isinstance(error.filename, str) and not Path(error.filename).is_relative_to(place)
        if system_number(error) not in _UNUSABLE or elsewhere:
            raise
        what = f"the temporary folder cannot be written ({error.strerror or error})"
        advice = "free space in it, or name another one: export TMPDIR=/scratch/me"
        raise fail(place, what, advice) from error


def check_temporary() -> None:
    """Refuse a folder for temporary files that is full or read-only.

    Snakemake's scheduler writes there and does not say where it failed.

    Raises
    ------
    UserError
        If a megabyte cannot be written.
    """
    with temporary_space(), tempfile.NamedTemporaryFile(prefix="panscape-") as file:
        file.write(bytes(ROOM))
        file.flush()
