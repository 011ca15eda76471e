"""Compilation of numerical loops, kept on disk for the next process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(**options: Any) -> Callable[[Callable], Callable]:
    """Compile a function with numba, and keep its machine code where a folder can be written.

    Compilation takes a second or more, in every job. The code is kept beside the function's file or, if that
    folder is read-only, in the user's cache folder; where neither can be written, as in some containers, each
    process compiles anew. Functions of other files that a function calls are not followed: keep them in one
    file.

    Parameters
    ----------
    options
        Options of :func:`numba.njit`, except ``cache``.

    Returns
    -------
    The decorator [lam2015numba]_.

    Examples
    --------
    >>> @compiled(nogil=True)
    ... def twice(x):
    ...     return 2 * x
    >>> twice(3)
    6
    """

    def decorate(function: Callable) -> Callable:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # no folder for the machine code
            return numba.njit(**options)(function)

    return decorate
