"""Building blocks of the report: content only, laid out by the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from panscape.report.format import cell, count


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text; `kind` is text, note (small print) or warning."""

    text: str
    kind: str = "text"
    block: str = field(default="paragraph", init=False)


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    block: str = field(default="heading", init=False)


@dataclass(frozen=True)
class Table:
    """A table.

    Parameters
    ----------
    header
        Column titles.
    rows
        Texts of the cells.
    numeric
        Per column: whether it is right-aligned.
    caption
        What the table shows.
    file
        Path of the complete table relative to the report.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    caption: str = ""
    file: str = ""
    block: str = field(default="table", init=False)


@dataclass(frozen=True)
class Picture:
    """A figure, embedded.

    Parameters
    ----------
    uri
        The image as a data URI.
    width
        Width in pixels at the printed size.
    title, caption
        The title is also the alternative text of the image.
    files
        Paths of the figure's files relative to the report.
    """

    uri: str
    width: int
    title: str
    caption: str = ""
    files: tuple[str, ...] = ()
    block: str = field(default="picture", init=False)


@dataclass(frozen=True)
class Gallery:
    """Figures side by side where the page is wide enough."""

    pictures: tuple[Picture, ...]
    caption: str = ""
    block: str = field(default="gallery", init=False)


@dataclass(frozen=True)
class Fold:
    """Blocks that are collapsed until the reader opens them (expanded in print)."""

    title: str
    blocks: tuple[Any, ...]
    block: str = field(default="fold", init=False)


@dataclass(frozen=True)
class Files:
    """A line of links to files beside the report: (title, path relative to the report)."""

    text: str
    links: tuple[tuple[str, str], ...]
    block: str = field(default="files", init=False)


@dataclass(frozen=True)
class Listing:
    """Text to copy or download as it is, under a file name."""

    text: str
    file: str
    block: str = field(default="listing", init=False)


Block = Paragraph | Heading | Table | Picture | Gallery | Fold | Files | Listing


def table(
    frame: pd.DataFrame,
    *,
    titles: Mapping[str, str] | None = None,
    caption: str = "",
    file: str = "",
    limit: int | None = None,
) -> Table:
    """Make a table of a data frame's columns, in their order.

    Parameters
    ----------
    frame
        Numbers are rounded to three significant digits and right-aligned.
    titles
        Column -> title; others keep their name.
    caption, file
        See :class:`Table`.
    limit
        Maximum number of rows; the caption reports omitted ones.
    """
    shown = frame if limit is None else frame.head(limit)
    if len(shown) < len(frame):
        caption = f"{caption} First {count(len(shown))} of {count(len(frame))} rows.".strip()
    titles = titles or {}
    numeric = tuple(
        pd.api.types.is_numeric_dtype(frame[name].dtype) and not pd.api.types.is_bool_dtype(frame[name].dtype)
        for name in frame.columns
    )
    columns = [_texts(shown[name]) for name in frame.columns]
    rows = tuple(zip(*columns, strict=True)) if columns else ()
    return Table(tuple(titles.get(name, str(name)) for name in frame.columns), rows, numeric, caption, file)


def _texts(column: pd.Series) -> list[str]:
    """Return a column's texts; floats with integer values (due to missing values) are shown as integers."""
    values = column.tolist()
    if (
        pd.api.types.is_float_dtype(column.dtype)
        and column.dropna().mod(1).eq(0).all()
        and column.notna().any()
    ):
        return ["–" if pd.isna(value) else cell(int(value)) for value in values]
    return ["–" if isinstance(value, float) and pd.isna(value) else cell(value) for value in values]
