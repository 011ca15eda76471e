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
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCALES, GENES, USUAL = (1, 4, 16), (1000, 2000, 4000), 2000


@dataclass(frozen=True)
class Case:
    """A benchmark: its script and options, and where its result has the seconds.

    `brisc` cases are given --brisc, and are not run for the other version. `cells` and `genes` are the names
    of the options of size; `ours`, `plain` and `peak` the paths of the seconds and megabytes in the JSON
    object; `peer` the module that the plain way needs, `what` what it is. `compare` are the options with
    which the plain way runs too, `alone` those without it, for the sizes that only show the growth.
    """

    script: str
    compare: tuple[str, ...]
    ours: str
    plain: str = ""
    alone: tuple[str, ...] | None = None
    peak: str = ""
    peer: str = ""
    what: str = ""
    cells: str = "--cells"
    genes: str = "--genes"
    brisc: bool = False


PANCLUST = {"ours": "ours.cpu_s", "peak": "ours.peak_mb", "alone": ("--against",)}
CORRELATIONS = {"compare": ("--baseline-every", "4"), "alone": ("--baseline-every", "0")}
CASES = {
    "panclust": Case(
        "panclust_speed.py",
        (),
        plain="plain.cpu_s",
        peer="scanpy",
        what="scanpy, igraph per resolution",
        **PANCLUST,
    ),
    "panclust beside brisc": Case(
        "panclust_speed.py",
        ("--against", "brisc"),
        plain="brisc.cpu_s",
        what="brisc, last levels only",
        brisc=True,
        **PANCLUST,
    ),
    "correlations, Pearson": Case(
        "coexpression_speed.py",
        ours="pearson.cpu_s",
        plain="pearson.plain_cpu_s",
        what="numpy",
        **CORRELATIONS,
    ),
    "correlations, Spearman": Case(
        "coexpression_speed.py",
        ours="spearman.cpu_s",
        plain="spearman.plain_cpu_s",
        what="scipy",
        **CORRELATIONS,
    ),
    "dictionary": Case(
        "dictionary_speed.py",
        ("--panclusters", "300", "--iterations", "20"),
        "cpu_s",
        "cpu_s_scikit_learn",
        peer="sklearn",
        what="scikit-learn's dictionary",
        cells="--pairs",
        genes="",
    ),
    "metacells": Case(
        "metacells_scale.py", (), "cpu_s", "kmeans_cpu_s", what="k-means of the metacells", genes=""
    ),
    "siVAE, epoch": Case(
        "sivae_speed.py",
        ("--steps", "12", "--plain-steps", "3"),
        "ours.epoch_seconds",
        "other.epoch_seconds",
        what="the model as its equations read",
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


@cache
def run(root: Path, script: str, options: tuple[str, ...]) -> dict[str, Any] | str:
    """Return what a benchmark of a version prints, or why it printed nothing; each command runs once."""
    command = [sys.executable, str(root / "benchmarks" / script), *options]
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, "1")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    return json.loads(done.stdout.splitlines()[-1])


def measure(root: Path, case: Case, cells: int, genes: int, *, compare: bool = False) -> dict[str, Any] | str:
    """Run a benchmark at a size, beside the plain way if `compare`."""
    sizes = (case.cells, str(cells), *((case.genes, str(genes)) if case.genes else ()))
    both = compare or case.alone is None
    options = case.compare if both or case.alone is None else case.alone
    return run(root, case.script, (*sizes, *options))


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
    result: dict[str, Any] = {"stage": name, "plain_way": case.what, "size": base * SCALES[1]}
    for version in filter(None, (ROOT, other)):  # machine code is compiled once per installation
        measure(version, case, base, USUAL)
    full = measure(ROOT, case, base * SCALES[1], USUAL, compare=True)
    if isinstance(full, str):
        told.append(f"{name}: {full}")
        return result
    result["cpu_s"] = value(full, case.ours)
    if case.plain:
        result["plain_cpu_s"] = value(full, case.plain)
    if other is not None and not case.brisc:  # next in time, so that the load of the machine is the same
        found = measure(other, case, base * SCALES[1], USUAL, compare=True)
        if isinstance(found, str):
            told.append(f"{name}, other version: {found}")
        else:
            result["other_cpu_s"] = value(found, case.ours)
    grown = [("cells", {base * scale: (base * scale, USUAL) for scale in SCALES})]
    if case.genes:
        grown.append(("genes", {genes: (base * SCALES[1], genes) for genes in GENES}))
    for what, sizes in grown:
        seconds, peaks = {}, {}
        for size, given in sizes.items():
            middle = given == (base * SCALES[1], USUAL)
            found = full if middle else measure(ROOT, case, *given)
            if isinstance(found, str):
                told.append(f"{name}, {size} {what}: {found}")
                break
            seconds[size] = value(found, case.ours)
            if case.peak:
                peaks[size] = value(found, case.peak)
        result[f"by_{what}"] = seconds
        if peaks:
            result[f"peak_by_{what}"] = peaks
        if len(seconds) == len(sizes):
            result[f"slope_{what}"] = slope(seconds)
    print(result, file=sys.stderr, flush=True)
    return result


def table(rows: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    lines = [
        "| stage | size | CPU s | other version | ratio | plain way | CPU s | ratio | CPU s at all sizes "
        "| slope | with genes | slope |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]

    def shown(value: float | None, form: str = ".2f") -> str:
        return "" if value is None else format(value, form)

    def grown(seconds: dict[int, float] | None) -> str:
        return ", ".join(shown(one) for one in (seconds or {}).values())

    for one in rows:
        ours, other, plain = one.get("cpu_s"), one.get("other_cpu_s"), one.get("plain_cpu_s")
        cells = [
            one["stage"], shown(one.get("size"), "d"), shown(ours), shown(other),
            shown(other / ours if other and ours else None), one["plain_way"], shown(plain),
            shown(plain / ours if plain and ours else None),
            grown(one.get("by_cells")), shown(one.get("slope_cells")),
            grown(one.get("by_genes")), shown(one.get("slope_genes")),
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
                brisc = ("--brisc", str(Path(given.brisc).absolute()))
                case = replace(case, compare=(*case.compare, *brisc))
            rows.append(row(name, case, given.cells, other, told))
    print(table(rows))
    print("\n" + "\n".join(f"- {line}" for line in told))
    print(json.dumps({"cells": given.cells, "against": commit, "rows": rows, "told": told}))


if __name__ == "__main__":
    main()
