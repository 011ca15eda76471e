"""Size of a study, from the header of its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Size of a study's input: cells, genes and stored non-zero values; for a sum also its parts.

    `study` is the id of the study in the collection, if it has one.
    """

    cells: int
    genes: int
    values: int
    parts: tuple[Size, ...] = ()
    study: str = ""


def total(studies: Sequence[Size]) -> Size:
    """Return the total size of several studies."""
    cells, genes, values = (
        sum(getattr(size, name) for size in studies) for name in ("cells", "genes", "values")
    )
    return Size(cells, genes, values, parts=tuple(studies))
