"""Names of lines: as their cells have them, and those of their files and of the columns of their table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from panscape.data.labels import hyphenated, id_fault
from panscape.data.text import as_yaml
from panscape.errors import Problem, UserError, fail
from panscape.log import logger

RESERVED = ("jobs", "figures")  # folder names used by the stage
LONGEST = 200  # characters; 255 bytes are possible, and some files append to the name
COLUMNS = (
    "line", "name", "within", "n_cells", "n_bins", "bin_cells", "discarded", "depth", "detected",
    "composition", "thinned_to", "models", "job", "status",
)  # fmt: skip
"""Columns of the table of lines besides the study and phenotypes."""
OWN_COLUMNS = ("study", "n_counts", "n_genes", "mito_share", "ribo_share")


def line_of_cells(table: pd.DataFrame, column: str, within: str | None, study: str) -> pd.DataFrame:
    """Return name, within and label of the line of every cell; all empty for cells without a line.

    Parameters
    ----------
    table
        Annotated cells of a study.
    column
        Column with the lines; a study without it is one line.
    within
        Column of cell types, each of which is a line of its own; None: all cells of a line belong together.
    study
        Id of the study.

    Raises
    ------
    UserError
        If the study has no column `within`.

    Examples
    --------
    >>> cells = pd.DataFrame({"donor": ["d1", "d1", None], "type": ["B", "T", "T"]})
    >>> line_of_cells(cells, "donor", "type", "blood")["label"].tolist()
    ['d1 (B)', 'd1 (T)', '']
    """
    if column not in table:
        logger.info("study %s has no column %s: it is one line", study, column)
        names = np.full(len(table), study, dtype=object)
    else:
        names = _texts(table[column])
    kinds = np.full(len(table), "", dtype=object)
    labels = names
    if within is not None:
        if within not in table:
            where = f"studies[{study}].obs.{within}"
            raise fail(where, "sivae.within names it, and it is not mapped", "map it, or leave the study out")
        kinds = _texts(table[within])
        if untyped := int(((kinds == "") & (names != "")).sum()):
            logger.warning("study %s: %d cells have no %s", study, untyped, within)
        names = np.where(kinds == "", "", names)
        labels = np.where(names == "", "", names + " (" + kinds + ")")
    return pd.DataFrame({"name": names, "within": kinds, "label": labels}, index=table.index, dtype=object)


def _texts(values: pd.Series) -> np.ndarray:
    """Return labels as text, empty where missing."""
    return np.where(values.isna(), "", values.astype(str).str.strip()).astype(object)


def slug(name: str) -> str:
    """Return a name with letters, digits and hyphens only."""
    short = hyphenated(name) or "line"
    return f"line-{short}" if short.lower() in RESERVED else short


def alike_types(types: Iterable[str], study: str, within: str) -> Iterator[Problem]:
    """Yield cell types whose lines would have the same files, e.g. ``CD4+ T`` and ``CD4- T``.

    Parameters
    ----------
    types
        Cell types of a study.
    study
        Its id.
    within
        Their column.
    """
    first: dict[str, str] = {}
    for at, name in enumerate(sorted(set(types) - {""}), start=1):
        short = hyphenated(name) or "type"
        known = first.setdefault(short.lower(), name)
        if known != name:
            what = (
                f"{name!r} and {known!r} would have the same files ({short}), as sivae.within divides lines"
            )
            values = f"{{{as_yaml(name)}: {short}-{at}}}"
            fix = f"rename one: {within}: {{column: ..., values: {values}}}"
            yield Problem(f"studies[{study}].obs.{within}", what, fix)


def file_names(named: Mapping[str, Iterable[str]]) -> dict[tuple[str, str], str]:
    """Return (study, name) -> file name of the line, prefixed by the study if names collide.

    Parameters
    ----------
    named
        Names of the lines of each study; empty ones are none.

    Raises
    ------
    UserError
        If two lines would have the same files, or a name is too long for them.

    Examples
    --------
    >>> file_names({"one": ["A/1", "B"], "two": ["B"]})
    {('one', 'A/1'): 'A-1', ('one', 'B'): 'one-B', ('two', 'B'): 'two-B'}
    """
    pairs = [(study, name) for study, names in named.items() for name in sorted(set(names) - {""})]
    shared = {name for _, name in pairs if sum(name == other for _, other in pairs) > 1}
    slugs: dict[tuple[str, str], str] = {}
    problems: list[Problem] = []
    first: dict[str, tuple[str, str]] = {}
    for study, name in pairs:
        short = slug(f"{study}-{name}" if name in shared else name)
        known = first.setdefault(short.lower(), (study, name))
        if known != (study, name):
            what = f"{name!r} and {known[1]!r} of study {known[0]} would have the same files ({short})"
            values = f"{{{as_yaml(name)}: {short}-{len(problems) + 2}}}"
            fix = f"rename one: line: {{column: ..., values: {values}}}"
            problems.append(Problem(f"studies[{study}].obs.line", what, fix))
        elif why := id_fault(short, LONGEST):
            where = f"studies[{study}].obs.line"
            what = f"{short[:60]!r} cannot be the name of files ({why})"
            fix = f"rename it: line: {{column: ..., values: {{{as_yaml(name)}: line-{len(problems) + 1}}}}}"
            problems.append(Problem(where, what, fix))
        slugs[study, name] = short
    if problems:
        raise UserError(problems)
    return slugs
