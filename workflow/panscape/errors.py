"""Errors for users who edit the configuration."""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

_USER = re.compile(r"//[^/\s?#@]*(?:@[^/\s?#@]*)*@")
_VALUE = re.compile(r"([?&;])([^=&;?#\s\"'<>]+)=([^&;#\s\"'<>]+)")
_SECRET = re.compile(
    r"token|key|sig|secret|pass|pwd|auth|cred|session|policy|jwt|sas|code|ticket", re.IGNORECASE
)
_LONG = re.compile(r"\S{801,}")
DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO})
"""Numbers of the system's errors where a disk is full, read-only or broken."""
DENIED = frozenset({errno.EACCES, errno.EPERM})
"""Numbers of the system's errors where writing is not allowed."""
# in the texts of HDF5, of libraries in Rust (safetensors), and of errors made from another one's text
_NUMBER = re.compile(r"\berrno = (\d+)|\(os error (\d+)\)|\[Errno (\d+)\]")


def masked(text: str) -> str:
    """Return a text without the secrets of the URLs in it.

    These are user names and passwords, and the values of parameters that are named like a key, token or
    signature.

    Examples
    --------
    >>> masked("https://me:pw@example.org/a.h5ad?acc=GSE1&X-Amz-Signature=1f2e")
    'https://***@example.org/a.h5ad?acc=GSE1&X-Amz-Signature=***'
    """

    def value(match: re.Match[str]) -> str:
        secret = _SECRET.search(unquote(match[2]))
        return f"{match[1]}{match[2]}={'***' if secret else match[3]}"

    return _VALUE.sub(value, _USER.sub("//***@", text)) if "//" in text else text


def readable(text: str) -> str:
    """Return a text whose longest words are shortened in the middle: damaged files have words of megabytes.

    Examples
    --------
    >>> len(readable("x" * 5000))
    524
    """
    return _LONG.sub(
        lambda match: f"{match[0][:300]}...({len(match[0]):,} characters)...{match[0][-200:]}", text
    )


def system_number(error: BaseException | None) -> int | None:
    """Return the system's number of an error (e.g. of a full disk), also if only its text has it.

    Examples
    --------
    >>> system_number(OSError(28, "No space left on device"))
    28
    >>> system_number(RuntimeError("Can't decrement id ref count (file write failed: errno = 28, ...)"))
    28
    >>> system_number(ValueError("I/O error: No space left on device (os error 28)"))
    28
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    match = _NUMBER.search(str(error)) if error is not None else None
    return int(match[match.lastindex or 0]) if match else None


@dataclass(frozen=True)
class Problem:
    """A problem for the user to correct.

    Parameters
    ----------
    where
        Configuration key or file (and column), e.g. ``studies[2].obs.age``.
    what
        Description of the problem.
    fix
        Advice on the correction.
    few
        Whether the problem is too few cells or genes, possibly because of quality control.
    """

    where: str
    what: str
    fix: str = ""
    few: bool = False

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" + (f" -> {self.fix}" if self.fix else "")
        # names in damaged files can be anything; secrets are masked while they are whole
        return readable(masked(text.encode("utf-8", "backslashreplace").decode()))


class UserError(ValueError):
    """Error with a list of problems for the user to correct.

    Parameters
    ----------
    problems
        At least one problem.
    """

    def __init__(self, problems: Problem | Iterable[Problem]):
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        count = len(self.problems)
        head = "1 problem:" if count == 1 else f"{count} problems:"
        super().__init__("\n".join([head, *(f"  - {problem}" for problem in self.problems)]))


def fail(where: str, what: str, fix: str = "", *, few: bool = False) -> UserError:
    """Return an error with one problem, for the caller to raise.

    Parameters
    ----------
    where, what, fix, few
        As in :class:`Problem`.

    Examples
    --------
    >>> raise fail("seed", "found -1", "write 0 or more")
    Traceback (most recent call last):
    panscape.errors.UserError: 1 problem:
      - seed: found -1 -> write 0 or more
    """
    return UserError(Problem(where, what, fix, few))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word closest to a mistyped one, or None.

    Examples
    --------
    >>> nearest("n_neighbours", ["n_neighbors", "resolutions"])
    'n_neighbors'
    """
    by_lower = {name.lower().replace("-", "_"): name for name in known}
    close = difflib.get_close_matches(word.lower().replace("-", "_"), by_lower, n=1, cutoff=0.7)
    return by_lower[close[0]] if close else None
