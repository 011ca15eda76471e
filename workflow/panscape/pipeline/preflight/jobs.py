"""Planned jobs of a run, parsed from Snakemake's dry run."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from panscape.data.temporary import temporary_space
from panscape.errors import fail

HEAD = re.compile(r"^(local)?(?:rule|checkpoint) (\w+):$", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """One job of a run.

    Parameters
    ----------
    rule
        Name of the rule.
    stage
        Stage, as in the folders of results and logs.
    wildcards
        E.g. ``{"collection": "demo", "study": "early"}``.
    threads
        Number of threads.
    mem_mb
        Memory request of the first attempt (MB).
    runtime
        Time request of the first attempt (minutes).
    gpus
        Number of GPUs.
    """

    rule: str
    stage: str
    wildcards: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    mem_mb: int = 0
    runtime: int = 0
    gpus: int = 0


def plan(snakefile: Path, config: Mapping[str, Any], targets: Iterable[str] = ()) -> list[Job]:
    """Return the jobs that are missing for `targets` in the working directory.

    Parameters
    ----------
    snakefile
        The workflow.
    config
        The complete configuration of the collection.
    targets
        Names of rules or files; by default those of the workflow.

    Raises
    ------
    UserError
        If the dry run fails; the message includes the end of its output.
    """
    with temporary_space(), tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(dict(config), file)
        file.flush()
        # no profile: it could submit to a cluster, redirect the output or print less
        options = [
            "--dry-run",
            "--nolock",
            "--nocolor",
            "--cores",
            "1000",
            "--profile",
            "none",
            "--configfile",
            file.name,
        ]
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), *targets, *options]
        run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        ending = "\n".join((run.stdout + run.stderr).strip().splitlines()[-8:])
        raise fail(" ".join(targets) or "all", f"the dry run failed:\n{ending}", "see the message")
    return parse(run.stdout + run.stderr)


def parse(text: str) -> list[Job]:
    """Return the jobs in the output of a dry run, without those that have no log (targets)."""
    jobs = []
    places = [*HEAD.finditer(text)]
    # absent if nothing is to be done
    ends = [*(match.start() for match in places[1:]), len(text)][: len(places)]
    for match, end in zip(places, ends, strict=True):
        fields = dict(re.findall(r"^    (\w+): (.*)$", text[match.end() : end], re.MULTILINE))
        log = fields.get("log", "").split("/")
        if len(log) < 4:
            continue
        asked = _pairs(fields.get("resources", ""))
        jobs.append(
            Job(
                rule=match[2],
                stage=log[2],
                wildcards=_pairs(fields.get("wildcards", "")),
                threads=int(fields.get("threads", 1)),
                mem_mb=int(asked.get("mem_mb", 0)),
                runtime=int(asked.get("runtime", 0)),
                gpus=int(asked.get("gpu", 0)),
            )
        )
    return jobs


def _pairs(text: str) -> dict[str, str]:
    return dict(item.split("=", 1) for item in text.split(", ") if "=" in item)
