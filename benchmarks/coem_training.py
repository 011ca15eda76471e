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
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from panscape.coem.embed import Embedding, embed
from panscape.training.device import choose_device, prepare


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
    """Return seconds per epoch, without what is done once, and the embedding.

    The first run imports and compiles; the other two differ only in their epochs.
    """
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    spent = []
    for number in (1, 1, epochs + 1):
        start = clock()
        embedding = embed(rna, atac, settings={**settings, "n_epochs": number}, seed=0, device=device)
        spent.append(clock() - start)
    return (spent[2] - spent[1]) / epochs, embedding


def main() -> None:
    """Train and print the JSON line."""
    options = arguments()
    prepare(options.threads)
    kind = np.random.default_rng(0).integers(8, size=options.cells)
    rna = drawn(options.cells, options.genes, options.depths[0], 8, kind, 1)
    atac = drawn(options.cells, options.peaks, options.depths[1], 8, kind, 2)
    settings = {"peak_fraction": [0.0, 1.0], "min_peak_cells": 1, **options.settings}
    values = (rna.nnz + atac.nnz) * 8e-6
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, embedding = trained(rna, atac, settings, options.epochs, choose_device(0))
    result = {
        "cells": options.cells,
        "features": embedding.info["features"],
        "cells_per_second": round(options.cells / seconds, 1),
        "seconds_per_epoch": round(seconds, 4),
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
