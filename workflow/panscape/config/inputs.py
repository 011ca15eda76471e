"""Checks of the input files by their headers and annotations, before the first job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from panscape.config import gene_overlap, libraries, root, species, studies
from panscape.config.lines_table import check_table
from panscape.config.look import Seen, look
from panscape.config.schema import Schema, schema
from panscape.config.trained_labels import label_problems, trained_cells, unlabelled
from panscape.coscape import reference
from panscape.data.limits import use_limits
from panscape.data.once import remembering
from panscape.data.readers.child import in_child
from panscape.errors import Problem, UserError
from panscape.log import logger, without_repeats
from panscape.preprocess.doubts import doubts, truths, without_mito
from panscape.preprocess.settings import QcSettings
from panscape.preprocess.understood import Understood

MIN_CELLS = 3  # minimum for clustering
KINDS = {  # format in the schema -> expected kind, its test, the other kind
    "path": ("file", Path.is_file, "folder"),
    "folder": ("folder", Path.is_dir, "file"),
}


@dataclass(frozen=True)
class Checked:
    """Result of a check without problems.

    Attributes
    ----------
    warnings
        Texts on what works but is probably not intended.
    understood
        What was understood of each study whose file exists.
    """

    warnings: list[str]
    understood: list[Understood]


def check_inputs(config: dict[str, Any]) -> list[str]:
    """Check all files that a loaded configuration names; the warnings of :func:`look_at_inputs`."""
    return look_at_inputs(config).warnings


def look_at_inputs(config: dict[str, Any]) -> Checked:
    """Check all files that a loaded configuration names, without reading all counts.

    Studies whose file does not exist yet (simulated or to be downloaded) are skipped. Files are read in a
    child process with limits on memory and time (section ``limits``), since a damaged one can crash HDF5.

    Returns
    -------
    Warnings on settings that work but are probably not intended, which are also logged, and what was
    understood of the studies.

    Raises
    ------
    UserError
        If there are problems with studies, combinations of studies or other files; lists all of them.
    """
    use_limits(config.get("limits"))
    result: Checked = in_child(_check, config)
    for warning in result.warnings:
        logger.warning("%s", warning)
    return result


def _check(config: dict[str, Any]) -> Checked:
    """Return what the files of a configuration show; a UserError lists all problems."""
    with without_repeats():
        return _check_all(config)


def _check_all(config: dict[str, Any]) -> Checked:
    problems: list[Problem] = []
    seen = []
    misplaced, places = _places(config)
    for at, study in enumerate(config["studies"]):
        with remembering():  # for one study, whose annotations and scratch files are then let go
            faults, one = look(config, study, f"studies[{at}]", places)
        problems += faults
        seen += [one] if one else []
    understood = [study.understood for study in seen if study.understood is not None]
    warnings = [*_doubtful(config), *root.doubtful(config), *doubts(understood)]
    problems += species.undeclared(seen, config)
    if (labelled := trained_cells(config, seen)) is not None:
        warnings += unlabelled(config, labelled)
        problems += label_problems(config, labelled)
    warnings += [*species.contradicted(seen, config), *species.forecast(seen, config)]
    problems += [*_lines(config, understood), *truths(understood)]
    faults, doubtful = check_table(config, understood)
    problems += faults
    warnings += doubtful
    arranged = studies.used_by(config, "landscape")
    problems += _small_to_project(config, seen)
    seen = [study for study in seen if study.name in arranged]
    problems += _small(seen, config)
    known = [study for study in seen if study.genes is not None]
    if len(known) > 1:
        gene_overlap.overlap(known, config["preprocess"]["present_in"], problems, warnings)
    problems += _simulation(config)
    problems += [*_missing_files(config, schema(), "", config["collection"]), *libraries.problems(config)]
    problems += _rootless(config)
    problems += root.place(config, {study.name: study.cells for study in seen})
    problems += reference.problems(config)
    problems += misplaced
    if problems:
        raise UserError(dict.fromkeys(problems))
    warnings += _losses(config)
    limits = {study["id"]: QcSettings.of(config["preprocess"], study["qc"]) for study in config["studies"]}
    warnings += without_mito(understood, limits)
    return Checked(warnings, understood)


def _lines(config: dict[str, Any], understood: list[Understood]) -> Iterator[Problem]:
    """Yield the problems of lines whose results would have the same files."""
    from panscape.sivae.line_names import alike_types, file_names

    used, column = studies.used_by(config, "sivae"), config["sivae"]["line"]
    within = config["sivae"]["within"]
    for item in understood if within else ():
        if item.study in used:
            yield from alike_types(item.labels.get(within, ()), item.study, within)
    try:
        file_names({item.study: item.labels.get(column, ()) for item in understood if item.study in used})
    except UserError as error:
        yield from error.problems


def _losses(config: dict[str, Any]) -> Iterator[str]:
    """Yield warnings of studies and lines likely to lose more than half of their cells to quality control."""
    from panscape.config.qc_forecast import expected_losses

    for study in config["studies"]:
        if not study.get("metacells"):
            yield from map(str, expected_losses(config, study["id"]))


def _small(seen: list[Seen], config: dict[str, Any]) -> Iterator[Problem]:
    """Yield the problems of studies that are smaller than the minimum size of a cluster."""
    for study in seen:
        least = studies.panclust(config, study.name)["min_cells"]
        if least == "auto" and study.cells < MIN_CELLS:
            what = f"has {study.cells} cells, too few to cluster (at least {MIN_CELLS})"
            yield Problem(f"{study.where} (study {study.name!r})", what, "leave the study out")
        if least != "auto" and study.cells < least:
            what = f"has {study.cells} cells, panclust.min_cells is {least}: no cluster could be kept"
            advice = "write panclust: {min_cells: auto} in the study's entry, or leave the study out"
            yield Problem(f"{study.where} (study {study.name!r})", what, advice)


def _small_to_project(config: dict[str, Any], seen: list[Seen]) -> Iterator[Problem]:
    """Yield the problems of studies to project that are smaller than the minimum size of a pancluster."""
    folder, least = config["project"]["reference"], config["project"]["min_cells"]
    if not folder or next(reference.problems(config), None) or not Path(folder).is_dir():
        return
    least = least or reference.settings(folder)["panclust"]["min_cells"]
    if not isinstance(least, int):
        return  # chosen by the size of the study
    for study in seen:
        if study.name in studies.used_by(config, "project") and study.cells < least:
            what = f"has {study.cells} cells, a pancluster to project has at least {least}"
            yield Problem(
                f"{study.where} (study {study.name!r})", what, f"write project.min_cells: {study.cells // 2}"
            )


def _doubtful(config: dict[str, Any]) -> Iterator[str]:
    """Yield warnings that do not need files."""
    arranged = _arranged(config)
    lacking = [study["id"] for study in arranged if "age" not in study["obs"]]
    if 0 < len(lacking) < len(arranged):
        yield f"{', '.join(lacking)}: no age (obs.age), so their clusters take no part in tests of age"
    yield from _near_roles(config)
    cells: dict[tuple, str] = {}
    for study in config["studies"]:
        key = tuple(str(study.get(name)) for name in ("path", "url", "simulated", "metacells", "keep"))
        other = cells.setdefault(key, study["id"])
        if other != study["id"]:
            yield f"the studies {other} and {study['id']} are the same cells: same file, same keep"


def _near_roles(config: dict[str, Any]) -> Iterator[str]:
    """Yield warnings of annotations whose name is nearly one with a role (celltype, Batch, lines)."""
    roles = {"age", "cell_type", "batch", "line", "platform", config["sivae"]["line"]}
    forms = {role.replace("_", "").lower(): role for role in roles}
    for study in config["studies"]:
        for name in study["obs"]:
            form = name.replace("_", "").lower()
            role = forms.get(form) or forms.get(form.removesuffix("s"))
            if role and name not in roles and role not in study["obs"]:
                yield f"{study['id']}: obs.{name} has no role: write obs.{role} if it is meant as that"


def _simulation(config: dict[str, Any]) -> tuple[Problem, ...]:
    """Return contradictions in the settings of the simulation."""
    drawn = {study["simulated"] for study in config["studies"]} - {None}
    if not drawn:
        return ()
    from panscape.simulate.lines import lines_from_config
    from panscape.simulate.multiome import multiome_from_config
    from panscape.simulate.settings import from_config

    try:
        others = {item.name for item in lines_from_config(config["simulation"])}
        others |= {item.name for item in multiome_from_config(config["simulation"])}
        if drawn - others:
            from_config(config["simulation"])
    except UserError as error:
        return error.problems
    return ()


def _rootless(config: dict[str, Any]) -> Iterator[Problem]:
    """Yield the problem of a root by age if no study has ages."""
    arranged = _arranged(config)
    aged = any("age" in study["obs"] for study in arranged)
    if config["landscape"]["root"] == "lowest-age" and arranged and not aged:
        advice = "map obs.age in the studies, name a cluster, or write root: none"
        yield Problem("landscape.root", "is lowest-age, but no study has an age", advice)


def _places(config: dict[str, Any]) -> tuple[list[Problem], pd.DataFrame | None]:
    """Return the problems of the gene position table, which links need, and the first of its genes."""
    path = config["metacells"]["genes"]
    if not path or not Path(path).is_file() or not studies.used_by(config, "metacells"):
        return [], None
    from panscape.coem.genes import HEAD, read_genes

    try:
        return [], read_genes(path, lines=HEAD)
    except UserError as error:
        return list(error.problems), None


def _arranged(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the settings of the studies in the landscape."""
    names = studies.used_by(config, "landscape")
    return [study for study in config["studies"] if study["id"] in names]


def _planted(path: str, collection: str) -> bool:
    """Return whether a file is written by this collection's simulation, such as the planted gene sets."""
    return Path(path).parts[:3] == ("resources", collection, "simulated")


def _missing_files(value: Any, part: Schema, where: str, collection: str = "") -> Iterator[Problem]:
    """Yield settings (other than the studies') whose path does not exist."""
    if isinstance(value, dict):
        for key, entry in part.get("properties", {}).items():
            if key in value and key != "studies":
                yield from _missing_files(value[key], entry, f"{where}.{key}" if where else key, collection)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _missing_files(inner, part.get("items", {}), f"{where}[{at}]", collection)
    elif isinstance(value, str) and part.get("format") in KINDS and not _planted(value, collection):
        kind, there, other = KINDS[part["format"]]
        if not there(Path(value)):
            what = f"is a {other}" if Path(value).exists() else f"does not exist (looked from {Path.cwd()})"
            yield Problem(where, f"{value} {what}", f"write the path of a {kind}")
