"""Problems to expect in a run with a valid configuration."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from panscape.config import studies as inputs
from panscape.data.size import Size, total
from panscape.errors import Problem, UserError
from panscape.pipeline import estimates
from panscape.pipeline.preflight.jobs import Job


def concerns(
    config: dict[str, Any],
    sizes: dict[str, Size],
    jobs: Sequence[Job],
    *,
    disk_mb: float = 0.0,
    machine_mb: float | None = None,
    free_mb: float | None = None,
) -> list[Problem]:
    """Return the problems to expect with these studies.

    Parameters
    ----------
    config
        The complete configuration.
    sizes
        Sizes of the studies by id, before quality control.
    jobs
        The planned jobs.
    disk_mb
        Expected disk space of their output.
    machine_mb, free_mb
        Memory of this machine and free space in this folder; measured by default.
    """
    return [
        *_studies(config, sizes),
        *_quality(config),
        *_dictionary(config, sizes),
        *_metacells(config, sizes),
        *_machine(jobs, disk_mb, machine_mb, free_mb),
    ]


def _studies(config: dict[str, Any], sizes: dict[str, Size]) -> Iterator[Problem]:
    for name in inputs.used_by(config, "landscape"):
        cells = sizes[name].cells
        least = estimates.min_cells(replace(sizes[name], study=name), config)
        if cells < 3 * least:
            what = f"has {cells} cells before quality control, a pancluster at least {least}: few are kept"
            advice = f"lower panclust.min_cells of the study (e.g. {max(cells // 10, 2)})"
            yield Problem(f"study {name!r}", what, advice)


def _quality(config: dict[str, Any]) -> Iterator[Problem]:
    """Yield studies and lines that are expected to lose more than half of their cells to quality control."""
    from panscape.config.qc_forecast import expected_losses

    for name in inputs.used_by(config, "any"):
        if not inputs.study(config, name).get("metacells"):
            yield from expected_losses(config, name)


def _dictionary(config: dict[str, Any], sizes: dict[str, Size]) -> Iterator[Problem]:
    """Yield dictionaries with too many entries for the expected number of panclusters."""
    settings = config.get("dictionary")
    studies = [sizes[name] for name in inputs.used_by(config, "landscape")]
    if not settings or not studies:
        return
    clusters = int(estimates.panclusters(total(studies), config))
    key, most = ("k_range", settings["k_range"][1]) if settings["k"] == "auto" else ("k", settings["k"])
    if most * 2 > clusters:
        what = f"up to {most} entries for at most about {clusters} panclusters: K is too large"
        fix = f"write at most {max(clusters // 4, 2)}, or lower panclust.min_cells for more panclusters"
        yield Problem(f"dictionary.{key}", what, fix)


def _metacells(config: dict[str, Any], sizes: dict[str, Size]) -> Iterator[Problem]:
    """Yield samples with too few cells for the requested metacells, before quality control."""
    from panscape.coem.metacells.group import number_of_metacells

    settings = config["metacells"]
    names = inputs.used_by(config, "metacells")
    samples = {"pooled": names} if names and settings["pool"] else {name: [name] for name in names}
    asked = settings["k"] if isinstance(settings["k"], int) else None
    for sample, members in samples.items():
        cells = sum(sizes[name].cells for name in members)
        try:
            number_of_metacells(cells, asked, settings["cells_per_metacell"])
        except UserError as error:
            yield from (
                Problem(problem.where, f"{sample}: {problem.what}", problem.fix) for problem in error.problems
            )


def _machine(
    jobs: Sequence[Job], disk_mb: float, machine_mb: float | None, free_mb: float | None
) -> Iterator[Problem]:
    """Yield jobs that exceed the memory of this machine, and output that exceeds its disk."""
    if machine_mb is None:
        machine_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
    if free_mb is None:
        free_mb = shutil.disk_usage(".").free / 1e6
    large = [job for job in jobs if job.mem_mb > machine_mb]
    if large:
        most = max(large, key=lambda job: job.mem_mb)
        what = f"{len(large)} jobs request more memory than this machine has ({machine_mb / 1000:.0f} GB): "
        what += f"{most.rule} {most.mem_mb / 1000:.0f} GB"
        yield Problem("memory", what, "run on a cluster with larger nodes, or raise panclust.min_cells")
    if disk_mb > free_mb:
        what = f"about {disk_mb / 1000:.1f} GB will be written, {free_mb / 1000:.1f} GB are free here"
        yield Problem("disk", what, "run in another folder: snakemake --directory")
