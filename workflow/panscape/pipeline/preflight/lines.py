"""Sizes of the cell lines of a collection before quality control, and the resulting training jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from panscape.config import studies
from panscape.data.readers.keep import kept_cells
from panscape.data.readers.metadata import cell_table, read_metadata
from panscape.data.readers.open import open_source
from panscape.errors import Problem, UserError
from panscape.pipeline import resources
from panscape.pipeline.preflight.jobs import Job
from panscape.sivae.lines import LinePlan, LineSettings, plan_lines

MAX_SMALL = 0.5  # fraction of lines that may be too small without a warning


def cells_of_lines(config: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the cells of every study in use for sivae, with their lines, from annotations alone.

    Studies to be simulated are described by the settings of the simulation; those to be downloaded are
    omitted.
    """
    column, within = config["sivae"]["line"], config["sivae"]["within"]
    tables = {}
    for name in studies.used_by(config, "sivae"):
        settings = studies.located(config, name)
        kinds: np.ndarray | str = "all"  # simulated lines have no cell types
        if settings["simulated"]:
            names = _simulated(config, settings["simulated"], name)
        elif Path(settings["path"]).exists():
            source = open_source(settings, where=name)
            mapped = read_metadata(settings, source, name, config["age_unit"])
            if settings["keep"]:
                table = cell_table(settings, source, name)
                mapped = mapped[kept_cells(settings, table, mapped, name)]
            names = mapped[column].to_numpy() if column in mapped else np.full(len(mapped), name)
            kinds = mapped[within].to_numpy() if within in mapped else kinds
        else:
            continue
        typed = {} if within is None else {within: kinds}
        tables[name] = pd.DataFrame({column: names, **typed, "n_counts": 0.0}).rename(index=str)
    return tables


def _simulated(config: dict[str, Any], simulated: str, study: str) -> np.ndarray:
    """Return the line of every cell of a simulated study; a single line if it does not simulate lines."""
    for item in config["simulation"].get("lines", ()):
        if item["name"] == simulated:
            return np.repeat([f"line-{at}" for at in range(item["lines"])], item["cells"])
    return np.full(studies.size(config, study).cells, study)


def planned(config: dict[str, Any]) -> tuple[LinePlan | None, list[Problem]]:
    """Return the assignment of lines to jobs before quality control, and the problems to expect."""
    tables = {name: table for name, table in cells_of_lines(config).items() if len(table)}
    if not tables:
        return None, []
    try:
        # depths are not known before quality control
        settings = replace(LineSettings.of(config["sivae"]), min_depth=None)
        plan = plan_lines(tables, settings, config["seed"])
    except UserError as error:
        return None, list(error.problems)
    return plan, list(_small(plan, config["sivae"]["min_cells"]))


def training(jobs: Sequence[Job], plan: LinePlan | None, config: dict[str, Any]) -> list[Job]:
    """Return the training jobs, which a dry run cannot list before the lines are planned.

    Parameters
    ----------
    jobs
        The planned jobs.
    plan
        Assignment of lines to jobs before quality control; None if there are no lines.
    config
        The complete configuration.
    """
    if plan is None or not any(job.rule == "plan_lines" for job in jobs):
        return []
    read = [studies.size(config, name) for name in studies.used_by(config, "sivae")]

    asked = {what: resources.needs("train_lines", what, read, config) for what in ("mem_mb", "runtime")}
    return [Job("train_lines", "sivae", {"job": name}, threads=2, gpus=1, **asked) for name in plan.jobs]


def _small(plan: LinePlan, least: int) -> Iterator[Problem]:
    few = plan.lines[plan.lines["status"] == "too few cells"]
    if len(few) > MAX_SMALL * len(plan.lines):
        sizes = f"{int(few['n_cells'].min())} to {int(few['n_cells'].max())}"
        what = (
            f"{len(few)} of {len(plan.lines)} lines have fewer than {least} cells ({sizes}) and get no model"
        )
        yield Problem("sivae.min_cells", what, "lower it, or map obs.line to larger groups")
    trained = len(plan.lines) - len(few)
    if trained < 4:
        what = f"{trained} lines have at least {least} cells: too few to relate networks to phenotypes"
        yield Problem(
            "networks", what, "add studies or donors; the networks of single lines are available nevertheless"
        )
