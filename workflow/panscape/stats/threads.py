"""Thread limits of linear algebra."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

_lock = threading.Lock()
_open: list[Any] = []  # the limit of the outermost block of single_threaded, and one None per block in it


@cache
def _pools():
    # the search for pools is slow, so its result is cached: import here all libraries that bring one
    import sklearn.cluster  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def limited(threads: int):
    """Return a context that limits the threads of linear algebra and k-means."""
    return _pools().limit(limits=threads)


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Compute in one thread of linear algebra; also a decorator, ``@single_threaded()``.

    Sums of several threads depend on their number in the last digits, so that a result would depend on the
    cores of a job. The matrices of clusters are so small that a second thread mostly waits. Blocks may be
    nested, and threads of Python may open them side by side: the limit ends with the last one.

    Examples
    --------
    >>> @single_threaded()
    ... def blas_threads():
    ...     from threadpoolctl import threadpool_info
    ...     return {pool["num_threads"] for pool in threadpool_info()}
    >>> blas_threads()
    {1}
    """
    with _lock:
        limit = None if _open else limited(1)
        if limit is not None:
            limit.__enter__()
        _open.append(limit)
    try:
        yield
    finally:
        with _lock:
            # blocks may end in any order; the limit stays until the last one
            if None in _open:
                _open.remove(None)
            else:
                _open.pop().__exit__(None, None, None)
