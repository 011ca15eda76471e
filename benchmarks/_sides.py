"""One side of a benchmark in a process of its own, from start to end, as a job of a workflow pays for it."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time

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
