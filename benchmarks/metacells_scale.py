"""Time and memory of grouping, beside sklearn's spectral clustering and k-means on as many cells.

    python benchmarks/metacells_scale.py --cells 100000
    python benchmarks/metacells_scale.py --cells 4000 --baseline

The embedding is made up: types with a continuous state each, 20 dimensions. The last line is one JSON object
with processor seconds (one thread), peak memory of the process and quality.
"""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np  # noqa: E402 (after the number of threads is set)

from panscape.coem.metacells.evaluate import spread_within, weighted_purity  # noqa: E402
from panscape.coem.metacells.group import group_cells, group_graph, group_kmeans  # noqa: E402
from panscape.graph.kernels import affinities  # noqa: E402
from panscape.graph.neighbors import RECALL  # noqa: E402
from panscape.graph.partitioned import partitioned_neighbors  # noqa: E402


def embedding(
    cells: int, dimensions: int, types: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return coordinates, type and state of made-up cells."""
    rng = np.random.default_rng(seed)
    centre, direction = rng.normal(0, 4, (types, dimensions)), rng.normal(0, 6, (types, dimensions))
    kind, state = rng.integers(0, types, cells), rng.random(cells)
    z = centre[kind] + state[:, None] * direction[kind] + rng.normal(0, 0.5, (cells, dimensions))
    return z.astype(np.float32), kind.astype(str).astype(object), state


def peak_gb() -> float:
    """Return the largest memory of the process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=20)
    parser.add_argument("--types", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--baseline", action="store_true", help="also sklearn's spectral clustering (slow)")
    options = parser.parse_args()
    z, kind, state = embedding(options.cells, options.dimensions, options.types, options.seed)
    k = round(options.cells / 75)
    group_cells(z[:1000], 13)  # imports
    start = time.process_time()
    found = partitioned_neighbors(z, 14, seed=options.seed, recall=RECALL)
    neighbours = time.process_time() - start
    graph = affinities(*found)
    del found
    outcome = group_graph(graph, z, k, seed=options.seed)
    total = time.process_time() - start
    result = {
        "cells": options.cells, "metacells": outcome.k, "cpu_s": total, "neighbours_cpu_s": neighbours,
        "grouping_cpu_s": total - neighbours, "peak_gb": peak_gb(),
        "smallest": int(outcome.sizes.min()), "largest": int(outcome.sizes.max()),
        "purity": weighted_purity(outcome.label, kind),
        "state_sd": spread_within(outcome.label, state),
    }  # fmt: skip
    start = time.process_time()
    other = group_kmeans(z, k, seed=options.seed)
    result |= {
        "kmeans_cpu_s": time.process_time() - start,
        "kmeans_smallest": int(other.sizes.min()), "kmeans_largest": int(other.sizes.max()),
        "kmeans_purity": weighted_purity(other.label, kind),
    }  # fmt: skip
    if options.baseline:
        from sklearn.cluster import SpectralClustering

        start = time.process_time()
        SpectralClustering(k, affinity="precomputed", assign_labels="cluster_qr", random_state=0).fit(graph)
        result["sklearn_spectral_cpu_s"] = time.process_time() - start
        result["times_faster_than_sklearn"] = result["sklearn_spectral_cpu_s"] / (total - neighbours)
    print(json.dumps({key: round(value, 4) for key, value in result.items()}))


if __name__ == "__main__":
    main()
