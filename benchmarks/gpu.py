"""The three models on a GPU: equal to the CPU, step time, how busy it is, waits of the host, memory.

Parts: `noise_is_equal` (random numbers of the device, bit for bit against the CPU); `parity` (small trainings
on both devices, with products in full precision and, as usual, in TF32; the largest difference of a loss term
at the first and last record, by the largest term) and whether it is `within_tolerance`; `same_wherever` (COEM
and UniCoord with their cells on the device and with batches sent ahead: equal to the bit); then trainings of
full size on the GPU: `sivae` (41 lines x 1000 cells x 2000 genes to the end), `coem` (3000 cells, 20,000
peaks) and `unicoord` (57,000 cells x 2000 genes, 4 epochs), each with the time of a step after the first 20,
`busy` (time of kernels by wall time, of one step), `waits` (operations of a step for which the host waits;
wanted: 0), peak memory, and the time of a step with products in full precision (`full_ms`) and with batches
sent ahead (`ahead_ms`). Parts that would begin after --limit seconds are left out and named. Without a GPU
only --small runs, on the CPU.

    python benchmarks/gpu.py            # at most 8 minutes on one card
    python benchmarks/gpu.py --small    # the same code on the CPU, about half a minute
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "benchmarks")]

from _unicoord import simulate  # noqa: E402 (after the path)
from coem_training import drawn  # noqa: E402
from sivae_speed import made_bin  # noqa: E402

from panscape.coem import embed as coem  # noqa: E402
from panscape.coem import task as coem_task  # noqa: E402
from panscape.sivae.settings import SivaeSettings  # noqa: E402
from panscape.sivae.task import SivaeTask  # noqa: E402
from panscape.training import loop  # noqa: E402
from panscape.training.device import prepare  # noqa: E402
from panscape.training.noise import Noise, key  # noqa: E402
from panscape.unicoord import placed  # noqa: E402
from panscape.unicoord import train as unicoord  # noqa: E402

FIRST, WAITS, BUSY = 20, 12, 14  # steps: the first that is timed; watched for waits; profiled
# of a loss term, relative; rounding grows along a training
TOLERANCE = {"full": {"first": 1e-4, "last": 2e-2}, "tf32": {"first": 1e-3, "last": 2e-2}}
CELLS = {"coem": coem_task, "unicoord": placed}  # what decides where the cells of a model are
MORE = 60  # steps of the further trainings, with full precision or with batches sent ahead


def synchronise(device: torch.device) -> None:
    """Wait for a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Watch:
    """Training loop that measures the steps of a task."""

    def __init__(self, device: torch.device, measure: bool):
        self.device, self.measure = device, measure
        self.result: dict[str, Any] = {}

    def fit(self, task: loop.Task, plan: loop.Plan, **options: Any) -> list[dict[str, Any]]:
        """Train as :func:`panscape.training.loop.fit` does."""
        step, begun = task.step, [0.0]

        def watched(number: int):
            if number == FIRST:
                synchronise(self.device)
                begun[0] = time.perf_counter()
            if self.measure and self.device.type == "cuda" and number == WAITS:
                return self._waits(step, number)
            if self.measure and self.device.type == "cuda" and number == BUSY:
                return self._busy(step, number)
            return step(number)

        task.step = watched
        history = loop.fit(task, plan, **options)
        synchronise(self.device)
        if plan.steps > FIRST:
            spent = time.perf_counter() - begun[0]
            self.result |= {"ms_per_step": 1e3 * spent / (plan.steps - FIRST), "steps": plan.steps}
        self.history = history
        return history

    def _waits(self, step: Callable, number: int):
        synchronise(self.device)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            terms = step(number)
            torch.cuda.set_sync_debug_mode("default")
        self.result["waits"] = sum("synchroniz" in str(one.message) for one in told)
        return terms

    def _busy(self, step: Callable, number: int):
        """Measure a step, then its kernels."""
        from torch.profiler import ProfilerActivity, profile

        synchronise(self.device)
        start = time.perf_counter()
        terms = step(number)
        synchronise(self.device)
        wall = time.perf_counter() - start
        with profile(activities=[ProfilerActivity.CUDA]) as found:
            # once more for its kernels; of the same number, so that cells and noise are the same
            terms = step(number)
            synchronise(self.device)
        kernels = sum(event.self_device_time_total for event in found.key_averages())
        self.result["busy"] = kernels / 1e6 / wall
        return terms


def bins(lines: int, cells: int, genes: int) -> list:
    """Return the cells of some lines."""
    from dataclasses import replace

    return [replace(made_bin(cells, genes, seed=at), line=f"line{at}") for at in range(lines)]


def run_sivae(device: torch.device, watch: Watch, size: dict) -> None:
    """Train siVAE on all lines at once."""
    settings = SivaeSettings(n_steps=(0, 0, size["steps"]), patience=0)
    task = SivaeTask(bins(size["lines"], size["cells"], size["genes"]), settings, 0, device)
    watch.fit(task, loop.Plan(task.steps, settings.validate_every), seed=0)


def run_coem(device: torch.device, watch: Watch, size: dict) -> None:
    """Train COEM on counts of four types."""
    kind = np.random.default_rng(0).integers(4, size=size["cells"])
    rna = drawn(size["cells"], size["genes"], 2000, 4, kind, 1)
    atac = drawn(size["cells"], size["peaks"], 3000, 4, kind, 2)
    settings = {"n_epochs": 1, "min_steps": size["steps"], "peak_fraction": [0.0, 1.0]}
    coem.fit = watch.fit
    coem.embed(rna, atac, settings=settings, seed=0, device=device)


def run_unicoord(device: torch.device, watch: Watch, size: dict) -> None:
    """Train UniCoord on types and time."""
    cells = simulate(size["cells"], size["genes"], effects=False)
    labels = [{"name": "cell_type", "kind": "discrete"}, {"name": "time", "kind": "continuous"}]
    settings = {"n_epochs": size["epochs"], "min_steps": size["steps"], "patience": 0}
    unicoord.fit = watch.fit
    unicoord.train(cells, labels, settings, seed=0, device=device)


MODELS = {"sivae": run_sivae, "coem": run_coem, "unicoord": run_unicoord}
SMALL = {
    "sivae": {"lines": 3, "cells": 120, "genes": 100, "steps": 30},
    "coem": {"cells": 200, "genes": 100, "peaks": 400, "steps": 30},
    "unicoord": {"cells": 400, "genes": 100, "epochs": 1, "steps": 30},
}
FULL = {
    "sivae": {"lines": 41, "cells": 1000, "genes": 2000, "steps": 300},
    "coem": {"cells": 3000, "genes": 3000, "peaks": 20_000, "steps": 900},
    "unicoord": {"cells": 57_000, "genes": 2000, "epochs": 4, "steps": 100},
}


def noise_is_equal(device: torch.device) -> bool:
    """Return whether numbers drawn on the device are those of the CPU, bit for bit."""
    keys, cpu = [key(0, "a"), key(1, "b")], torch.device("cpu")
    one, other = Noise(keys, cpu), Noise(keys, device)
    return all(
        torch.equal(one.normal(step, (300, 40)), other.normal(step, (300, 40)).cpu())
        and torch.equal(one.kept(step, (300, 41), 0.7), other.kept(step, (300, 41), 0.7).cpu())
        for step in (0, 1, 10**6)
    )


@contextmanager
def full_precision() -> Iterator[None]:
    """Keep steps of training from products in TF32 within the block."""
    usual, loop.fast_products = loop.fast_products, lambda device: nullcontext()
    try:
        yield
    finally:
        loop.fast_products = usual


@contextmanager
def kept(name: str, where: str) -> Iterator[None]:
    """Keep the cells of a model somewhere within the block."""
    module = CELLS[name]
    usual, module.placement = module.placement, lambda nbytes, device: where
    try:
        yield
    finally:
        module.placement = usual


def history(name: str, device: torch.device) -> list[dict[str, Any]]:
    """Return the loss terms of a small training."""
    watch = Watch(device, measure=False)
    MODELS[name](device, watch, SMALL[name])
    return watch.history


def apart(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> dict[str, float]:
    """Return the largest difference of a term, by the largest term, at the first and the last record."""
    result, steps = {}, [row["step"] for row in one]
    for place, step in (("first", min(steps)), ("last", max(steps))):
        here = [at for at, row in enumerate(one) if row["step"] == step]
        values, others = (np.array([rows[at]["value"] for at in here]) for rows in (one, other))
        result[place] = float(np.abs(values - others).max() / np.abs(values).max())
    return result


def parity(device: torch.device) -> dict[str, dict[str, dict[str, float]]]:
    """Return by how much small trainings differ between CPU and device, by precision and model."""
    on_cpu = {name: history(name, torch.device("cpu")) for name in MODELS}
    with full_precision():
        full = {name: apart(on_cpu[name], history(name, device)) for name in MODELS}
    return {"full": full, "tf32": {name: apart(on_cpu[name], history(name, device)) for name in MODELS}}


def same_wherever(device: torch.device) -> bool:
    """Return whether trainings are the same with cells on the device and with batches sent ahead."""
    for name in CELLS:
        made = []
        for where in ("device", "ahead"):
            with kept(name, where):
                made.append(history(name, device))
        if made[0] != made[1]:
            return False
    return True


def measured(name: str, device: torch.device, size: dict) -> dict[str, Any]:
    """Train a model of a size and return what was measured."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    watch, start = Watch(device, measure=True), time.perf_counter()
    MODELS[name](device, watch, size)
    result = {**size, **watch.result, "seconds": time.perf_counter() - start}
    if device.type == "cuda":
        result["peak_gpu_mb"] = torch.cuda.max_memory_allocated(device) / 2**20
    # a step takes as long with fewer cells, which are drawn sooner
    fewer = size | {"steps": min(size["steps"], MORE), "cells": min(size["cells"], 10_000)}
    fewer |= {"epochs": 1} if "epochs" in size else {}
    with full_precision():
        result["full_ms"] = per_step(name, device, fewer)
    if name in CELLS:
        with kept(name, "ahead"):
            result["ahead_ms"] = per_step(name, device, fewer)
    return result


def per_step(name: str, device: torch.device, size: dict) -> float:
    """Return the milliseconds of a step of a training."""
    watch = Watch(device, measure=False)
    MODELS[name](device, watch, size)
    return watch.result["ms_per_step"]


def main() -> None:
    """Measure and print the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="small sizes; runs on the CPU, too")
    parser.add_argument("--limit", type=float, default=360, help="seconds after which no part begins")
    given = parser.parse_args()
    there = torch.cuda.is_available()
    if not there and not given.small:
        parser.error("PyTorch sees no GPU here; --small runs on the CPU")
    device, begun = torch.device("cuda" if there else "cpu"), time.perf_counter()
    prepare(1)
    name = torch.cuda.get_device_name(device) if there else "CPU"
    result: dict[str, Any] = {"device": name, "torch": torch.__version__, "left_out": []}
    result["noise_is_equal"] = noise_is_equal(device)
    result["parity"] = parity(device)
    result["within_tolerance"] = all(
        found[place] <= limit
        for precision, limits in TOLERANCE.items()
        for found in result["parity"][precision].values()
        for place, limit in limits.items()
    )
    result["same_wherever"] = same_wherever(device)
    for model in MODELS:
        if time.perf_counter() - begun > given.limit:
            result["left_out"].append(model)
            continue
        result[model] = measured(model, device, (SMALL if given.small else FULL)[model])
        print(model, result[model], file=sys.stderr, flush=True)
    result["seconds"] = time.perf_counter() - begun
    print(json.dumps(result))


if __name__ == "__main__":
    main()
