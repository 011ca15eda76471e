"""One table of speed: this version against another one and against plain ways, and how time grows.

Runs the benchmarks of single stages at 1, 4 and 16 times --cells and at 1000, 2000 and 4000 genes, each in a
process of its own, one thread, and prints CPU seconds of this version, of another version (the last tagged
commit, or --against), of the plain way that the benchmark compares with (scanpy, scikit-learn, or the method
as its equations read; brisc in an environment of its own, --brisc), both ratios, and slopes: the exponent of
the growth of the CPU time from the smallest size to the largest. What is missing is told below the table. The
table is Markdown; the last line is one JSON object.

    python benchmarks/suite.py --cells 1000            # or: make bench
    python benchmarks/suite.py --only panclust --against 1a2b3c4
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCALES, GENES, USUAL = (1, 4, 16), (1000, 2000, 4000), 2000


@dataclass(frozen=True)
class Case:
    """A benchmark: its script and options, and where its result has the seconds.

    `brisc` cases are given --brisc, and are not run for the other version. `cells` and `genes` are the names
    of the options of size; `ours` and `plain` the path of the seconds in the JSON object; `peer` the module
    that the plain way needs, `what` what it is.
    """

    script: str
    options: tuple[str, ...]
    ours: str
    plain: str = ""
    peer: str = ""
    what: str = ""
    cells: str = "--cells"
    genes: str = "--genes"
    brisc: bool = False


CASES = {
    "panclust": Case(
        "panclust_speed.py", (), "ours.cpu_s", "plain.cpu_s", "scanpy", "scanpy, igraph per resolution"
    ),
    "panclust beside brisc": Case(
        "panclust_speed.py",
        ("--against", "brisc"),
        "ours.cpu_s",
        "brisc.cpu_s",
        what="brisc, last levels only",
        brisc=True,
    ),
    "correlations, Pearson": Case(
        "coexpression_speed.py",
        ("--baseline-every", "4"),
        "pearson.cpu_s",
        "pearson.plain_cpu_s",
        "",
        "numpy",
    ),
    "correlations, Spearman": Case(
        "coexpression_speed.py",
        ("--baseline-every", "4"),
        "spearman.cpu_s",
        "spearman.plain_cpu_s",
        "",
        "scipy",
    ),
    "dictionary": Case(
        "dictionary_speed.py",
        ("--panclusters", "300", "--iterations", "20"),
        "cpu_s",
        "cpu_s_scikit_learn",
        "sklearn",
        "scikit-learn's dictionary",
        cells="--pairs",
        genes="",
    ),
    "metacells": Case(
        "metacells_scale.py", (), "cpu_s", "kmeans_cpu_s", "", "k-means of the metacells", genes=""
    ),
    "siVAE, epoch": Case(
        "sivae_speed.py",
        ("--steps", "12", "--plain-steps", "3"),
        "ours.epoch_seconds",
        "other.epoch_seconds",
        "",
        "the model as its equations read",
    ),
    "COEM, epoch": Case("coem_training.py", ("--peaks", "10000", "--epochs", "1"), "seconds_per_epoch"),
}
PEERS = ("scanpy", "sklearn", "scranpy", "SEACells", "metaq", "hdwgcna")


def value(result: dict[str, Any], path: str) -> float:
    """Return a number of a JSON object.

    >>> value({"ours": {"cpu_s": 2.0}}, "ours.cpu_s")
    2.0
    """
    for name in path.split("."):
        result = result[name]
    return float(result)  # type: ignore[arg-type]


def run(root: Path, case: Case, cells: int, genes: int) -> dict[str, Any] | str:
    """Return what a benchmark of a version prints, or why it printed nothing."""
    sizes = [case.cells, str(cells), *([case.genes, str(genes)] if case.genes else [])]
    command = [sys.executable, str(root / "benchmarks" / case.script), *case.options, *sizes]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **threads}, cwd=root, check=False
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    return json.loads(done.stdout.splitlines()[-1])


def slope(seconds: dict[int, float]) -> float:
    """Return the exponent of the growth between the smallest and the largest size.

    >>> slope({1: 1.0, 4: 5.0, 16: 16.0})
    1.0
    """
    small, large = min(seconds), max(seconds)
    return math.log(seconds[large] / max(seconds[small], 1e-3)) / math.log(large / small)


def exported(commit: str, folder: Path) -> Path:
    """Write the library and benchmarks of a commit to a folder."""
    archive = subprocess.run(
        ["git", "archive", commit, "workflow", "benchmarks"], cwd=ROOT, capture_output=True, check=True
    )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def last_tag() -> str | None:
    """Return the last tag, if there is one."""
    found = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None


def row(name: str, case: Case, base: int, other: Path | None, told: list[str]) -> dict[str, Any]:
    """Measure a stage at all sizes."""
    by_cells: dict[int, float] = {}
    result: dict[str, Any] = {"stage": name, "plain_way": case.what}
    for scale in SCALES:
        found = run(ROOT, case, base * scale, USUAL)
        if isinstance(found, str):
            told.append(f"{name} at {base * scale}: {found}")
            break
        by_cells[base * scale] = value(found, case.ours)
        if scale == SCALES[1]:
            result |= {"size": base * scale, "cpu_s": value(found, case.ours)}
            if case.plain:
                result["plain_cpu_s"] = value(found, case.plain)
    if len(by_cells) == len(SCALES):
        result["slope_cells"] = slope(by_cells)
    by_genes = {}
    for genes in GENES if case.genes else ():
        found = run(ROOT, case, base * SCALES[1], genes)
        if isinstance(found, str):
            told.append(f"{name} with {genes} genes: {found}")
            break
        by_genes[genes] = value(found, case.ours)
    if len(by_genes) == len(GENES):
        result["slope_genes"] = slope(by_genes)
    if other is not None and "cpu_s" in result and not case.brisc:
        found = run(other, case, base * SCALES[1], USUAL)
        if isinstance(found, str):
            told.append(f"{name}, other version: {found}")
        else:
            result["other_cpu_s"] = value(found, case.ours)
    print(result, file=sys.stderr, flush=True)
    return result


def table(rows: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    lines = [
        "| stage | size | CPU s | other version | ratio | plain way | CPU s | ratio | slope | in genes |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]

    def shown(value: float | None, form: str = ".2f") -> str:
        return "" if value is None else format(value, form)

    for one in rows:
        ours, other, plain = one.get("cpu_s"), one.get("other_cpu_s"), one.get("plain_cpu_s")
        cells = [
            one["stage"], shown(one.get("size"), "d"), shown(ours), shown(other),
            shown(other / ours if other and ours else None), one["plain_way"], shown(plain),
            shown(plain / ours if plain and ours else None),
            shown(one.get("slope_cells")), shown(one.get("slope_genes")),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=1000, help="smallest size")
    parser.add_argument("--only", nargs="+", choices=list(CASES), help="these stages")
    parser.add_argument("--brisc", help="interpreter of an environment with brisc")
    parser.add_argument("--against", help="a commit or tag; by default the last tag")
    given = parser.parse_args()
    told = [f"not installed: {peer}" for peer in PEERS if importlib.util.find_spec(peer) is None]
    commit = given.against or last_tag()
    if commit is None:
        told.append("no other version: the repository has no tag; name a commit with --against")
    with tempfile.TemporaryDirectory() as folder:
        other = exported(commit, Path(folder)) if commit else None
        rows = []
        for name in given.only or CASES:
            case = CASES[name]
            if case.peer and importlib.util.find_spec(case.peer) is None:
                told.append(f"{name}: left out, {case.peer} is not installed")
                continue
            if case.brisc and not given.brisc:
                told.append(f"{name}: left out, no --brisc")
                continue
            if case.brisc:
                case = replace(case, options=(*case.options, "--brisc", str(Path(given.brisc).absolute())))
            rows.append(row(name, case, given.cells, other, told))
    print(table(rows))
    print("\n" + "\n".join(f"- {line}" for line in told))
    print(json.dumps({"cells": given.cells, "against": commit, "rows": rows, "told": told}))


if __name__ == "__main__":
    main()
