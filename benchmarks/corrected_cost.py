"""Cost of what the corrected distance needs, against Pearson's correlations alone, and of its landscape.

Prints the processor seconds of Pearson's correlations alone, and of the two passes (correlations with the
signal of all pairs, scores of the chosen pairs) with Pearson's estimator, the default, and with the corrected
one, on one study; or of distances and pseudotime of so many clusters.

    python benchmarks/corrected_cost.py --cells 60000 --genes 2000 --density 0.1
    python benchmarks/corrected_cost.py --landscape 2000 --pairs 50000
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--density", type=float, default=0.1, help="share of counts that are not zero")
    parser.add_argument("--levels", type=int, default=7, help="halvings of the clusters")
    parser.add_argument("--pairs", type=int, default=50_000)
    parser.add_argument("--landscape", type=int, default=0, help="instead: a landscape of so many clusters")
    parser.add_argument(
        "--only", choices=["pearson", "default", "corrected"], help="one of them (peak memory)"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def halves(n_cells: int, levels: int):
    """Return (clusters, members): all cells, their halves and so on."""
    import numpy as np
    import pandas as pd
    from scipy import sparse

    names, parents, rows = ["c0"], [""], [np.arange(n_cells)]
    start = 0
    for _ in range(levels):
        stop = len(rows)
        for row in range(start, stop):
            for part in np.array_split(rows[row], 2):
                names.append(f"c{len(rows)}")
                parents.append(names[row])
                rows.append(part)
        start = stop
    indptr = np.cumsum([0, *map(len, rows)])
    members = sparse.csr_matrix((np.ones(indptr[-1], np.int8), np.concatenate(rows), indptr))
    table = pd.DataFrame({"cluster": names, "parent": parents, "n_cells": np.diff(indptr)})
    return table.assign(study="made", resolution=1.0, level=0.0), members


def study_cost(options: argparse.Namespace) -> dict:
    """Return the processor seconds of both ways on one study."""
    from made_counts import write_counts

    from panscape.coscape.coexpression.coexpress import coexpress
    from panscape.coscape.coexpression.score_study import score_study
    from panscape.coscape.coexpression.signal import choose_pairs

    clusters, members = halves(options.cells, options.levels)
    report = {"clusters": len(clusters)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.h5ad"
        genes = write_counts(path, options.cells, options.genes, options.density, options.seed)
        if options.only in (None, "pearson"):
            cpu = time.process_time()
            coexpress(path, genes, clusters, members, {"estimator": "pearson"})
            report["pearson_s"] = round(time.process_time() - cpu, 1)
        ways = {"default": "pearson", "corrected": "corrected"}
        for name, estimator in ways.items():
            if options.only not in (None, name):
                continue
            cpu = time.process_time()
            result = coexpress(path, genes, clusters, members, {"estimator": estimator}, signal=True)
            first = time.process_time() - cpu
            chosen = choose_pairs([result.signal], genes, options.pairs)
            cpu = time.process_time()
            scores = score_study(path, genes, members, chosen, estimator=estimator)
            report[name] = {
                "first_pass_s": round(first, 1),
                "second_pass_s": round(time.process_time() - cpu, 1),
                "pairs": len(chosen),
                "scores": int(scores.nnz),
                "correlations": result.matrix.nnz,
            }
            del result, scores
    return report


def landscape_cost(options: argparse.Namespace) -> dict:
    """Return the processor seconds of distances, graphs and pseudotime of made-up scores."""
    import numpy as np
    from scipy import sparse

    from panscape.coscape.landscape.debiased import debiased_distances
    from panscape.coscape.landscape.scores import Scores
    from panscape.coscape.landscape.space import embed_clusters

    rng = np.random.default_rng(options.seed)
    place = np.sort(rng.random(options.landscape))
    middle = rng.random(options.pairs)
    t = np.empty((options.landscape, options.pairs), dtype=np.float32)
    for row in range(options.landscape):
        t[row] = np.exp(-((place[row] - middle) ** 2) * 20) * 0.3 + rng.normal(0, 0.1, options.pairs)
        t[row, rng.random(options.pairs) < 0.5] = 0
    pairs = np.stack(np.triu_indices(1000, 1), axis=1)[: options.pairs]
    size = np.full(options.landscape, 100.0)
    members = sparse.csr_matrix(np.ones((options.landscape, options.landscape)))  # all share cells
    matrix = sparse.csr_matrix(t)
    del t
    scores = Scores(matrix, pairs, rng.random(options.pairs), members, size)
    cpu = time.process_time()
    distances = debiased_distances(scores)
    report = {"distances_s": round(time.process_time() - cpu, 1)}
    space = embed_clusters(
        "made",
        matrix,
        0,
        metric="cosine",
        n_neighbors=19,
        refine=False,
        distances=distances,
        sweep=(10, 20, 40),
    )
    report["landscape_s"] = round(time.process_time() - cpu, 1)
    report["rho"] = round(float(np.corrcoef(space.pseudotime, place)[0, 1]), 3)
    return report


def main() -> None:
    """Run and print one JSON object."""
    options = arguments()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    report = {"benchmark": "corrected_cost", **vars(options)}
    report |= landscape_cost(options) if options.landscape else study_cost(options)
    report["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(report))


if __name__ == "__main__":
    main()
