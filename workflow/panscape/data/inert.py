"""Text that a spreadsheet would run as a formula, written so that it does not.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula, which can fetch
addresses or start programs. Names of genes, clusters, labels and sheets come from files of others, so such
text gets a quotation mark (``'``) in front. Reading removes it. Numbers and single signs are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r\n].", re.DOTALL)
_WRITTEN = re.compile(r"'+[=+\-@\t\r\n].", re.DOTALL)


def inert(text: str) -> str:
    """Return a text as it is written into a table.

    Examples
    --------
    >>> inert("=1+1"), inert("-2-3"), inert("-0.5"), inert("-"), inert("CD4+")
    ("'=1+1", "'-2-3", '-0.5', '-', 'CD4+')
    """
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def restored(text: str) -> str:
    """Return the text that :func:`inert` made another of.

    Examples
    --------
    >>> restored("'=1+1"), restored("5'-end")
    ('=1+1', "5'-end")
    """
    return text[1:] if _WRITTEN.match(text) else text


def inert_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose text, header included, no spreadsheet runs; itself if it is so already."""
    return _changed(table, inert)


def restored_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of which :func:`inert_table` made another, as it is read."""
    result = _changed(table, restored)
    if not pd.api.types.is_numeric_dtype(result.index) and (changes := _changes(result.index, restored)):
        result = result.set_axis(pd.Index(_replaced(result.index, changes), name=result.index.name))
    return result


def _changed(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    columns = {}
    for at, dtype in enumerate(table.dtypes):
        column = table.iloc[:, at]
        if isinstance(dtype, pd.CategoricalDtype):
            if changes := _changes(column.cat.categories, change):
                columns[at] = column.cat.rename_categories(changes)
        elif not pd.api.types.is_numeric_dtype(dtype) and (changes := _changes(column, change)):
            columns[at] = pd.Series(_replaced(column, changes), column.index, dtype=dtype)
    names = [change(name) if isinstance(name, str) else name for name in table.columns]
    if not columns and names == list(table.columns):
        return table
    table = table.copy(deep=False)
    for at, column in columns.items():
        table.isetitem(at, column)
    table.columns = pd.Index(names, name=table.columns.name)
    return table


def _changes(values: pd.Series | pd.Index, change: Callable[[str], str]) -> dict[str, str]:
    """Return the texts that change, and what they become; most columns have none."""
    texts = {value for value in pd.unique(values) if isinstance(value, str)}
    return {text: new for text in texts if (new := change(text)) != text}


def _replaced(values: pd.Series | pd.Index, changes: dict[str, str]) -> list[object]:
    return [changes.get(value, value) if isinstance(value, str) else value for value in values]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
