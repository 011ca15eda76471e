"""Lazy imports of the public names of packages (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def attach(
    package: str, names: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package with lazily imported names.

    Parameters
    ----------
    package
        The ``__name__`` of the package.
    names
        Mapping of public names to the full names of the modules that define them. Must be a literal, which
        :mod:`panscape.pipeline.provenance` parses. Names must not be those of submodules, which would
        replace them once imported.

    Examples
    --------
    In an ``__init__.py``, with the same imports for type checkers and editors below ``if TYPE_CHECKING``::

        __getattr__, __dir__, __all__ = attach(__name__, {"fail": "panscape.errors"})

    >>> getter, lister, public = attach("panscape", {"fail": "panscape.errors"})
    >>> getter("fail").__module__, public
    ('panscape.errors', ['fail'])
    >>> getter("fall")
    Traceback (most recent call last):
    AttributeError: module 'panscape' has no attribute 'fall'
    """

    def load(name: str) -> Any:
        if name not in names:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package]
            )
        return getattr(importlib.import_module(names[name]), name)

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names})

    return load, listed, sorted(names)
