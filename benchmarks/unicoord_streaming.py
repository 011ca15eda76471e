"""Mini-batches from a local h5ad file: cells per second before the model, beside random rows of AnnData.

The file is written by another process, so the peak memory is that of importing and reading (with --train also
of an epoch of training, streamed). The last line printed is one JSON object.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from panscape.data.counts import CountsWriter
from panscape.unicoord.cells import Cells
from panscape.unicoord.loader import StreamLoader
from panscape.unicoord.store import Scale
from panscape.unicoord.train import train as unicoord_train


def write(path, cells, genes, density, seed):
    """Write counts in blocks."""
    rng = np.random.default_rng(seed)
    with CountsWriter(path, genes) as writer:
        total = []
        for start in range(0, cells, 10_000):
            n = min(10_000, cells - start)
            block = sparse.random(n, genes, density, format="csr", dtype=np.float32, random_state=rng)
            block.data = rng.integers(1, 8, block.nnz).astype(np.float32)
            total.append(np.asarray(block.sum(axis=1)).ravel())
            writer.append(block)
        obs = pd.DataFrame({"n_counts": np.concatenate(total)}, index=[f"c{at}" for at in range(cells)])
        obs["kind"] = pd.Categorical(rng.choice(["a", "b", "c"], cells))
        writer.finish(obs, pd.DataFrame(index=[f"G{at}" for at in range(genes)]))


def peak():
    """Return the peak memory in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--density", type=float, default=0.1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--train", action="store_true", help="an epoch of streamed training, for its memory")
    given = parser.parse_args()
    torch.set_num_threads(1)
    result = {"imports_gb": peak(), "dense_gb": 4e-9 * given.cells * given.genes}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.h5ad"
        writer = multiprocessing.get_context("spawn").Process(
            target=write, args=(path, given.cells, given.genes, given.density, 0)
        )
        writer.start()
        writer.join()
        result |= fed(path, given.batch)
        result["feed_peak_gb"] = peak()
        if given.train:
            settings = {
                "n_genes": 0,
                "stream_above_mb": 0,
                "n_epochs": 1,
                "min_steps": 1,
                "batch_size": given.batch,
            }
            unicoord_train(path, [{"name": "kind", "kind": "discrete"}], settings)
            result["training_peak_gb"] = peak()
            result["training_peak_of_dense"] = peak() / result["dense_gb"]
        result |= random_rows(path, given.batch)
    print(json.dumps({key: round(float(value), 3) for key, value in result.items()}))


def fed(path, batch):
    """Return how fast an epoch of batches is made."""
    cells = Cells([path])
    genes, train = list(cells.genes), np.ones(len(cells), bool)
    loader = StreamLoader(cells, train, genes, Scale("depth-log1p", 1000.0), batch, 0)
    cpu, wall, seen = time.process_time(), time.time(), 0
    for number in range(loader.steps):
        seen += len(loader.batch(number)[0])
    result = {"cells": seen, "cells_per_s": seen / (time.time() - wall)}
    result["cells_per_cpu_s"] = seen / (time.process_time() - cpu)
    loader.close()
    return result


def random_rows(path, batch):
    """Return how fast random rows are read through AnnData."""
    import anndata

    backed = anndata.read_h5ad(path, backed="r")
    rng, wall, cpu = np.random.default_rng(0), time.time(), time.process_time()
    for _ in range(10):
        rows = np.sort(rng.choice(len(backed), batch, replace=False))
        backed[rows].X[:].toarray()
    return {
        "random_rows_cells_per_s": 10 * batch / (time.time() - wall),
        "random_rows_cells_per_cpu_s": 10 * batch / (time.process_time() - cpu),
    }


if __name__ == "__main__":
    main()
