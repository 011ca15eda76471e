"""Sides of a benchmark, each in a process of its own from start to end, as a job of a workflow pays for it.

A benchmark calls itself with --side for each of them; all read the same file of counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Side = Callable[[argparse.Namespace], dict[str, Any]]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def measure(
    script: str, options: list[str], *, python: str = sys.executable, threads: int = 1
) -> dict[str, float]:
    """Run a script and return its processor and wall seconds beside the JSON object of its last line."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    printed = subprocess.run(
        [python, script, *options],
        env={**os.environ, "MPLBACKEND": "agg", **dict.fromkeys(THREADS, str(threads))},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": round(cpu, 2), "wall_s": round(wall, 2), **json.loads(printed.splitlines()[-1])}


def peak_mb() -> int:
    """Return the largest memory of this process so far, without that of the process which started it."""
    with open("/proc/self/status") as status:
        return round(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024)


def parser(description: str, cells: int, genes: int, sides: Mapping[str, Side]) -> argparse.ArgumentParser:
    """Return the options that all such benchmarks have; the first side is ours, the next the usual peer."""
    _, *others = sides
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--cells", type=int, default=cells)
    options.add_argument("--genes", type=int, default=genes)
    options.add_argument("--density", type=float, default=0.1, help="share of counts that are not zero")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--against", nargs="*", choices=others, default=others[:1])
    options.add_argument("--peers", default=sys.executable, help="interpreter of an environment with peers")
    options.add_argument("--side", choices=list(sides), help="run one side (the script calls itself)")
    options.add_argument("--counts", type=Path, help="the file for --side")
    return options


def report(
    script: str,
    options: argparse.Namespace,
    sides: Mapping[str, Side],
    write: Callable[[Path, argparse.Namespace], None],
    *,
    apart: tuple[str, ...],
    passed: tuple[str, ...] = ("genes", "threads", "seed"),
) -> dict[str, Any] | None:
    """Return what the sides asked for took, or run one side, print its result and return None.

    Parameters
    ----------
    script
        Path of the benchmark.
    options
        Of :func:`parser`.
    sides
        Functions of the sides.
    write
        Writes the counts to a file.
    apart
        Sides that run in the environment of the peers.
    passed
        Options that the sides are given.
    """
    if options.side:
        result = sides[options.side](options)
        print(json.dumps({"peak_mb": peak_mb(), **result}))
        return None
    found: dict[str, Any] = {"benchmark": Path(script).stem}
    found |= {name: getattr(options, name) for name in ("cells", "genes", "density", "threads", "seed")}
    given = [f"--{name.replace('_', '-')}={getattr(options, name)}" for name in passed]
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts.h5ad"
        write(counts, options)
        for side in (next(iter(sides)), *options.against):
            python = options.peers if side in apart else sys.executable
            command = ["--side", side, "--counts", str(counts), *given]
            found[side] = measure(script, command, python=python, threads=options.threads)
    return found


def write_counts(path: Path, options: argparse.Namespace) -> None:
    """Write made-up counts of the size that is asked for."""
    import made_counts

    made_counts.write_counts(path, options.cells, options.genes, options.density, options.seed)
