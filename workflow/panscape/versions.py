"""Versions of installed libraries."""

from __future__ import annotations

from importlib import metadata


def versions(names: list[str]) -> dict[str, str]:
    """Return the installed version of each distribution ("absent" if not installed)."""
    installed = {}
    for name in names:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = "absent"
    return installed
