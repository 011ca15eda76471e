"""Location of a study, and errors in reading it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from panscape.errors import UserError, fail

# never caused by a file: shown as they are
PROGRAMMING = (NameError, ImportError, AssertionError, NotImplementedError)
_LONGEST = 300  # characters of an error's text


class Refused(OSError):
    """A file that can be read, but not be trusted.

    Parameters
    ----------
    what
        Description of the problem.
    fix
        Advice on the correction.
    key
        Key of the study that the problem belongs to.
    """

    def __init__(self, what: str, fix: str = "copy or download the file again", key: str = "path"):
        super().__init__(what)
        self.fix, self.key = fix, key


def at(study: dict, where: str, key: str = "") -> str:
    """Return the location of a problem: key, study and file.

    Parameters
    ----------
    study
        One item of the configuration's `studies`.
    where
        Configuration key of the study.
    key
        Key within the study; empty for the study itself.

    Returns
    -------
    E.g. ``"studies[0].obs.age (study 'a', file a.h5ad)"``.
    """
    path = study.get("path") or study.get("url")
    file = f", file {path}" if path else ""
    return f"{where}{'.' if key else ''}{key} (study '{study.get('id', '?')}'{file})"


def listing(names: Iterable[object], limit: int = 20) -> str:
    """Return names as a list for a message, shortened if there are many."""
    texts = [str(name) for name in names]
    if not texts:
        return "none"
    rest = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + rest


def study_path(study: dict, where: str) -> Path:
    """Return the path of the study's file or folder, checked to exist, to be a file or folder and readable.

    Raises
    ------
    UserError
        If there is no path, or it does not exist, is a device, pipe or socket, or is not readable.
    """
    if not study.get("path"):
        raise fail(at(study, where, "path"), "no file is given", "write path, or url and sha256")
    path = Path(study["path"])
    if not path.exists():
        raise fail(
            at(study, where, "path"),
            f"there is no file {path} (looked from {Path.cwd()})",
            "correct the path; relative paths start at the folder in which snakemake runs",
        )
    if not path.is_dir():
        try:
            require_regular(path)
        except Refused as error:
            raise as_user_error(error, study, where) from error
    if not os.access(path, os.R_OK):
        raise fail(at(study, where, "path"), f"{path} is not readable", "give yourself read permission")
    return path


def require_regular(path: str | Path) -> os.stat_result:
    """Return the status of a file; a Refused if it is a device, pipe or socket, which may never end."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
        kind = kinds.get(stat.S_IFMT(status.st_mode), "device")
        raise Refused(f"{path} is a {kind}, not a file", "give the path of a file")
    return status


@contextmanager
def damage_told(study: dict, where: str, part: str = "") -> Iterator[None]:
    """Convert errors that a damaged or foreign file can cause to a UserError that names it.

    This is the only place where such errors are caught: readers are written without regard for them, and
    their public functions run within it. Errors that no file can cause (:data:`PROGRAMMING`) pass, and the
    original error stays the cause of the new one.

    Parameters
    ----------
    study
        One item of the configuration's `studies`.
    where
        Configuration key of the study for error messages.
    part
        What is being read, for the message.
    """
    try:
        yield
    except (UserError, *PROGRAMMING):
        raise
    except Exception as error:
        raise as_user_error(error, study, where, part) from error


def as_user_error(error: Exception, study: dict, where: str, part: str = "") -> UserError:
    """Convert an error in reading a file to a UserError.

    Parameters
    ----------
    error
        The error, whose text is included in the message.
    study
        One item of the configuration's `studies`.
    where
        Configuration key of the study for error messages.
    part
        What was being read.

    Returns
    -------
    The error with advice on the correction, for the caller to raise.
    """
    text = " ".join(str(error).split())
    if isinstance(error, Refused):
        return fail(at(study, where, error.key), text, error.fix)
    if not isinstance(error, (OSError, EOFError, UnicodeError)) or not text:
        text = f"{type(error).__name__}: {text}"
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]} ..."
    lowered = text.lower()
    if "plugin" in lowered or ("filter" in lowered and "required" in lowered):
        return fail(
            at(study, where, "path"),
            f"it is compressed in a way that HDF5 here cannot read, such as zstd or blosc ({text})",
            "install hdf5plugin (pip install hdf5plugin), or write the file again with gzip compression",
        )
    fix = "copy or download the file again, and compare its checksum"
    reading = f" at its {part}" if part else ""
    return fail(
        at(study, where, "path"),
        f"the file is damaged, truncated or in another format{reading} ({text})",
        fix,
    )
