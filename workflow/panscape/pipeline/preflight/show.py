"""Table of the planned jobs of a run, for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from panscape.config import studies
from panscape.coscape.landscape.settings import CORRECTED, LandscapeSettings
from panscape.data.readers.orthologues import sentence
from panscape.data.size import Size
from panscape.errors import Problem, UserError
from panscape.pipeline import resources
from panscape.pipeline.preflight.checks import concerns
from panscape.pipeline.preflight.cost import disk_mb, expected_seconds
from panscape.pipeline.preflight.jobs import Job, plan
from panscape.pipeline.preflight.lines import planned, training

OF_LINES = ("sivae.min_cells", "networks")
# analysis whose studies a stage reads, if not the landscape
USED = {
    "metacells": "metacells",
    "sivae": "sivae",
    "networks": "sivae",
    "features": "unicoord",
    "unicoord": "unicoord",
}


def text(snakefile: Path, config: dict[str, Any], on_demand: Sequence[str] = ()) -> str:
    """Return the resource requests and expected problems of a run as text.

    Parameters
    ----------
    snakefile
        The workflow.
    config
        The complete configuration.
    on_demand
        Targets outside the report, shown in a separate table.
    """
    sizes = {name: studies.size(config, name) for name in studies.used_by(config, "any")}
    lines, problems = planned(config)
    with ThreadPoolExecutor(2) as threads:
        wanted = threads.submit(plan, snakefile, config)
        whole = threads.submit(plan, snakefile, config, ["all", *on_demand]) if on_demand else wanted
        jobs = wanted.result()
        jobs += training(jobs, lines, config)
        try:
            more = [job for job in whole.result() if job not in jobs]
        except UserError as error:
            more, problems = [], [*problems, *error.problems]
    more += [job for job in training(more, lines, config) if job not in jobs]
    table = stages(jobs, sizes, config)
    paragraphs = [f"{config['collection']}: {_studies(sizes)}", ""]
    paragraphs += _species(config)
    paragraphs += _intervals(config, jobs)
    paragraphs += [_format(table) if jobs else "Nothing to be done: all results are present.", ""]
    if more:
        paragraphs += ["On demand, in addition:", _format(stages(more, sizes, config), total=False), ""]
    trains = any(job.stage == "sivae" for job in jobs) or _has_lines(config)
    problems = [problem for problem in problems if trains or problem.where not in OF_LINES]
    problems += concerns(config, sizes, jobs, disk_mb=table["disk_mb"].sum())
    return "\n".join([*paragraphs, *_problems(problems)])


def _species(config: dict[str, Any]) -> list[str]:
    """Return the numbers of genes mapped from other species, for the studies that are there."""
    rows = [studies.mapped_genes(config, name) for name in studies.used_by(config, "any")]
    found = [f"  - {sentence(row, config['species'])}" for row in rows if row]
    return ["Genes of other species:", *found, ""] if found else []


def _intervals(config: dict[str, Any], jobs: Sequence[Job]) -> list[str]:
    """Return that pseudotime gets no intervals, if they are wanted and its distance cannot give them."""
    settings = LandscapeSettings.of(config["landscape"])
    wanted = settings.pseudotime_draws > 0 and any(job.rule == "place_clusters" for job in jobs)
    if not wanted or settings.distance == CORRECTED:
        return []
    return [
        f"Pseudotime gets no intervals with landscape.distance: {settings.distance}: they need {CORRECTED}.",
        "",
    ]


def _has_lines(config: dict[str, Any]) -> bool:
    names = studies.used_by(config, "sivae")
    return any(config["sivae"]["line"] in studies.study(config, name)["obs"] for name in names)


def show(snakefile: Path, config: dict[str, Any], on_demand: Sequence[str], log: str | Path) -> None:
    """Write :func:`text` to the terminal and to a file.

    Parameters
    ----------
    snakefile, config, on_demand
        As in :func:`text`.
    log
        File to write.
    """
    report = text(snakefile, config, on_demand) + "\n"
    Path(log).write_text(report, encoding="utf-8")
    sys.stdout.write(report)


def stages(jobs: Sequence[Job], sizes: Mapping[str, Size], config: dict[str, Any]) -> pd.DataFrame:
    """Return the resource requests per stage, in the order of the jobs.

    Parameters
    ----------
    jobs
        The planned jobs.
    sizes
        Sizes of the studies by id.
    config
        The complete configuration.

    Returns
    -------
    Columns `stage`, `jobs`, `gpu_jobs`, `threads` (maximum of a job), `memory_mb`, `asked_minutes` (maximum
    request of a job), `likely_minutes` (all jobs, one after the other) and `disk_mb`.
    """
    rows = []
    for job in jobs:
        read = _read(job, sizes, config)
        known = job.rule in resources.FORMULAS
        likely = expected_seconds(job.rule, read, config) / 60 if known else job.runtime
        space = disk_mb(job.rule, read, config)
        rows.append((job.stage, job.gpus > 0, job.threads, job.mem_mb, job.runtime, likely, space))
    columns = ["stage", "gpu", "threads", "memory_mb", "asked_minutes", "likely_minutes", "disk_mb"]
    table = pd.DataFrame(rows, columns=columns)
    return (
        table.groupby("stage", sort=False)
        .agg(
            jobs=("stage", "size"),
            gpu_jobs=("gpu", "sum"),
            threads=("threads", "max"),
            memory_mb=("memory_mb", "max"),
            asked_minutes=("asked_minutes", "max"),
            likely_minutes=("likely_minutes", "sum"),
            disk_mb=("disk_mb", "sum"),
        )
        .reset_index()
    )


def _read(job: Job, sizes: Mapping[str, Size], config: dict[str, Any]) -> list[Size]:
    """Return the sizes of a job's input: its study or sample, or all studies of its stage."""
    named = [value for value in job.wildcards.values() if value in sizes]
    if "sample" in job.wildcards:
        names = named or studies.used_by(config, "metacells")
        return [studies.paired_size(config, name) for name in names]
    use = "annotation" if job.rule == "annotate_studies" else USED.get(job.stage, "landscape")
    return [sizes[name] for name in named[:1] or studies.used_by(config, use)]


def _studies(sizes: Mapping[str, Size]) -> str:
    cells = sum(size.cells for size in sizes.values())
    values = sum(size.values for size in sizes.values())
    return f"{len(sizes)} studies, {cells:,} cells, {values:,} stored counts before quality control"


def _format(table: pd.DataFrame, total: bool = True) -> str:
    shown = pd.DataFrame(
        {
            "stage": table["stage"],
            "jobs": table["jobs"].astype(str),
            "on a GPU": table["gpu_jobs"].astype(str).replace("0", "-"),
            "threads": table["threads"].astype(str),
            "largest job": table["memory_mb"].map(lambda value: f"{value / 1000:.1f} GB"),
            "asks for": table["asked_minutes"].map(_duration),
            "likely, all jobs": table["likely_minutes"].map(_duration),
            "disk": table["disk_mb"].map(lambda value: f"{value:,.0f} MB"),
        }
    )
    if total:
        shown.loc[len(shown)] = [
            "in all",
            str(table["jobs"].sum()),
            str(table["gpu_jobs"].sum()) if table["gpu_jobs"].any() else "-",
            "",
            f"{table['memory_mb'].max() / 1000:.1f} GB",
            _duration(table["asked_minutes"].max()),
            _duration(table["likely_minutes"].sum()),
            f"{table['disk_mb'].sum():,.0f} MB",
        ]
    rows = [list(shown.columns), *shown.to_numpy().tolist()]
    width = [max(len(row[at]) for row in rows) for at in range(shown.shape[1])]
    return "\n".join(
        "  ".join(cell.ljust(size) if at == 0 else cell.rjust(size)
                  for at, (cell, size) in enumerate(zip(row, width, strict=True)))
        for row in rows
    )  # fmt: skip


def _duration(minutes: float) -> str:
    if minutes < 90:
        return f"{max(minutes, 1):.0f} min"
    return f"{minutes / 60:.1f} h"


def _problems(problems: Sequence[Problem]) -> list[str]:
    if not problems:
        return ["No problems expected."]
    return ["Expected problems:", *(f"  - {problem}" for problem in problems)]
