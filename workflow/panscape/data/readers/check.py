"""Checks of a study before any job starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from panscape.data.filter_expression import parse_keep
from panscape.data.readers.integers import check_counts, check_logged, check_roundable
from panscape.data.readers.keep import kept_cells
from panscape.data.readers.metadata import cell_table, read_metadata
from panscape.data.readers.mtx import Mtx
from panscape.data.readers.open import open_source
from panscape.data.readers.orthologues import reference_genes
from panscape.data.readers.source import Source
from panscape.data.readers.study import at, damage_told
from panscape.data.readers.table import Table
from panscape.data.readers.text import is_gzip, open_bytes
from panscape.errors import Problem, UserError, fail

_READ_WHOLE = 32 << 20  # gzip files up to this size are unpacked to verify that they are complete
_DEFLATE_LIMIT = 1032  # maximum compression ratio of gzip


class _Problems:
    """Problems collected so far."""

    def __init__(self):
        self.all: list[Problem] = []

    def trial(self, function: Callable, *arguments: Any, **options: Any) -> Any:
        """Call a function and return its result, or None after recording its problems."""
        try:
            return function(*arguments, **options)
        except UserError as error:
            self.all.extend(problem for problem in error.problems if problem not in self.all)
            return None


def check_study(study: dict, where: str, species: str, age_unit: str | None = None) -> list[Problem]:
    """Return the problems of a study, from headers, annotations and a sample of its values.

    Parameters
    ----------
    study
        One item of the configuration's `studies`. If it has a `url` (or is simulated) and its `path` does not
        exist yet, only checks without the file are run.
    where
        Configuration key of the study for error messages, e.g. ``"studies[1]"``.
    species, age_unit
        As for :func:`reference_genes` and :func:`read_metadata`.

    Returns
    -------
    All problems, in the order of reading.
    """
    problems = _Problems()
    problems.trial(_one_origin, study, where)
    if study.get("keep"):
        problems.trial(parse_keep, study["keep"], at(study, where, "keep"))
    comes_later = bool(study.get("url") or study.get("simulated"))
    if problems.all or (comes_later and not (study.get("path") and Path(study["path"]).exists())):
        return problems.all
    source = problems.trial(open_source, study, where=where)
    if source is None:
        return problems.all
    problems.trial(check_whole, source)
    problems.trial(reference_genes, study, source, species, where)
    problems.trial(_check_cells, problems, study, source, where, age_unit)
    values = problems.trial(source.sample)
    if values is not None and study.get("values") == "log":
        problems.trial(check_logged, values, at(study, where, "values"))
    elif values is not None and study.get("values") == "rounded":
        problems.trial(check_roundable, values, at(study, where, "values"))
    elif values is not None:
        problems.trial(check_counts, values, at(study, where, "counts"), source.alternatives)
    return problems.all


def _one_origin(study: dict, where: str) -> None:
    if study.get("url"):
        if not study.get("sha256"):
            raise fail(at(study, where, "sha256"), "a url without a checksum", "add sha256 of the file")
    elif not study.get("path") and not study.get("simulated"):
        raise fail(at(study, where), "no path, url or simulated", "say where the study's counts are")


def _check_cells(problems: _Problems, study: dict, source: Source, where: str, age_unit: str | None) -> None:
    table = cell_table(study, source, where)
    mapped = problems.trial(read_metadata, study, source, where, age_unit)
    if not study.get("keep"):
        return
    if not kept_cells(study, table, mapped, where).any():
        problem = f"none of the {len(table)} cells matches {study['keep']!r}"
        raise fail(at(study, where, "keep"), problem, "correct the expression")


def check_whole(source: Source) -> None:
    """Raise a UserError if a gzipped text file of a study is obviously truncated.

    Small files are unpacked. For large ones, the length in the trailer must be plausible for the file size;
    their checksum is verified when they are read.
    """
    part = {Mtx: "matrix", Table: "path"}.get(type(source))
    if part is None or not is_gzip(path := getattr(source, part)):
        return
    with damage_told(source.study, source.where):
        _check_gzip(path)


def _check_gzip(path: Path) -> None:
    size = path.stat().st_size
    if size <= _READ_WHOLE:
        with open_bytes(path) as file:
            while file.read(1 << 22):
                pass
        return
    with open(path, "rb") as file:
        file.seek(-4, 2)
        length = int.from_bytes(file.read(), "little")  # modulo 2^32
    possible = range(length, size * _DEFLATE_LIMIT, 1 << 32)
    if not any(total >= size // 2 for total in possible):
        raise OSError(f"{path.name} ends in the middle")
