"""Names of the bins of a line, each with the cells of one model."""

from __future__ import annotations

HALVES = ("half-a", "half-b")
"""Bins of a line with one bin only: two models of half its cells each, to see how reliable its network is."""
COPY = "-copy-"
"""In the names of further thinnings of a bin: the same cells, thinned anew."""


def is_extra(bin_: str) -> bool:
    """Return whether a bin is a half or a further thinning of another one.

    Examples
    --------
    >>> [is_extra(name) for name in ("0", "0-copy-1", "half-a")]
    [False, True, True]
    """
    return bin_ in HALVES or COPY in bin_
