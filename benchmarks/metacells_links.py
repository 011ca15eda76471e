"""Time and memory of peak-to-gene links at the size of a genome.

    python benchmarks/metacells_links.py --genes 20000 --peaks 200000 --metacells 1300

Sums over metacells are drawn, genes and peaks laid over 22 chromosomes; the plain baseline is numpy's
corrcoef pair by pair on a sample of the pairs. The last line is one JSON object.
"""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np  # noqa: E402 (after the number of threads is set)
import pandas as pd  # noqa: E402
from scipy import sparse  # noqa: E402

from panscape.coem.links.links import link_peaks  # noqa: E402
from panscape.coem.links.pairs import candidate_pairs  # noqa: E402
from panscape.coem.metacells.embed import log_normalised  # noqa: E402

CHROMOSOMES, LENGTH = 22, 140_000_000


def drawn(rows: int, columns: int, mean: float, rng: np.random.Generator) -> sparse.csr_matrix:
    """Return Poisson counts with uneven columns, a block at a time."""
    rate = mean * rng.gamma(0.7, 1 / 0.7, columns)
    parts = [sparse.csr_matrix(rng.poisson(rate, (1, columns)).astype(np.float32)) for _ in range(rows)]
    return sparse.csr_matrix(sparse.vstack(parts, format="csr"))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--genes", type=int, default=20_000)
    parser.add_argument("--peaks", type=int, default=200_000)
    parser.add_argument("--metacells", type=int, default=1300)
    parser.add_argument("--peak-mean", type=float, default=0.6)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    chrom = np.array([f"chr{i + 1}" for i in range(CHROMOSOMES)], dtype=object)
    tss = rng.integers(0, LENGTH, options.genes).astype(float)
    genes = pd.DataFrame(
        {"chrom": rng.choice(chrom, options.genes), "tss": tss, "strand": 1.0, "start": tss, "end": tss},
        index=[f"g{i}" for i in range(options.genes)],
    )
    # half of the peaks lie about genes, as in a genome
    owner = rng.integers(0, options.genes, options.peaks)
    near = rng.random(options.peaks) < 0.5
    start = np.where(
        near, tss[owner] + rng.normal(0, 50_000, options.peaks), rng.integers(0, LENGTH, options.peaks)
    )
    start = np.maximum(start, 0).astype(np.int64)
    peaks = pd.DataFrame(
        {
            "chrom": np.where(near, genes["chrom"].to_numpy()[owner], rng.choice(chrom, options.peaks)),
            "start": start,
            "end": start + rng.integers(300, 900, options.peaks),
        },
        index=[f"p{i}" for i in range(options.peaks)],
    )
    rna = log_normalised(drawn(options.metacells, options.genes, 3.0, rng))
    atac = log_normalised(drawn(options.metacells, options.peaks, options.peak_mean, rng))
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    begin, wall = time.process_time(), time.monotonic()
    pairs = candidate_pairs(genes, peaks, rng.integers(50, 5000, options.peaks), np.ones(options.genes, bool))
    table, _ = link_peaks(rna, atac, genes, peaks, pairs)
    spent, wall = time.process_time() - begin, time.monotonic() - wall
    sample = rng.choice(len(table), min(300, len(table)), replace=False)
    begin = time.process_time()
    left, right = rna.tocsc(), atac.tocsc()
    middle = time.process_time()
    plain = [
        np.corrcoef(left[:, [pairs.gene[i]]].toarray().ravel(), right[:, [pairs.peak[i]]].toarray().ravel())[
            0, 1
        ]
        for i in sample
    ]
    each = (time.process_time() - middle) / len(sample)
    off = float(np.nanmax(np.abs(table["r"].to_numpy()[sample] - plain)))
    result = {
        "genes": options.genes, "peaks": options.peaks, "metacells": options.metacells, "pairs": len(table),
        "cpu_s": spent, "wall_s": wall, "input_gb": held,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "largest_difference": off, "p_below_0.05": float((table["pvalue"] < 0.05).mean()),
        "found": int(table["found"].sum()),
        "pair_by_pair_cpu_s_without_background": each * len(table),
        "pair_by_pair_cpu_s_with_background": each * len(table) * 101,
    }  # fmt: skip
    print(json.dumps({key: round(value, 5) for key, value in result.items()}))


if __name__ == "__main__":
    main()
