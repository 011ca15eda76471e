"""Thread limits of linear algebra."""

from __future__ import annotations

from functools import cache


@cache
def _pools():
    # the search for pools is slow, so its result is cached: import here all libraries that bring one
    import sklearn.cluster  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def limited(threads: int):
    """Return a context that limits the threads of linear algebra and k-means."""
    return _pools().limit(limits=threads)
