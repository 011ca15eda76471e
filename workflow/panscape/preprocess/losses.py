"""Summaries of the cells that quality control removed, for messages of all stages.

Reads the tables ``preprocess/{study}/qc.tsv`` with the standard library only, since all scripts import it.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from panscape.data import digests
from panscape.errors import Problem, UserError

HALF = 0.5  # of the chosen cells: if more are lost, quality control is the likely cause
CHOICE = ("input", "keep")  # rows of the cells before quality control
Rows = Sequence[Mapping[str, Any]]


def sentence(rows: Rows) -> str:
    """Return a sentence on the cells that quality control removed from a study.

    Parameters
    ----------
    rows
        Rows of its table: filter, removed, left, unit, limit, chosen, median.

    Returns
    -------
    E.g. ``"kept 2 of 5,340 cells; min_genes 500 removed 5,338; median 48 genes a cell"``.
    """
    cells = _cells(rows)
    start, kept = chosen(rows), int(cells[-1]["left"])
    text = f"kept {kept:,} of {start:,} cells"
    if int(cells[0]["left"]) > start:
        text += f" (keep chose them from {int(cells[0]['left']):,})"
    for row in cells:
        decided = row["chosen"] == "auto"
        if row["filter"] not in CHOICE and (int(row["removed"]) or decided):
            auto = " (auto)" if decided else ""
            text += f"; {row['filter']} {_plain(row['limit'])}{auto} removed {int(row['removed']):,}"
    medians = {row["filter"]: row["median"] for row in cells}
    if str(medians.get("min_genes", "")) not in ("", "nan"):
        text += f"; median {float(medians['min_genes']):,.4g} genes a cell"
    return text


def chosen(rows: Rows) -> int:
    """Return the number of cells before quality control, after `keep`."""
    return next(int(row["left"]) for row in reversed(_cells(rows)) if row["filter"] in CHOICE)


def fraction_lost(rows: Rows) -> float:
    """Return the fraction (0 to 1) of the chosen cells that quality control removed."""
    start = chosen(rows)
    return 1 - int(_cells(rows)[-1]["left"]) / start if start else 0.0


def culprit(rows: Rows) -> Mapping[str, Any]:
    """Return the row of the filter that removed the most cells."""
    return max(
        (row for row in _cells(rows) if row["filter"] not in CHOICE), key=lambda row: int(row["removed"])
    )


def advice(study: str, name: str, limit: Any) -> str:
    """Return advice on the limit of a filter that removes most cells of a study.

    Parameters
    ----------
    study
        Id of the study.
    name
        Name of the filter, e.g. ``"min_genes"``.
    limit
        Value that keeps most cells.

    Returns
    -------
    E.g. ``"in the entry of study 'a' write qc: {max_mito: 0.3}"``; for lower limits, also that they can be
    ``auto``.
    """
    key = f"in the entry of study {study!r} write qc: {{{name}:"
    if name.startswith("min"):
        return f"{key} auto}} (or a number up to about {limit})"
    return f"{key} {limit}}}"


def remedy(rows: Rows) -> str:
    """Return advice on how to keep most cells of a study."""
    row = culprit(rows)
    return advice(str(row["study"]), str(row["filter"]), _plain(row["usual"]))


def explained(error: UserError, tables: Iterable[Rows]) -> UserError:
    """Return an error with the losses to quality control added to problems of too few cells or genes.

    If quality control removed more than half of a study's cells, the advice starts with its limit.
    """
    tables = [rows for rows in tables if rows]
    if not tables or not any(problem.few for problem in error.problems):
        return error
    summary = "; ".join(f"quality control of {rows[0]['study']}: {sentence(rows)}" for rows in tables)
    first = " and ".join(remedy(rows) for rows in tables if fraction_lost(rows) > HALF)

    def add(problem: Problem) -> Problem:
        if not problem.few:
            return problem
        fix = problem.fix
        if first:
            fix = first + (f"; if these cells are rightly left out, {fix}" if fix else "")
        return Problem(problem.where, f"{problem.what} [{summary}]", fix, few=True)

    return UserError([add(problem) for problem in error.problems])


def read_tables(log: str | Path, studies: Iterable[str] = ()) -> list[Rows]:
    """Return the quality control tables of the collection of a rule.

    Parameters
    ----------
    log
        The rule's log file, ``logs/{collection}/...``; the results are in ``results`` beside ``logs``.
    studies
        Ids of the studies; all studies if none of these has a table.
    """
    parts = Path(log).parts
    if "logs" not in parts[:-2]:
        return []
    at = len(parts) - 1 - parts[::-1].index("logs")
    folder = Path(*parts[:at], "results", parts[at + 1], "preprocess")
    paths = [path for name in studies if (path := folder / name / "qc.tsv").is_file()]
    tables: list[Rows] = []
    for path in paths or sorted(folder.glob("*/qc.tsv")):
        # a damaged table must not hide the error that it would explain
        with contextlib.suppress(UserError, OSError, ValueError, csv.Error):
            digests.check(path)
            with open(path, newline="", encoding="utf-8") as handle:
                rows = list(csv.DictReader(handle, delimiter="\t"))
            if rows and all(None not in row and None not in row.values() for row in rows):
                tables.append(rows)
    return tables


def _plain(value: Any) -> str:
    """Return a number as written in YAML: 500 also for 500.0."""
    return f"{float(value):.10g}"


def _cells(rows: Rows) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["unit"] == "cells"]
