"""Check of the user's table of lines against the lines of the studies, before the first job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from panscape.config import studies
from panscape.errors import Problem, UserError, nearest

if TYPE_CHECKING:
    from panscape.preprocess.understood import Understood


def check_table(config: dict[str, Any], understood: list[Understood]) -> tuple[list[Problem], list[str]]:
    """Return problems of the table of lines (``networks.phenotypes``) and warnings of lines without a row.

    Lines are those of the files that can be read; while files are missing (simulated, or not downloaded yet)
    only the table itself is checked.

    Parameters
    ----------
    config
        The complete configuration.
    understood
        What was understood of the studies' files.
    """
    settings = config["networks"]
    path = settings["phenotypes"]
    if not isinstance(path, str) or not Path(path).is_file():
        return [], []  # other checks report a missing file
    from panscape.sivae.line_names import file_names
    from panscape.sivae.networks.lines_table import read_lines_table, unmatched

    try:
        table = read_lines_table(path)
    except UserError as error:
        return list(error.problems), []
    used = studies.used_by(config, "sivae")
    mapped = [name for study in config["studies"] if study["id"] in used for name in study["obs"]]
    known = [*map(str, table.columns), *mapped]
    asked = [("networks.block", settings["block"])] if settings["block"] else []
    asked += [(f"networks.covariates[{at}]", name) for at, name in enumerate(settings["covariates"])]
    problems = [_unknown(where, name, known, path) for where, name in asked if name not in known]
    column = config["sivae"]["line"]
    unlabelled = {study["id"] for study in config["studies"] if column not in study["obs"]}
    by_study = {
        item.study: (item.study,) if item.study in unlabelled else item.labels[column]
        for item in understood
        if item.study in used and (item.study in unlabelled or column in item.labels)
    }
    if set(by_study) != set(used):
        return problems, []
    names = [name for part in by_study.values() for name in part]
    if len(set(names)) < len(names):  # rows are then found by the names of the lines' files
        try:
            slugs = file_names(by_study)
        except UserError:  # other checks report it
            return problems, []
        names = [slug if names.count(name) > 1 else name for (_, name), slug in slugs.items()]
    strange, warnings = unmatched(table, names, path)
    return [*problems, *strange], warnings


def _unknown(where: str, name: str, known: list[str], path: str) -> Problem:
    guess = nearest(name, known)
    advice = f"did you mean {guess!r}?" if guess else f"there are {', '.join(known)}"
    return Problem(where, f"{name!r} is no column of {path} and not mapped", advice)
