"""The size of a study, known from the header of its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """The size of a study's input: cells, genes and stored non-zero values; of a sum also its parts.

    `study` is the id of a study of the collection, if it is the size of one.
    """

    cells: int
    genes: int
    values: int
    parts: tuple[Size, ...] = ()
    study: str = ""


def total(studies: Sequence[Size]) -> Size:
    """Return the size of several studies together."""
    cells, genes, values = (
        sum(getattr(size, name) for size in studies) for name in ("cells", "genes", "values")
    )
    return Size(cells, genes, values, parts=tuple(studies))
