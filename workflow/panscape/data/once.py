"""Values that one check of a configuration needs several times."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

_Value = TypeVar("_Value")
_memory: ContextVar[dict[str, Any] | None] = ContextVar("memory", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Keep what :func:`remembered` computes until the block ends; files must not change in it.

    Examples
    --------
    >>> drawn = iter(range(3))
    >>> with remembering():
    ...     remembered("number", lambda: next(drawn)), remembered("number", lambda: next(drawn))
    (0, 0)
    >>> remembered("number", lambda: next(drawn))
    1
    """
    token = _memory.set({})
    try:
        yield
    finally:
        _memory.reset(token)


def remembered(key: Any, compute: Callable[[], _Value]) -> _Value:
    """Return the value of a key, computed at its first use within :func:`remembering`, else at every use.

    Parameters
    ----------
    key
        All that the value depends on, besides the contents of files; text, numbers, lists and mappings.
    compute
        Returns the value, which all callers share; its errors are not kept.
    """
    memory = _memory.get()
    if memory is None:
        return compute()
    text = json.dumps(key, sort_keys=True, default=str)
    if text not in memory:
        memory[text] = compute()
    return memory[text]
