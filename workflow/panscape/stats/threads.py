"""Limiting the threads of linear algebra."""

from __future__ import annotations

from functools import cache


@cache
def _pools():
    # what is found here is kept, as looking for it takes longer than many a step; so it has to be there
    import sklearn.cluster  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def limited(threads: int):
    """Return a context within which linear algebra and k-means take so many threads."""
    return _pools().limit(limits=threads)
