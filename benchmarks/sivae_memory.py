"""CPU seconds and memory of siVAE with many cells, whose counts stay sparse, stage by stage.

Counts of 5 % of the genes of each cell are drawn in blocks: most from a profile common to all cells, a third
from that of the cell's type. Stages: preparation, start (principal axes, features of genes), steps of
training, one validation, readout (embeddings, errors of genes), network of genes. Last line: one JSON object;
`peak_mb` after each stage includes the counts as they were given.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from anndata import AnnData
from scipy import sparse

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from panscape.sivae import network
from panscape.sivae import prepare as prepared
from panscape.sivae.prepare import prepare_cells, select_counts
from panscape.sivae.readout import read_models
from panscape.sivae.settings import SivaeSettings
from panscape.sivae.task import SivaeTask
from panscape.sivae.values import ValueSettings
from panscape.training.device import prepare

TYPES, ROWS = 20, 2000
DRAWS = 0.0643  # counts of a cell for each gene


def made_counts(cells: int, genes: int, seed: int = 0) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return counts, CSR float32, and the type of each cell."""
    random, draws = np.random.default_rng(seed), int(DRAWS * genes)
    common = random.gamma(0.7, size=genes)
    types = random.gamma(0.3, size=(TYPES, genes))
    bounds = [np.cumsum(profile / profile.sum()) for profile in (common, *types)]
    kinds = random.integers(TYPES, size=cells)
    data, columns = np.empty(cells * draws, np.float32), np.empty(cells * draws, np.int32)
    starts = np.zeros(cells + 1, np.int64)
    for first in range(0, cells, ROWS):
        kind = kinds[first : first + ROWS]
        drawn = np.empty((len(kind), draws), np.int64)
        own = draws // 3
        drawn[:, own:] = np.searchsorted(bounds[0], random.random((len(kind), draws - own)))
        for at in range(TYPES):
            chosen = np.flatnonzero(kind == at)
            drawn[chosen, :own] = np.searchsorted(bounds[1 + at], random.random((len(chosen), own)))
        drawn = np.minimum(drawn, genes - 1)
        rows = np.repeat(np.arange(len(kind)), draws)
        shape = (len(kind), genes)
        block = sparse.coo_matrix((np.ones(rows.size, np.float32), (rows, drawn.ravel())), shape).tocsr()
        begin = starts[first]
        data[begin : begin + block.nnz], columns[begin : begin + block.nnz] = block.data, block.indices
        starts[first + 1 : first + 1 + len(kind)] = begin + block.indptr[1:]
    kept = slice(starts[-1])
    return sparse.csr_matrix((data[kept], columns[kept], starts), shape=(cells, genes)), kinds


def purity(scores: np.ndarray, kinds: np.ndarray, random: np.random.Generator) -> float:
    """Return the share of 10 nearest cells that are of a cell's type, over 500 cells among 5,000."""
    chosen = random.permutation(len(scores))[:5000]
    scores, kinds = scores[chosen], kinds[chosen]
    distance = np.square(scores[:500, None] - scores[None]).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    return float((kinds[np.argsort(distance, axis=1)[:, :10]] == kinds[:500, None]).mean())


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=32_500)
    parser.add_argument("--genes", type=int, default=28_000)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dense", action="store_true", help="hold the same cells as a dense array")
    given = parser.parse_args()
    prepared.DENSE_VALUES = np.inf if given.dense else 0
    prepare(1)
    stages: dict[str, dict[str, float]] = {}
    begun = [time.process_time()]

    def done(name: str) -> None:
        now, usage = time.process_time(), resource.getrusage(resource.RUSAGE_SELF)
        stages[name] = {"cpu_s": round(now - begun[0], 2), "peak_mb": round(usage.ru_maxrss / 1024)}
        print(name, stages[name], flush=True)
        begun[0] = time.process_time()

    counts, kinds = made_counts(given.cells, given.genes, given.seed)
    table = AnnData(counts, pd.DataFrame(index=[str(at) for at in range(given.cells)]))
    filled = counts.nnz / given.cells / given.genes
    done("made")
    chosen, totals = select_counts(table, None, None)
    names = {"line": "made", "name": "0", "normalisation": "depth-log1p"}
    expression = prepare_cells(chosen, totals, table.obs, ValueSettings(), given.seed, **names)
    del chosen
    done("prepared")
    task = SivaeTask(
        [expression.bin], SivaeSettings(n_steps=(0, 0, given.steps)), given.seed, torch.device("cpu")
    )
    done("started")
    for number in range(given.steps):
        task.step(number)
    done("steps")
    task.validate(given.steps)
    done("validated")
    task.take_best()
    fitted = read_models(task)[0]
    done("read")
    edges = network.network(fitted.loadings, 0.01, "dot", np.isfinite(expression.scaling.spread)).nnz // 2
    done("network")
    result = {
        "cells": given.cells,
        "genes": given.genes,
        "filled": round(filled, 4),
        "steps": given.steps,
        "seed": given.seed,
    }
    result |= {
        "stages": stages,
        "edges": edges,
        "purity": purity(fitted.scores, kinds, np.random.default_rng(1)),
    }
    result |= {"error": fitted.total("heldout"), "null_error": fitted.total("heldout", "null_error")}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
