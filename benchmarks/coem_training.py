"""Time and memory of learning the joint embedding: cells per second of training, peak of the process.

Claim: hundreds of thousands of peaks and cells fit, because only mini-batches are dense. The ratio (--plain)
is against the same training with every count of a mini-batch looked at (negative binomial peaks), in the same
run. With --gpu the embedding on a GPU is compared with that on the CPU (`parity`: lowest correlation of a
coordinate). Seconds are of the processor on the CPU and by the clock on a GPU.

    python benchmarks/coem_training.py --cells 4000 --genes 3000 --peaks 50000
    python benchmarks/coem_training.py --cells 100000 --gpu --settings '{"batch_size": 512}'
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from panscape.coem import embed as coem
from panscape.coem.embed import Embedding
from panscape.coem.task import CoemTask
from panscape.training.device import choose_device, prepare
from panscape.training.loop import Plan

FIRST = 5  # steps that are not counted: loops are compiled, memory is taken


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--genes", type=int, default=3000)
    parser.add_argument("--peaks", type=int, default=50_000)
    parser.add_argument("--depths", type=float, nargs=2, default=(2000, 3000), help="median counts")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--gpu", action="store_true", help="train on a GPU too, and compare")
    parser.add_argument("--plain", action="store_true", help="train with dense targets too (slow)")
    parser.add_argument("--settings", type=json.loads, default={}, help="of COEM, as JSON")
    return parser.parse_args()


def drawn(
    cells: int, features: int, depth: float, kinds: int, kind: np.ndarray, seed: int
) -> sparse.csr_matrix:
    """Draw counts of a few types, sparse from the start: each cell's counts fall on features at random."""
    random = np.random.default_rng(seed)
    base = random.normal(0, 1, features)
    edges = [np.cumsum(_softmax(base + random.normal(0, 0.7, features))) for _ in range(kinds)]
    number = random.poisson(depth * np.exp(random.normal(0, 0.4, cells)))
    rows, columns = np.repeat(np.arange(cells), number), np.empty(number.sum(), dtype=np.int32)
    of = kind[rows]
    for c in range(kinds):
        here = of == c
        columns[here] = np.minimum(np.searchsorted(edges[c], random.random(here.sum())), features - 1)
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(cells, features))


def _softmax(values: np.ndarray) -> np.ndarray:
    exponentials = np.exp(values - values.max())
    return exponentials / exponentials.sum()


def trained(rna, atac, settings: dict, epochs: int, device) -> tuple[float, Embedding]:
    """Return seconds of an epoch's steps, but for the first ones of all, and the embedding."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    usual, spent = coem.fit, []

    def fit(task: CoemTask, plan: Plan, **given) -> list[dict]:
        step = task.step

        def timed(number: int):
            start = clock()
            terms = step(number)
            if device.type == "cuda" and number >= plan.steps - 1:
                torch.cuda.synchronize(device)
            spent.append(clock() - start)
            return terms

        task.step = timed
        history = usual(task, plan, **given)
        spent[:] = [sum(spent[FIRST:]) / (len(spent) - FIRST) * task.per_epoch]
        return history

    coem.fit = fit
    try:
        embedding = coem.embed(rna, atac, settings={**settings, "n_epochs": epochs}, seed=0, device=device)
    finally:
        coem.fit = usual
    return spent[0], embedding


def main() -> None:
    """Train and print the JSON line."""
    options = arguments()
    prepare(options.threads)
    kind = np.random.default_rng(0).integers(8, size=options.cells)
    rna = drawn(options.cells, options.genes, options.depths[0], 8, kind, 1)
    atac = drawn(options.cells, options.peaks, options.depths[1], 8, kind, 2)
    # of so few cells, the usual number of steps would not depend on the epochs
    settings = {"peak_fraction": [0.0, 1.0], "min_peak_cells": 1, "min_steps": 1, **options.settings}
    values = (rna.nnz + atac.nnz) * 8e-6
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, embedding = trained(rna, atac, settings, options.epochs, choose_device(0))
    result = {
        "cells": options.cells,
        "features": embedding.info["features"],
        "cells_per_second": round(options.cells / seconds, 1),
        "seconds_per_epoch": round(seconds, 2),
        "counts_mb": round(values),
        "before_mb": round(before),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    if options.plain:
        slow, _ = trained(rna, atac, {**settings, "atac_likelihood": "nb"}, options.epochs, choose_device(0))
        result["speedup_over_dense_targets"] = round(slow / seconds, 2)
    if options.gpu:
        fast, other = trained(rna, atac, settings, options.epochs, choose_device(1))
        result["gpu_cells_per_second"] = round(options.cells / fast, 1)
        pairs = zip(embedding.joint.T, other.joint.T, strict=True)
        result["parity"] = round(float(min(np.corrcoef(a, b)[0, 1] for a, b in pairs)), 6)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
