"""Versions of installed libraries."""

from __future__ import annotations

from importlib import metadata


def versions(names: list[str]) -> dict[str, str]:
    """Return the installed version of each distribution ("absent" where there is none)."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found
