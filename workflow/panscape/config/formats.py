"""Formats of text in the schema: regular expressions, paths, and ids that become names of files."""

from __future__ import annotations

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


_FAULTS = {"regex": regex_fault, "path": path_fault, "folder": path_fault, "id": id_fault, "url": url_fault}
_KINDS = {
    "regex": "a regular expression",
    "path": "a path",
    "folder": "a path",
    "id": "a shorter name",
    "url": "a web address",
}


def _checks(name: str):
    def is_valid(value: Any) -> bool:
        return not isinstance(value, str) or not _FAULTS[name](value)

    FORMATS.checks(name)(is_valid)


for _name in _FAULTS:
    _checks(_name)


def format_advice(value: str, name: str) -> str:
    """Return the advice for a text that does not have the format of this name.

    Examples
    --------
    >>> format_advice("(", "regex")
    'write a regular expression (missing ), unterminated subpattern at position 0)'
    """
    return f"write {_KINDS[name]} ({_FAULTS[name](value)})"
