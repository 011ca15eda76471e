"""Jobs that an edit of a source file would rerun, with the reasons."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from panscape.data.temporary import temporary_space
from panscape.errors import fail
from panscape.pipeline.preflight.jobs import Job, plan
from panscape.pipeline.provenance.closure import Code

SOURCES = ("workflow", "config", "envs")


def reaching(root: Path, file: Path, code: Code | None = None) -> dict[str, list[str]]:
    """Return the chain of modules from each script that reaches a file.

    Parameters
    ----------
    root
        Root folder of the workflow.
    file
        A script, a module of the library, or a data file next to the code.
    code
        Code of the library; read by default.

    Raises
    ------
    UserError
        If the file is none of these.
    """
    code = code or Code(root / "workflow/panscape")
    file = file.resolve()
    scripts = sorted((root / "workflow/scripts").glob("*.py"))
    if file in scripts:
        return {file.stem: []}
    module = next((name for name, path in code.paths.items() if path.resolve() == file), "")
    chains, known = {}, bool(module)
    for script in scripts:
        reached = code.reached(script)
        if module in reached.modules:
            chains[script.stem] = reached.chain(module)[1:]
        elif file in {path.resolve() for path in reached.data}:
            chains[script.stem], known = [], True
    if not known:
        raise fail(
            str(file),
            "is neither a script of the workflow nor part of its library",
            "name a file below workflow/scripts, workflow/panscape, workflow/schemas or workflow/report",
        )
    return chains


def _edited(root: Path, file: Path, config: Mapping[str, Any], folder: Path) -> list[Job]:
    """Return the jobs to rerun after a change of a file, by a dry run of a modified copy of the workflow."""
    for name in SOURCES:
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "Snakefile", folder)
    with open(folder / file.resolve().relative_to(root.resolve()), "a", encoding="utf-8") as handle:
        handle.write("\n_EDITED = True\n" if file.suffix == ".py" else "\n")
    return plan(folder / "Snakefile", config)


def why(root: Path, file: Path, config: Mapping[str, Any]) -> str:
    """Return a text on the jobs in the working directory that a change of a file would rerun.

    Parameters
    ----------
    root
        Root folder of the workflow.
    file
        See :func:`reaching`.
    config
        The complete configuration of the collection.
    """
    scripts = reaching(root, file)
    lines = [f"{file}: changes of comments, docstrings and annotations rerun nothing."]
    if not scripts:
        return f"{lines[0]}\nNo script reaches it: edits rerun nothing.\n"
    lines += ["", "Scripts that reach it:"]
    width = max(map(len, scripts))
    for script, chain in scripts.items():
        way = " <- ".join(name.removeprefix("panscape.") for name in reversed(chain)) or "itself"
        lines.append(f"  {script.ljust(width)}  {way}")
    with (
        temporary_space(),
        tempfile.TemporaryDirectory(prefix="panscape-why-") as folder,
        ThreadPoolExecutor(2) as threads,
    ):
        after = threads.submit(_edited, root, file, config, Path(folder))
        missing = Counter(job.rule for job in plan(root / "Snakefile", config))
        jobs = after.result()
    again = Counter(job.rule for job in jobs)
    again.subtract(missing)
    new = {rule: count for rule, count in again.items() if count > 0}
    lines += [
        "",
        f"A change of its behaviour reruns {sum(new.values())} finished jobs",
    ]
    lines[-1] += ":" if new else "."
    for rule, count in new.items():
        reason = "its code" if rule in scripts else "its input is rerun"
        lines.append(f"  {count:4d}  {rule}  ({reason})")
    if missing:
        lines.append(f"{sum(missing.values())} jobs are to be run in any case.")
    return "\n".join(lines) + "\n"
