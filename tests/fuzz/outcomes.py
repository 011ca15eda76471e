"""What reading a study comes to: a clear error, equal data, or a difference, seen or not."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.readers.check import check_study
from panscape.data.readers.child import in_child
from panscape.data.readers.genes import gene_map
from panscape.data.readers.open import open_source, probe
from panscape.errors import UserError
from panscape.log import logger

WHERE = "studies[0]"


@dataclass
class Outcome:
    """What reading came to: `kind` is error, data or traceback; `told` are the warnings of the log."""

    kind: str
    text: str = ""
    cells: list = field(default_factory=list)
    genes: list = field(default_factory=list)
    counts: np.ndarray | None = None
    obs: pd.DataFrame | None = None
    told: list = field(default_factory=list)


class _Told(logging.Handler):
    def __init__(self):
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record):
        if record.levelno >= logging.WARNING or "summed with others" in record.msg:
            self.lines.append(record.getMessage())


def _whole(study: dict) -> Outcome:
    probe(study, where=WHERE)
    source = open_source(study, where=WHERE)
    genes = gene_map(study, source, "human", WHERE)
    parts = [block for _, block in source.blocks(50)]
    counts = sparse.vstack(parts).toarray() if parts else np.zeros((0, 0))
    return Outcome(
        "data",
        cells=list(source.cells),
        genes=list(genes.names),
        counts=counts @ genes.matrix,
        obs=source.obs,
    )


def _check(study: dict) -> Outcome:
    problems = check_study(study, WHERE, "human")
    return Outcome("error", str(UserError(problems))) if problems else Outcome("data")


def _each(function, studies: list[dict]) -> list[Outcome]:
    logger.setLevel(logging.INFO)  # of this child
    results = []
    for study in studies:
        heard = _Told()
        logger.addHandler(heard)
        try:
            results.append(function(study))
        except UserError as error:
            results.append(Outcome("error", str(error)))
        except Exception:
            results.append(Outcome("traceback", traceback.format_exc()))
        finally:
            logger.removeHandler(heard)
        results[-1].told = heard.lines
    return results


def outcomes(studies: list[dict]) -> list[Outcome]:
    """Return what reading studies comes to: their check, then all of those that pass it, in children."""
    checked = in_child(_each, _check, studies)
    passed = [study for study, result in zip(studies, checked, strict=True) if result.kind == "data"]
    rest = iter(in_child(_each, _whole, passed) if passed else [])
    results = []
    for result in checked:
        if result.kind == "data":
            whole = next(rest)
            if "cannot be read: HDF5" in whole.text or "cannot be read: reading it takes" in whole.text:
                whole.kind = "late"  # a job would crash or hang
            whole.told += result.told
            result = whole
        results.append(result)
    return results


def fault(result: Outcome, original: Outcome, folder: Path) -> str:
    """Return what is wrong with an outcome, empty if nothing is.

    An error has to name the study's files. Data have to be equal to the original, or differ in a way that a
    file cannot show: another name, or another number in the range of counts.
    """
    if result.kind in ("traceback", "late"):
        return f"{result.kind}: {result.text}"
    if result.kind == "error":
        return "" if str(folder) in result.text else f"error without the file's name: {result.text}"
    return _seen(result, original, any(folder.glob("*.[ct]sv*")) and not any(folder.glob("*.mtx*")))


def _seen(result: Outcome, original: Outcome, table: bool) -> str:
    """Return a difference that the readers should have seen."""
    counts = result.counts
    if len(set(result.cells)) < len(result.cells):
        return "cells twice"
    if counts.shape != (len(result.cells), len(result.genes)):
        return "names that do not fit the matrix"
    if not (np.isfinite(counts).all() and (counts >= 0).all() and (counts == np.floor(counts)).all()):
        return "values that are no counts"
    if counts.size and counts.max() > 1 << 24:
        return "values too large"
    names = "".join([*result.cells, *result.genes])
    if any(sign in names for sign in '"\0\n\r\t'):
        return "quotes or control characters in names"
    if table:
        return ""  # a whole line of a table that is gone leaves no trace
    fewer = counts.shape[0] < original.counts.shape[0] or counts.shape[1] < original.counts.shape[1]
    if fewer and not result.told and not result.text:
        return "fewer cells or genes, and nothing told"
    return ""


def same(result: Outcome, original: Outcome) -> bool:
    """Return whether data are equal, annotations included."""
    return (
        result.kind == "data"
        and result.cells == original.cells
        and result.genes == original.genes
        and np.array_equal(result.counts, original.counts)
        and result.obs.astype(str).equals(original.obs.astype(str))
    )
