"""The user's table of lines: one row per line with traits, covariates and blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from panscape.data.sheets import read_sheet
from panscape.errors import Problem, UserError, nearest
from panscape.log import logger
from panscape.sivae.line_names import COLUMNS, OWN_COLUMNS, slug

WHERE = "networks.phenotypes"
KEY = "line"
SHOWN = 5  # names listed in messages


def read_lines_table(path: str) -> pd.DataFrame:
    """Read a table with one row per line, indexed by the names of the lines.

    The names are in the column ``line``, or in the first column if there is none.

    Parameters
    ----------
    path
        TSV or CSV, see :func:`panscape.data.sheets.read_sheet`.

    Returns
    -------
    All other columns, as text; missing values are NaN.

    Raises
    ------
    UserError
        If the table cannot be read, names a line twice or none, has a column that the workflow makes, or
        a number that is infinite.
    """
    table = read_sheet(path, WHERE)
    key = KEY if KEY in table else str(table.columns[0])
    problems = []
    names = table[key]
    if not len(table) or len(table.columns) < 2:
        problems.append(
            Problem(WHERE, f"{path} has no line or no trait", "write a row per line, a column each")
        )
    if names.isna().any():
        problem = f"{path}: {int(names.isna().sum())} rows have no name of a line (column {key!r})"
        problems.append(Problem(WHERE, problem, "fill it in, or remove the rows"))
    if doubles := sorted(set(names[names.duplicated() & names.notna()])):
        problem = f"{path}: {_listed(doubles)} occurs more than once (column {key!r})"
        problems.append(
            Problem(WHERE, problem, "keep one row per line; map what differs between cells by cell")
        )
    others = table.columns.drop(key)
    if clash := sorted(set(others) & {*COLUMNS, *OWN_COLUMNS}):
        problem = f"{path}: the table of lines has a column {clash[0]!r} of its own"
        problems.append(Problem(WHERE, problem, f"rename it, e.g. {clash[0]}_given"))
    for name in others:
        numbers = _as_numbers(table[name])
        if pd.api.types.is_numeric_dtype(numbers) and (endless := np.isinf(numbers)).any():
            problem = f"{path}: {name} is infinite in {_listed(list(names[endless].astype(str)))}"
            problems.append(Problem(WHERE, problem, "write a number, or nothing where it is not known"))
    if problems:
        raise UserError(problems)
    return table.set_index(key)


def unmatched(table: pd.DataFrame, lines: Iterable[str], path: str) -> tuple[list[Problem], list[str]]:
    """Return the problem of names that no line has, and warnings of lines without a row.

    Parameters
    ----------
    table
        From :func:`read_lines_table`.
    lines
        Names of all lines of the collection.
    path
        The table's file, for messages.

    Examples
    --------
    >>> problems, warnings = unmatched(pd.DataFrame({"age": [1]}, index=["dnor1"]), ["donor1"], "t.tsv")
    >>> problems[0].what
    "t.tsv: no line is called 'dnor1' (did you mean 'donor1'?)"
    >>> warnings
    ['t.tsv has no row of 1 of 1 lines, which are not tested: donor1']
    """
    known = list(dict.fromkeys(map(str, lines)))
    strange = [str(name) for name in table.index if str(name) not in set(known)]
    problems = []
    if strange:
        guesses = {name: nearest(name, known) for name in strange}
        shown = [
            repr(name) + (f" (did you mean {near!r}?)" if near else "") for name, near in guesses.items()
        ]
        more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
        fix = f"write the names that the cells have ({_listed(known)}), or remove the rows"
        problems.append(Problem(WHERE, f"{path}: no line is called {', '.join(shown[:SHOWN])}{more}", fix))
    missing = [name for name in known if name not in set(map(str, table.index))]
    warnings = []
    if missing:
        text = f"{path} has no row of {len(missing)} of {len(known)} lines, which are not tested"
        warnings.append(f"{text}: {_listed(missing)}")
    return problems, warnings


def with_table(lines: pd.DataFrame, table: pd.DataFrame, path: str) -> pd.DataFrame:
    """Return the lines with the columns of the user's table, which replace mapped ones of the same name.

    Parameters
    ----------
    lines
        Table of the lines: line (its file name), name (as the cells have it) ...
    table
        From :func:`read_lines_table`; rows are found by `name`, preceded by the study where lines of several
        studies have the same name. The lines of a donor's cell types share its row.
    path
        The table's file, for messages.

    Raises
    ------
    UserError
        If the table names a line that is not there.
    """
    names = lines["name"].fillna("").astype(str)
    # a name of several studies is told by the study, as in the names of files
    several = lines["study"].groupby(names).transform("nunique") > 1
    prefixed = [slug(f"{study}-{name}") for study, name in zip(lines["study"], names, strict=True)]
    key = names.where((names == "") | ~several, pd.Series(prefixed, index=lines.index))
    problems, warnings = unmatched(table, key[key != ""], path)
    if problems:
        raise UserError(problems)
    for warning in warnings:
        logger.warning("%s", warning)
    rows = table.rename(index=str).reindex(key).reset_index(drop=True).set_axis(lines.index)
    numbers = rows.apply(lambda column: _as_numbers(column))
    return lines.drop(columns=[name for name in table if name in lines]).join(numbers)


def phenotypes_of_table(table: pd.DataFrame, block: str | None, covariates: Sequence[str]) -> list[str]:
    """Return the columns that are phenotypes: all but the block and the covariates."""
    return [str(name) for name in table if name != block and name not in covariates]


def _as_numbers(column: pd.Series) -> pd.Series:
    """Return a column as numbers if all its known values are numbers."""
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.notna().equals(column.notna()) else column


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
