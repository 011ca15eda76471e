"""Time and memory of the landscape at the paper's size: 2,400 clusters x 89,000 gene pairs.

Compares the exact neighbour search with float64 brute force (dense matrix, scikit-learn) on the same vectors,
checks that both find the same neighbours, and times every step of the landscape.

    python benchmarks/landscape_scale.py --clusters 2400 --pairs 89000
    python benchmarks/landscape_scale.py --clusters 2000 --scores 100000

With `--scores` only the whole landscape is timed, by the corrected distance over so many pairs.

The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from panscape.coscape.landscape.build import compute_landscape, gather_clusters
from panscape.coscape.landscape.combine import Study
from panscape.coscape.landscape.layout import force_layout
from panscape.coscape.landscape.rank import rank_pairs
from panscape.coscape.landscape.sampling import sampled_cells
from panscape.coscape.landscape.scores import Scores
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.vectors import landscape_vectors
from panscape.graph.diffusion import diffusion_map
from panscape.graph.knn import nearest
from panscape.graph.umap_weights import connectivities


def studies(clusters: int, pairs: int, density: float, cells: int, seed: int) -> list[Study]:
    """Return two studies of random clusters that share their gene pairs, ordered by age."""
    rng = np.random.default_rng(seed)
    genes = int(np.ceil((np.sqrt(8 * pairs / 0.9 + 1) - 1) / 2))
    upper = np.stack(np.triu_indices(genes), axis=1)
    chosen = np.sort(rng.choice(len(upper), min(pairs, len(upper)), replace=False))
    parts = []
    for name, count in (("one", clusters // 2), ("two", clusters - clusters // 2)):
        age = np.sort(rng.uniform(size=count))
        peak = np.random.default_rng(0).uniform(-0.2, 1.2, size=len(chosen))
        rows = []
        for at in range(count):
            near = np.abs(peak - age[at]) < density * 0.7
            value = near * rng.uniform(0.3, 1, size=len(chosen))
            rows.append(sparse.csr_matrix(value.astype(np.float32)))
        table = pd.DataFrame(
            {
                "cluster": [f"{name}-r1-l0-c{at}" for at in range(count)],
                "study": name,
                "resolution": 1.0,
                "level": 0.0,
                "parent": "",
                "n_cells": (size := sizes(count, cells // 2, rng)),
                "multiplicity": 1,
                "age": age,
                "n_counts": rng.uniform(1e3, 1e4, size=count),
            }
        )
        expression = rng.gamma(2.0, size=(count, genes)).astype(np.float32)
        names = np.array([f"g{at}" for at in range(genes)], dtype=object)
        detection = np.full((count, genes), 0.3, dtype=np.float32)
        matrix = sparse.vstack(rows, format="csr")
        members, sampled = windows(age, size, cells // 2, rng)
        parts.append(
            Study(
                name, table, matrix, upper[chosen], names, expression, expression, detection, members, sampled
            )
        )
    return parts


def sizes(count: int, cells: int, rng: np.random.Generator) -> np.ndarray:
    """Return sizes of clusters from 50 cells to two fifths of them, evenly on a log scale."""
    return np.exp(rng.uniform(np.log(50), np.log(0.4 * cells), size=count)).astype(int)


def windows(age: np.ndarray, size: np.ndarray, cells: int, rng: np.random.Generator):
    """Return clusters of neighbouring cells, which nest and overlap, and the cells with an age each."""
    first = np.clip((age * cells - size / 2).astype(int), 0, cells - size)
    indices = np.concatenate(
        [np.arange(start, start + number) for start, number in zip(first, size, strict=True)]
    )
    indptr = np.concatenate([[0], np.cumsum(size)])
    members = sparse.csr_matrix((np.ones(len(indices)), indices, indptr), shape=(len(age), cells))
    ages = np.linspace(0, 1, cells) + 0.1 * rng.normal(size=cells)
    return members, pd.DataFrame({"age": ages.round(3)})


def scored(study: Study, number: int, valid: float, rng: np.random.Generator) -> Study:
    """Return a study with scores of `number` pairs that rise and fall with age, some of them not valid."""
    upper = np.stack(np.triu_indices(int(np.ceil(np.sqrt(2 * number))) + 1, 1), axis=1)[:number]
    age, size = study.clusters["age"].to_numpy(), study.clusters["n_cells"].to_numpy()
    middle = np.random.default_rng(1).uniform(-0.2, 1.2, number)
    hard = np.random.default_rng(2).random(number)
    indices, data, indptr = [], [], [0]
    for at in range(len(age)):
        # the larger a cluster, the more of its pairs are valid
        kept = np.flatnonzero(hard <= valid ** (300 / size[at]) ** 0.5).astype(np.int32)
        t = 0.3 * np.exp(-20 * (age[at] - middle[kept]) ** 2) + rng.normal(0, size[at] ** -0.5, len(kept))
        indices.append(kept)
        data.append(t.astype(np.float32))
        indptr.append(indptr[-1] + len(kept))
    shape = len(age), number
    matrix = sparse.csr_matrix((np.concatenate(data), np.concatenate(indices), indptr), shape=shape)
    weight = np.random.default_rng(3).random(number)
    return replace(study, scores=Scores.of(matrix, upper, weight, study.members))


def made(args: argparse.Namespace) -> list[Study]:
    """Return the studies, with scores if these are asked for."""
    parts = studies(args.clusters, args.pairs, args.density, args.cells, 0)
    if args.scores:
        rng = np.random.default_rng(0)
        parts = [scored(part, args.scores, args.valid, rng) for part in parts]
    return parts


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clusters", type=int, default=2400)
    parser.add_argument("--pairs", type=int, default=89_000)
    parser.add_argument("--density", type=float, default=0.07)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--scores", type=int, default=0, help="pairs of the corrected distance")
    parser.add_argument("--valid", type=float, default=0.6, help="share of them valid in 300 cells")
    parser.add_argument("--baseline", action="store_true", help="also run the dense brute force")
    args = parser.parse_args()
    # in another process, so that the memory of making them is not in the peak
    with ProcessPoolExecutor(1) as pool:
        parts = pool.submit(made, args).result()
    distance = "corrected" if args.scores else "thresholded"
    settings = LandscapeSettings(
        permutations=args.permutations, distance=distance, top_pairs=max(args.scores, 1)
    )
    result: dict[str, float] = {"clusters": args.clusters, "pairs": args.pairs, "cells": args.cells}

    def timed(name, call):
        start, before = time.perf_counter(), time.process_time()
        outcome = call()
        result[f"{name}_s"] = round(time.perf_counter() - start, 2)
        result[f"{name}_cpu_s"] = round(time.process_time() - before, 2)
        print(f"{name}: {result[f'{name}_s']} s, {result[f'{name}_cpu_s']} CPU s", flush=True)
        return outcome

    if args.scores:
        result["valid"] = sum(part.scores.matrix.nnz for part in parts)
        result["read_peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        timed("build", lambda: compute_landscape(parts, settings, 0))
        result["build_peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        print(json.dumps(result))
        return
    data = timed("combine", lambda: gather_clusters(parts, settings))
    vectors = landscape_vectors(data, settings)
    result["density"] = round(vectors.nnz / np.prod(vectors.shape), 4)
    outcome = timed("neighbours", lambda: nearest(vectors, settings.n_neighbors))
    weights = timed("weights", lambda: connectivities(outcome))
    timed("diffusion", lambda: diffusion_map(weights))
    timed("layout", lambda: force_layout(weights, 0))
    timed("pairs", lambda: rank_pairs(data, np.random.default_rng(0).uniform(size=args.clusters)))
    result["steps_peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    cells = timed("sampling", lambda: sampled_cells(parts))
    rng = np.random.default_rng(0)
    timed("shuffled ages", lambda: [*cells.shuffled(args.permutations, rng)])
    timed("build", lambda: compute_landscape(parts, settings, 0))
    result["build_peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    if args.baseline:
        from sklearn.neighbors import NearestNeighbors

        def brute():
            dense = vectors.toarray().astype(np.float64)
            search = NearestNeighbors(
                n_neighbors=settings.n_neighbors + 1, metric="cosine", algorithm="brute"
            )
            return search.fit(dense).kneighbors(return_distance=False)

        other = timed("brute", brute)
        same = [set(selected) <= set(theirs) for selected, theirs in zip(outcome.index, other, strict=True)]
        result["same_neighbours"] = float(np.mean(same))
        result["brute_peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        result["ratio"] = round(result["brute_s"] / result["neighbours_s"], 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
