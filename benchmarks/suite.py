"""One table of speed: this version against another one and against peers, and how time grows.

Runs the benchmarks of single stages at 1, 4 and 16 times --cells and at 1000, 2000 and 4000 genes, each in
a process of its own, one thread, and prints CPU seconds of this version, of another version (the last
tagged commit, or --against), of the peer that the benchmark compares with (the library that one would use
instead, or the method as its equations read), both ratios, and slopes: the exponent of the growth of the
CPU time from the smallest size to the largest. Peers that panscape does not need itself are in an
environment of their own (--peers, made from benchmarks/requirements-peers.txt). What is missing is told
below the table. The table is Markdown; the last line is one JSON object.

    python benchmarks/suite.py --cells 1000            # or: make bench
    python benchmarks/suite.py --only panclust --against 1a2b3c4
"""

from __future__ import annotations

import argparse
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

    `cells` and `genes` are the names of the options of size, `sizes` what `cells` is given instead of
    multiples of the number of cells; `ours`, `plain` and `peak` the paths of the seconds and megabytes in
    the JSON object; `what` is the peer. `compare` are the options with which the peer runs too, `alone`
    those without it, for the sizes that only show the growth. `peers` are the options that name the
    interpreter of the peers, if the peer is one of them; such cases are not run for the other version.
    """

    script: str
    ours: str
    compare: tuple[str, ...] = ()
    alone: tuple[str, ...] | None = None
    plain: str = ""
    peak: str = ""
    what: str = ""
    cells: str = "--cells"
    genes: str = "--genes"
    sizes: tuple[int, ...] = ()
    peers: tuple[str, ...] = ()


def beside(script: str, peer: str, side: str = "", *, apart: bool = True) -> Case:
    """Return the case of a script that runs each side in a process of its own."""
    side = side or peer
    return Case(
        script,
        "ours.cpu_s",
        ("--against", side),
        ("--against",),
        f"{side}.cpu_s",
        "ours.peak_mb",
        peer,
        peers=("--peers", "{}") if apart else (),
    )


def correlations(method: str, library: str) -> Case:
    """Return the case of the correlations of one kind."""
    return Case(
        "coexpression_speed.py",
        f"{method}.cpu_s",
        ("--baseline-every", "4"),
        ("--baseline-every", "0"),
        f"{method}.plain_cpu_s",
        what=library,
    )


CASES = {
    "quality control beside scanpy": beside("preprocess_speed.py", "scanpy", apart=False),
    "quality control beside scranpy": beside("preprocess_speed.py", "scranpy"),
    "panclust beside scanpy": beside(
        "panclust_speed.py", "scanpy, igraph per resolution", "plain", apart=False
    ),
    "panclust beside brisc": beside("panclust_speed.py", "brisc, last levels only", "brisc"),
    "panclust beside scranpy": beside("panclust_speed.py", "scranpy, last levels only", "scranpy"),
    "correlations, Pearson": correlations("pearson", "numpy"),
    "correlations, Spearman": correlations("spearman", "scipy"),
    "networks beside py-hdwgcna": beside("network_speed.py", "py-hdwgcna, one network", "hdwgcna"),
    "landscape": Case(
        "landscape_scale.py",
        "build_cpu_s",
        ("--scores", "20000"),
        peak="build_peak_mb",
        cells="--clusters",
        genes="",
        sizes=(150, 600, 2400),
    ),
    "dictionary": Case(
        "dictionary_speed.py",
        "cpu_s",
        ("--panclusters", "300", "--iterations", "20"),
        plain="cpu_s_scikit_learn",
        what="scikit-learn's dictionary",
        cells="--pairs",
        genes="",
    ),
    "metacells": Case(
        "metacells_scale.py", "cpu_s", plain="kmeans_cpu_s", what="k-means of the metacells", genes=""
    ),
    "metacells beside SEACells": Case(
        "metacells_peers.py",
        "cpu_s.pca",
        ("--k", "50", "--seeds", "0", "--methods", "pca", "seacells"),
        ("--k", "50", "--seeds", "0", "--methods", "pca"),
        "cpu_s.seacells",
        what="SEACells, of the same components",
        genes="",
        peers=("--python", "seacells={}"),
    ),
    "siVAE, epoch": Case(
        "sivae_speed.py",
        "ours.epoch_seconds",
        ("--steps", "12", "--plain-steps", "3"),
        ("--steps", "12", "--only", "ours"),
        "other.epoch_seconds",
        what="the model as its equations read",
    ),
    "COEM, epoch": Case("coem_training.py", "seconds_per_epoch", ("--peaks", "10000", "--epochs", "4")),
    "UniCoord, training": Case("unicoord_simulation.py", "cpu_s"),
}


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
    options = case.compare if compare or case.alone is None else case.alone
    return run(root, case.script, (*sizes, *options))


def slope(seconds: dict[int, float]) -> float:
    """Return the exponent of the growth between the smallest and the largest size.

    >>> slope({1: 1.0, 4: 5.0, 16: 16.0})
    1.0
    """
    small, large = min(seconds), max(seconds)
    return math.log(max(seconds[large], 1e-3) / max(seconds[small], 1e-3)) / math.log(large / small)


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
    sizes = case.sizes or tuple(base * scale for scale in SCALES)
    small, middle, _ = sizes
    result: dict[str, Any] = {"stage": name, "peer": case.what, "size": middle}
    for version in filter(None, (ROOT, other)):  # machine code is compiled once per installation
        measure(version, case, small, USUAL, compare=version == ROOT)
    full = measure(ROOT, case, middle, USUAL, compare=True)
    if isinstance(full, str):
        told.append(f"{name}: {full}")
        return result
    result["cpu_s"] = value(full, case.ours)
    if case.plain:
        result["peer_cpu_s"] = value(full, case.plain)
    if other is not None and not case.peers:  # next in time, so that the load of the machine is the same
        found = measure(other, case, middle, USUAL, compare=True)
        if isinstance(found, str):
            told.append(f"{name}, other version: {found}")
        else:
            result["other_cpu_s"] = value(found, case.ours)
    grown = [("cells", [(size, size, USUAL) for size in sizes])]
    if case.genes:
        grown.append(("genes", [(genes, middle, genes) for genes in GENES]))
    for what, given in grown:
        seconds, peaks = {}, {}
        for size, cells, genes in given:
            known = (cells, genes) == (middle, USUAL)
            found = full if known else measure(ROOT, case, cells, genes)
            if isinstance(found, str):
                told.append(f"{name}, {size} {what}: {found}")
                break
            seconds[size] = value(found, case.ours)
            if case.peak:
                peaks[size] = value(found, case.peak)
        result[f"by_{what}"] = seconds
        if peaks:
            result[f"peak_by_{what}"] = peaks
        if len(seconds) == len(given):
            result[f"slope_{what}"] = slope(seconds)
    print(result, file=sys.stderr, flush=True)
    return result


def table(rows: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    lines = [
        "| stage | size | CPU s | other version | ratio | peer | CPU s | ratio | CPU s at 1, 4, 16 times "
        "| slope | MB | with 1000, 2000, 4000 genes | slope |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]

    def shown(value: float | None, form: str = ".2f") -> str:
        return "" if value is None else format(value, form)

    def grown(seconds: dict[int, float] | None, form: str = ".2f") -> str:
        return ", ".join(shown(one, form) for one in (seconds or {}).values())

    for one in rows:
        ours, other, peer = one.get("cpu_s"), one.get("other_cpu_s"), one.get("peer_cpu_s")
        cells = [
            one["stage"], shown(one.get("size"), "d"), shown(ours), shown(other),
            shown(other / ours if other and ours else None), one["peer"], shown(peer),
            shown(peer / ours if peer and ours else None),
            grown(one.get("by_cells")), shown(one.get("slope_cells")),
            grown(one.get("peak_by_cells"), ".0f"),
            grown(one.get("by_genes")), shown(one.get("slope_genes")),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=1000, help="smallest size")
    parser.add_argument("--only", nargs="+", choices=list(CASES), help="these stages")
    parser.add_argument("--peers", help="interpreter of an environment with the peers")
    parser.add_argument("--against", help="a commit or tag; by default the last tag")
    given = parser.parse_args()
    told: list[str] = []
    commit = given.against or last_tag()
    if commit is None:
        told.append("no other version: the repository has no tag; name a commit with --against")
    with tempfile.TemporaryDirectory() as folder:
        other = exported(commit, Path(folder)) if commit else None
        rows = []
        for name in given.only or CASES:
            case = CASES[name]
            if case.peers:
                if not given.peers:
                    told.append(f"{name}: left out, no --peers")
                    continue
                python = str(Path(given.peers).absolute())
                options = tuple(option.format(python) for option in case.peers)
                case = replace(case, compare=(*case.compare, *options))
            rows.append(row(name, case, given.cells, other, told))
    print(table(rows))
    print("\n" + "\n".join(f"- {line}" for line in told))
    print(json.dumps({"cells": given.cells, "against": commit, "rows": rows, "told": told}))


if __name__ == "__main__":
    main()
