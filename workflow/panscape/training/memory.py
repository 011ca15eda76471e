"""Memory that a training job has freed and will soon need again stays with the job."""

from __future__ import annotations

import ctypes

TRIM, MAP = -1, -3  # parameters of glibc's mallopt: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
KEPT, MAPPED = 256 << 20, 32 << 20  # bytes; the second is the largest that glibc accepts


def keep_freed_memory() -> bool:
    """Let the allocator keep up to 256 MB of freed memory, and blocks up to 32 MB, for the next request.

    Otherwise glibc gives the values of a training step back to the system after each step, and every page of
    them costs a fault, and zeros, at the next. Results do not change, and memory at its peak hardly.

    Returns
    -------
    Whether the allocator has these limits; other C libraries do not, and nothing changes there.

    Examples
    --------
    >>> isinstance(keep_freed_memory(), bool)
    True
    """
    try:
        change = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(change(TRIM, KEPT)) and bool(change(MAP, MAPPED))
