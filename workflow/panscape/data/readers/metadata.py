"""Cell annotations: columns of the file or of a metadata sheet, under panscape's names."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from panscape.data.ages import convert_age
from panscape.data.filter_expression import Column, parse_keep
from panscape.data.readers.barcodes import rows_of, selection_of_one
from panscape.data.readers.columns import decimal_commas, mapped_column
from panscape.data.readers.keep import keep_mask
from panscape.data.readers.source import Source
from panscape.data.readers.study import at, damage_told, listing
from panscape.data.sheets import read_sheet
from panscape.errors import Problem, UserError, fail
from panscape.log import logger


def cell_table(study: dict, source: Source, where: str) -> pd.DataFrame:
    """Return all annotations of a study's cells: those of the file, then those of its metadata sheet.

    Parameters
    ----------
    study
        One item of the configuration's `studies`. Its `metadata` gives the `path` of the sheet, without which
        only the file is read, `barcode`, the column of cell names (None: the first column), and `rows`, an
        expression that selects lines; `strip`, `prefix` and `suffix` make names of cells of them
        (:func:`panscape.data.readers.barcodes.rows_of`).
    source
        The open study.
    where
        Configuration key of the study for error messages.

    Returns
    -------
    One row per cell, in the order of `source.cells`. Columns of the sheet replace columns of the file of the
    same name; they are NaN for cells that are not in the sheet. ``attrs["in_sheet"]`` is the fraction of
    cells in the sheet.

    Raises
    ------
    UserError
        If the file or sheet is damaged, or the sheet lacks the column, repeats a barcode or matches no cell.
    """
    if source.joined is None:
        source.joined = _joined(study, source, where)
    return source.joined


def _joined(study: dict, source: Source, where: str) -> pd.DataFrame:
    table = source.obs
    settings = study.get("metadata") or {}
    if not settings.get("path"):
        return table
    place = at(study, where, "metadata.path")
    sheet = read_sheet(settings["path"], place)
    barcode = settings.get("barcode") or sheet.columns[0]
    if barcode not in sheet:
        fix = f"write one of: {listing(sheet.columns)}"
        raise fail(at(study, where, "metadata.barcode"), f"{settings['path']} has no column {barcode!r}", fix)
    if settings.get("rows"):
        chosen = keep_mask(settings["rows"], sheet.apply(_numbers_if_all), at(study, where, "metadata.rows"))
        if not chosen.any():
            problem = f"none of the {len(sheet)} lines of {settings['path']} matches {settings['rows']!r}"
            raise fail(at(study, where, "metadata.rows"), problem, "correct the expression")
        sheet = sheet[chosen].reset_index(drop=True)
    names = sheet[barcode].fillna("")
    doubles = names[names.duplicated()].unique()
    if len(doubles):
        problem = f"{settings['path']} has {len(doubles)} barcodes more than once, e.g. {listing(doubles, 3)}"
        fix = "keep one line per cell"
        choice = selection_of_one(pd.Index(names), sheet.drop(columns=barcode).apply(_numbers_if_all))
        if choice:
            fix = f'of a sheet of several samples select one: metadata: {{..., rows: "{choice[1]}"}}'
        raise fail(at(study, where, "metadata.barcode"), problem, fix)
    position = rows_of(
        source.cells,
        pd.Index(names),
        settings,
        at(study, where, "metadata.barcode"),
        f"{where}.metadata",
        what="sheet",
    )
    unmatched = int((position < 0).sum())
    logger.info(
        "%s: %s cells without a line in %s, %s lines without a cell",
        study.get("id"), unmatched, settings["path"], len(sheet) - (len(position) - unmatched),
    )  # fmt: skip
    problem = sheet.drop(columns=barcode)
    joined = problem.reindex(position).set_axis(source.cells, axis=0)
    joined = joined.apply(_numbers_if_all)
    whole = pd.concat([table.drop(columns=table.columns.intersection(joined.columns)), joined], axis=1)
    whole.attrs["in_sheet"] = 1 - unmatched / max(len(position), 1)
    return whole


def read_metadata(study: dict, source: Source, where: str, age_unit: str | None = None) -> pd.DataFrame:
    """Return the mapped annotations of a study.

    Parameters
    ----------
    study
        One item of the configuration's `studies`. Its `obs` maps names (`age`, `cell_type`, `batch`, `line`,
        `platform` or any other) to a column name, ``{column: NAME}`` or ``{value: CONSTANT}``; `values`
        optionally translates the values of a column, and age takes a `unit`.
    source
        The open study.
    where
        Configuration key of the study for error messages.
    age_unit
        Unit that ages are converted to (:data:`panscape.data.ages.UNITS`); None leaves them unchanged.

    Returns
    -------
    DataFrame indexed by cell, one column per mapped name: `age` float; cell_type, batch, line and platform
    categories of text; others float or categories, as in the file. Missing values are NaN.

    Raises
    ------
    UserError
        If columns are missing, have no values, or contain text where numbers are expected; lists all
        problems.
    """
    entries = study.get("obs") or {}
    table = cell_table(study, source, where)
    kept = _kept(study, table, where)
    columns: dict[str, pd.Series] = {}
    problems: list[Problem] = []
    for name, entry in entries.items():
        if entry is None:
            continue
        entry = {"column": entry} if isinstance(entry, str) else entry
        try:
            with damage_told(study, where, f"annotation {name}"):
                values = mapped_column(name, entry, table, study, where, kept)
            if age_unit and entry.get("unit"):  # of age: no other entry has one
                values = convert_age(values, entry["unit"], age_unit)
            columns[name] = values
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    return pd.DataFrame(columns, index=source.cells)


def _kept(study: dict, table: pd.DataFrame, where: str) -> np.ndarray | None:
    """Return the mask of cells that `keep` selects if it names columns of the file or sheet only."""
    if not study.get("keep"):
        return None
    place = at(study, where, "keep")
    try:
        parts = _operands(parse_keep(study["keep"], place))
        names = {part.name for part in parts if isinstance(part, Column)}
        mask = keep_mask(study["keep"], table, place) if names <= set(table.columns) else None
        return None if mask is None or not mask.any() else mask
    except UserError:  # reported where cells are selected
        return None


def _operands(tree: object) -> Iterator[object]:
    """Yield the columns and literals of a parsed expression."""
    if isinstance(tree, tuple | list):
        for part in tree:
            yield from _operands(part)
    else:
        yield tree


def _numbers_if_all(values: pd.Series) -> pd.Series:
    if values.str.match(r"0\d").any():  # 007 is a name, not a number
        return values
    try:
        return pd.to_numeric(decimal_commas(values))
    except ValueError:
        return values
