"""Formats of text in the schema: regular expressions, paths, and ids that become names of files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from jsonschema import FormatChecker

from panscape.data.expressions import fault as regex_fault
from panscape.data.labels import id_fault
from panscape.data.transfer import url_fault

FORMATS = FormatChecker(formats=())  # only those of this module
LONGEST_PATH, LONGEST_NAME = 4000, 255  # bytes: limits of Linux, with room for names that are appended


def path_fault(path: str) -> str:
    """Return why no file can have a path; empty if one can.

    Examples
    --------
    >>> path_fault("data/a.h5ad"), path_fault("a" * 300)
    ('', 'a name in it has 300 bytes, at most 255 are possible')
    """
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in path):
        return "it has control characters"
    try:
        parts = [len(part.encode("utf-8", "surrogateescape")) for part in path.split("/")]
    except UnicodeEncodeError:
        return "it is not Unicode"
    if max(parts) > LONGEST_NAME:
        return f"a name in it has {max(parts):,} bytes, at most {LONGEST_NAME} are possible"
    whole = sum(parts) + len(parts) - 1
    return f"it has {whole:,} bytes, at most {LONGEST_PATH:,} are possible" if whole > LONGEST_PATH else ""


_KINDS: dict[str, tuple[str, Callable[[str], str]]] = {  # format: what it is, and what is wrong with a text
    "regex": ("a regular expression", regex_fault),
    "path": ("a path", path_fault),
    "folder": ("a path", path_fault),
    "id": ("a shorter name", id_fault),
    "url": ("a web address", url_fault),
}


def _has_format(value: Any, name: str) -> bool:
    return not isinstance(value, str) or not _KINDS[name][1](value)


for _name in _KINDS:
    FORMATS.checks(_name)(partial(_has_format, name=_name))


def format_advice(value: str, name: str) -> str:
    """Return the advice for a text that does not have the format of this name.

    Examples
    --------
    >>> format_advice("(", "regex")
    'write a regular expression (missing ), unterminated subpattern at position 0)'
    """
    kind, fault = _KINDS[name]
    return f"write {kind} ({fault(value)})"
