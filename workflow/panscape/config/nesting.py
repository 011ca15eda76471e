"""Limits on nesting and aliases, which let a few lines of YAML stand for more than any memory holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from panscape.errors import Problem

DEEPEST = 100  # levels; a configuration has fewer than ten
MOST = 1_000_000  # values, with each alias counted as what it stands for


class _Refused(Exception):
    pass


def nesting_problem(root: Any, inside: Callable[[Any], Iterable[Any]], where: str) -> Problem | None:
    """Return the problem of a value that contains itself, is nested too deeply or expands to too much.

    Parameters
    ----------
    root
        The value. A part that occurs several times (an alias) is visited once.
    inside
        Function that returns the values directly inside a value, none for scalars.
    where
        File or key for the message.

    Examples
    --------
    >>> loop = [1]
    >>> loop.append(loop)
    >>> nesting_problem(loop, lambda value: value if isinstance(value, list) else (), "a.yaml").what
    'contains itself (an alias inside its own anchor)'
    """
    known: dict[int, tuple[int, int] | None] = {}  # values and levels of each container; None while inside it

    def measure(value: Any, level: int) -> tuple[int, int]:
        parts = inside(value)
        if not parts:
            return 1, 0
        key = id(value)
        if key in known:
            found = known[key]
            if found is None:
                raise _Refused("contains itself (an alias inside its own anchor)")
        else:
            known[key] = None
            if level >= DEEPEST:
                raise _Refused(f"is nested more than {DEEPEST} levels deep")
            sizes = [measure(part, level + 1) for part in parts]
            found = known[key] = (1 + sum(size for size, _ in sizes), 1 + max(depth for _, depth in sizes))
        if level + found[1] > DEEPEST:
            raise _Refused(f"is nested more than {DEEPEST} levels deep")
        if found[0] > MOST:
            raise _Refused(f"has more than {MOST:,} values, aliases included")
        return found

    try:
        measure(root, 0)
    except _Refused as refused:
        return Problem(where, str(refused), "write the values out, without aliases (*name)")
    return None


def containers(value: Any) -> list[Any]:
    """Return the values inside a mapping or list as YAML gives it, none for scalars."""
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []
