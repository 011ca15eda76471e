"""Thread limits of linear algebra."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

_lock = threading.Lock()
_open: list[Any] = []  # the limit of the outermost block of single_threaded, and one None per block in it


BRINGS_POOL = ("sklearn", "torch", "numba")  # besides numpy and scipy.linalg


@cache
def _pools(loaded: tuple[str, ...]) -> Any:
    """Search for the pools of threads, once for each set of libraries that have been loaded."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def limited(threads: int):
    """Return a context that limits the threads of linear algebra and k-means.

    It holds for the libraries loaded before: import scikit-learn outside the block, if the block uses it.

    Examples
    --------
    >>> with limited(1):
    ...     from threadpoolctl import threadpool_info
    ...     {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
    {1}
    """
    import scipy.linalg  # noqa: F401  brings a pool of its own, and is needed by nearly everything

    return _pools(tuple(name for name in BRINGS_POOL if name in sys.modules)).limit(limits=threads)


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
    ...     return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
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
