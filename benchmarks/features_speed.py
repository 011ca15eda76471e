"""Cells per second of AUCell scores against decoupler's ``mt.aucell``, and how far they agree.

Made-up counts; both programs get the same cells and gene sets in one thread, decoupler after a warm-up that
compiles it and on a part of the cells. Agreement is with the ties broken as decoupler breaks them. The last
line printed is one JSON object.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))


def made_up(cells: int, genes: int, sets: int, density: float, seed: int):
    """Return counts (CSR) and gene sets (CSR of ones); every gene is met."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(0.5, 1.0, genes)
    rates *= -np.log1p(-density) / rates.mean()
    counts = sparse.csr_matrix(rng.poisson(rates, (cells, genes)), dtype=np.float32)
    counts[0] = 1.0
    counts[1] = 1.0  # so that decoupler, which is given a part, drops no gene
    share = 100 / genes
    return counts.tocsr(), sparse.csr_matrix((rng.random((sets, genes)) < share).astype(np.float64))


def main() -> None:
    """Measure both and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--genes", type=int, default=3000)
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--density", type=float, default=0.15)
    parser.add_argument("--decoupler-cells", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    import anndata
    import decoupler

    from panscape.stats.aucell import aucell

    counts, member = made_up(args.cells, args.genes, args.sets, args.density, args.seed)
    aucell(counts[:10], member)
    begin = time.process_time()
    aucell(counts, member)
    ours = args.cells / (time.process_time() - begin)

    names = np.array([f"g{at}" for at in range(args.genes)])
    row, column = member.nonzero()
    net = pd.DataFrame({"source": [f"s{at:05d}" for at in row], "target": names[column]})
    data = anndata.AnnData(counts[: args.decoupler_cells], var=pd.DataFrame(index=names))
    decoupler.mt.aucell(data[:5].copy(), net, tmin=1)
    begin = time.process_time()
    decoupler.mt.aucell(data, net, tmin=1)
    theirs = args.decoupler_cells / (time.process_time() - begin)

    outcome = data.obsm["score_aucell"].sort_index(axis=1).to_numpy()
    order = np.random.default_rng(0).choice(args.genes, args.genes, replace=False)
    part = counts[: args.decoupler_cells]
    same = aucell(part[:, order], member[:, order], ties="order")
    shared = aucell(part, member)
    result = {
        "cells_per_cpu_second": round(ours),
        "decoupler_cells_per_cpu_second": round(theirs),
        "ratio": round(ours / theirs, 1),
        "density": round(counts.nnz / np.prod(counts.shape), 3),
        "r_same_ties": float(np.corrcoef(same.ravel(), outcome.ravel())[0, 1]),
        "max_difference_same_ties": float(np.abs(same - outcome).max()),
        "r_shared_ties": float(np.corrcoef(shared.ravel(), outcome.ravel())[0, 1]),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
