"""Run the numerical unit tests with the arithmetic of other processors (`make test-kernels`).

OpenBLAS, which numpy and scipy compute with, has kernels for each kind of processor. They round in another
order, so a method that hangs on rounding fails on some machines only. Two kernels other than this processor's
are tried side by side; those that it cannot run are named and left out.

    python tests/kernels.py [kernel ...]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
KERNELS = ("Haswell", "SkylakeX", "Nehalem", "Sandybridge", "NEOVERSEN1", "CORTEXA57")
WANTED = 2
FOLDERS = (
    "stats",
    "panclust",
    "coexpression",
    "landscape",
    "dictionary",
    "metacells",
    "networks",
    "features",
    "sivae",
    "coem",
    "unicoord",
)
# a product, eigenvectors and singular vectors by both libraries, so that a missing instruction shows
PROBE = """
import numpy, scipy.linalg, threadpoolctl
x = numpy.random.default_rng(0).standard_normal((200, 150))
for linalg in (numpy.linalg, scipy.linalg):
    linalg.eigh(x.T @ x), linalg.svd(x), linalg.svd(x.astype("f"))
pools = threadpoolctl.threadpool_info()
print(*{pool["architecture"] for pool in pools if pool["internal_api"] == "openblas"})
"""


def environment(kernel: str | None) -> dict[str, str]:
    """Return the environment in which OpenBLAS takes a kernel (None: the one that it chooses)."""
    own = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    return own | {"OMP_NUM_THREADS": "1"} | ({"OPENBLAS_CORETYPE": kernel} if kernel else {})


def probe(kernel: str | None) -> tuple[str, str]:
    """Return the kernel that is used when one is asked for, and why that fails ("" if it does not)."""
    run = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment(kernel), capture_output=True, text=True
    )
    if run.returncode < 0:
        return "", f"the processor cannot run it (signal {-run.returncode})"
    if run.returncode:
        return "", run.stderr.strip().splitlines()[-1]
    used = run.stdout.strip()
    if kernel and used.lower() != kernel.lower():
        return (
            used,
            f"not in this build of OpenBLAS, or not for this processor ({used or 'no OpenBLAS'} was used)",
        )
    return used, ""


def usable(asked: list[str]) -> list[str]:
    """Return the kernels to run, two by default, and say which ones are left out and why."""
    native, why = probe(None)
    print(f"kernels: this processor's own is {native or why or 'not OpenBLAS'}", flush=True)
    chosen: list[str] = []
    for kernel in asked or KERNELS:
        if not asked and (kernel.lower() == native.lower() or len(chosen) == WANTED):
            continue
        _, why = probe(kernel)
        if why:
            print(f"kernels: SKIPPED {kernel}: {why}", flush=True)
        else:
            chosen.append(kernel)
    return chosen


def main(asked: list[str]) -> int:
    """Run the tests under each kernel, all at the same time, and return the number of kernels that fail."""
    chosen = usable(asked)
    if not chosen:
        print("kernels: NOTHING WAS TESTED: no other kernel runs here", flush=True)
        return int(bool(asked))
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
    command += [f"tests/unit/{folder}" for folder in FOLDERS]
    begun, runs = time.monotonic(), {}
    with tempfile.TemporaryDirectory() as folder:
        for kernel in chosen:
            with open(Path(folder) / kernel, "w") as log:
                runs[kernel] = subprocess.Popen(
                    command, cwd=ROOT, env=environment(kernel), stdout=log, stderr=subprocess.STDOUT
                )
        failed = 0
        for kernel, run in runs.items():
            bad = run.wait() != 0
            failed += bad
            lines = (Path(folder) / kernel).read_text().strip().splitlines()
            print(*(lines if bad else lines[-1:]), sep="\n")
            print(f"kernels: {kernel} {'FAILED' if bad else 'passed'} after {time.monotonic() - begun:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
