"""What the benchmarks of the whole chain share: run the workflow, account for every job, print tables.

Two accounts are kept. Snakemake's benchmark files have every job's wall time, but sample its CPU time and
memory at intervals, which misses short jobs and short peaks. So every Python process started by the workflow
also leaves the kernel's own account when it ends: CPU time with its children's, and highest resident memory.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("simulate", "retrieve", "preprocess", "panclust", "coexpression", "landscape", "report")

# found and run by the interpreter of every job, because its folder is on PYTHONPATH
ACCOUNTANT = """
import atexit, os
def _account():
    import json, resource, sys
    cpu = [sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    with open("/proc/self/status") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
    record = {"argv": sys.argv[:1], "cpu_s": sum(cpu), "peak_mb": peak}
    with open(os.path.join(os.environ["PANSCAPE_ACCOUNT"], f"{os.getpid()}.json"), "w") as file:
        json.dump(record, file)
if "PANSCAPE_ACCOUNT" in os.environ:
    atexit.register(_account)
"""


@dataclass(frozen=True)
class Run:
    """One call of snakemake.

    Attributes
    ----------
    wall_s, cpu_s
        Of the whole call, the engine and every job included.
    records
        One row per script that ran: rule, cpu_s, peak_mb.
    """

    wall_s: float
    cpu_s: float
    records: pd.DataFrame


def settings_file(settings: dict, workdir: Path) -> Path:
    """Write a collection's YAML into the working folder and return its path."""
    workdir.mkdir(parents=True, exist_ok=True)
    path = workdir / f"{settings['collection']}.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    return path


def with_changes(settings: dict, changes: list[str]) -> dict:
    """Return settings with changes such as ``coexpression.cutoff=0.3`` (values are read as YAML)."""
    for change in changes:
        names, value = change.split("=", 1)
        *path, last = names.split(".")
        section = settings
        for name in path:
            section = section.setdefault(name, {})
        section[last] = yaml.safe_load(value)
    return settings


def forget(workdir: Path, collection: str) -> None:
    """Remove what an earlier run of the benchmark left, so that every job counts; drawn cells stay."""
    shutil.rmtree(workdir / "results" / collection, ignore_errors=True)
    for folder in (workdir / "benchmarks" / collection).glob("*"):
        if folder.name != "simulate":
            shutil.rmtree(folder)


def snakemake(
    targets: list[str],
    configfile: Path,
    workdir: Path,
    cores: int,
    extra: list[str],
    threads: int | None = None,
) -> Run:
    """Run the workflow up to its targets; the exit status of a failed run ends the benchmark.

    Snakemake itself limits the numerical libraries of a job to the rule's threads; `threads` limits every
    process, and numba's, which Snakemake does not know.
    """
    account = workdir / ".account"
    account.mkdir(parents=True, exist_ok=True)
    for old in account.glob("*.json"):
        old.unlink()
    (account / "sitecustomize.py").write_text(ACCOUNTANT)
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA") if threads else ()
    limits = {f"{name}_NUM_THREADS": str(threads) for name in names}
    path = os.pathsep.join(filter(None, [str(account), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(workdir), "--configfile", str(configfile), "--cores", str(cores)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [*command, "--show-failed-logs", "--rerun-incomplete", *extra],
        env={**os.environ, **limits, "PYTHONPATH": path, "PANSCAPE_ACCOUNT": str(account)},
        stdout=sys.stderr,
        check=False,
    )
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"snakemake ended with status {done.returncode}")
    return Run(wall, sum(after[:2]) - sum(before[:2]), _records(account))


def _records(account: Path) -> pd.DataFrame:
    rows = []
    for path in account.glob("*.json"):
        record = json.loads(path.read_text())
        script = Path((record["argv"] or [""])[0])
        # the engine copies a script to .snakemake/scripts/tmp<random>.<rule>.py and runs the copy
        if script.parent.name == "scripts" and script.name.startswith("tmp"):
            rows.append((script.name.split(".")[1], record["cpu_s"], record["peak_mb"]))
    return pd.DataFrame(rows, columns=["rule", "cpu_s", "peak_mb"])


def jobs(workdir: Path, collection: str, records: pd.DataFrame) -> pd.DataFrame:
    """Return a row per rule: stage, rule, jobs, wall_s, longest_s, cpu_s, peak_mb.

    ``peak_mb`` is the larger of the kernel's account of one process and the sampled sum over a job's
    processes; CPU time is sampled only where no process of a rule left an account (a shell rule).
    """
    folder = workdir / "benchmarks" / collection
    rows = []
    for path in sorted(folder.rglob("*.tsv")):
        outcome = pd.read_csv(path, sep="\t", na_values=["-", "NA"]).iloc[-1]
        stage = path.relative_to(folder).parts[0]
        rows.append((stage, path.stem, outcome["s"], outcome["cpu_time"], outcome["max_rss"]))
    table = pd.DataFrame(rows, columns=["stage", "rule", "s", "cpu_s", "peak_mb"])
    result = table.groupby(["stage", "rule"], sort=False).agg(
        jobs=("s", "size"),
        wall_s=("s", "sum"),
        longest_s=("s", "max"),
        cpu_s=("cpu_s", "sum"),
        peak_mb=("peak_mb", "max"),
    )
    result = result.reset_index()
    exact = records.groupby("rule").agg(cpu_s=("cpu_s", "sum"), peak_mb=("peak_mb", "max"))
    exact = exact.reindex(result["rule"]).reset_index(drop=True)
    result["cpu_s"] = exact["cpu_s"].fillna(result["cpu_s"])
    result["peak_mb"] = exact["peak_mb"].combine(result["peak_mb"], np.fmax)
    order = {stage: at for at, stage in enumerate(STAGES)}
    return result.sort_values("stage", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def sizes(workdir: Path, collection: str) -> pd.DataFrame:
    """Return a row per stage: files, megabytes of what it wrote, and what that holds in words."""
    base = workdir / "results" / collection
    folders = {"simulate": workdir / "resources" / collection, **{name: base / name for name in STAGES[2:]}}
    contents = {"preprocess": _cells, "panclust": _clusters, "coexpression": _pairs, "landscape": _landscape}
    rows = []
    for stage, folder in folders.items():
        files = [path for path in folder.rglob("*") if path.is_file()]
        if files:
            megabytes = sum(path.stat().st_size for path in files) / 1e6
            rows.append((stage, len(files), megabytes, contents.get(stage, lambda _: "")(folder)))
    return pd.DataFrame(rows, columns=["stage", "files", "mb", "holds"])


def _cells(folder: Path) -> str:
    from panscape.data.counts import Counts

    counts = [Counts(path) for path in sorted(folder.glob("*/counts.h5ad"))]
    genes = pd.read_csv(folder / "genes.tsv", sep="\t")
    cells, values = sum(item.shape[0] for item in counts), sum(item.nnz for item in counts)
    density = values / max(sum(item.shape[0] * item.shape[1] for item in counts), 1)
    chosen = int(genes["selected"].sum())
    return f"{cells} cells, {values} values (density {density:.3f}), {chosen} of {len(genes)} genes"


def _clusters(folder: Path) -> str:
    tables = [pd.read_csv(path, sep="\t") for path in sorted(folder.glob("*/clusters.tsv"))]
    counts, members = [len(table) for table in tables], sum(int(table["n_cells"].sum()) for table in tables)
    return f"{sum(counts)} clusters ({', '.join(map(str, counts))} per study), {members} memberships"


def _pairs(folder: Path) -> str:
    from panscape.data.files import read_csr

    matrices = [read_csr(path) for path in sorted(folder.glob("*/matrices.npz"))]
    columns = ", ".join(str(matrix.shape[1]) for matrix in matrices)
    return f"{sum(matrix.nnz for matrix in matrices)} correlations; pairs per study: {columns}"


def _landscape(folder: Path) -> str:
    import h5py

    with h5py.File(folder / "landscape.h5ad") as file:
        obs = file["obs"]
        return f"{len(obs[obs.attrs['_index']])} panclusters"


def show(table: pd.DataFrame) -> str:
    """Return a table as aligned text."""
    return table.to_string(index=False, float_format=lambda value: f"{value:.1f}")
