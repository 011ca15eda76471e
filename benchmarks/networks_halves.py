"""Agreement of the halves of lines' cells, by the number of steps that their models are trained.

    python benchmarks/networks_halves.py pancreas_human_baron2016.h5ad --steps 300 150 100 --seeds 0 1

The h5ad has counts in X and a column of lines. The cells of every line (1000 at most) are divided in two, a
model of each half is trained with the given numbers of steps, and halves are compared: Jaccard index of
neighbours at equal density, Spearman's correlation of centralities, and of their differences between lines.
With --known also the odds ratio of known interactions among the edges. The last line is one JSON object:
steps -> means over lines and seeds, CPU seconds of training per half.
"""

import argparse
import json
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 (after the number of threads is set)
import pandas as pd  # noqa: E402
from scipy import sparse, stats  # noqa: E402

from panscape.data.normalise import normalise  # noqa: E402
from panscape.sivae.job import train  # noqa: E402
from panscape.sivae.network import network  # noqa: E402
from panscape.sivae.networks.similarity import neighbour_jaccard  # noqa: E402
from panscape.sivae.readout import read_models  # noqa: E402
from panscape.sivae.settings import SivaeSettings  # noqa: E402
from panscape.sivae.values import Expression, ValueSettings, prepare_bin  # noqa: E402

DENSITY, MOST, FEWEST = 0.01, 1000, 200


def halves_of(given: argparse.Namespace, seed: int) -> tuple[list[Expression], np.ndarray]:
    """Return the halves of all lines, in pairs, and the names of the genes."""
    import anndata

    table = anndata.read_h5ad(given.h5ad)
    counts = sparse.csr_matrix(table.X).astype(np.float32)
    totals = np.asarray(counts.sum(axis=1)).ravel()
    log = normalise(counts, totals, "depth-log1p", target=float(np.median(totals)))
    square = np.asarray(log.multiply(log).mean(axis=0)).ravel()
    variance = square - np.square(np.asarray(log.mean(axis=0)).ravel())
    detected = np.asarray((counts > 0).sum(axis=0)).ravel() >= 0.02 * len(totals)
    genes = np.sort(np.argsort(-np.where(detected, variance, -1), kind="stable")[: given.genes])
    lines, rng, result = table.obs[given.line].astype(str).to_numpy(), np.random.default_rng(seed), []
    for line in sorted(set(lines)):
        cells = rng.permutation(np.flatnonzero(lines == line))[:MOST]
        if len(cells) < FEWEST:
            continue
        half = len(cells) // 2
        for name, rows in (("half-a", cells[:half]), ("half-b", cells[half : 2 * half])):
            parts = log[rows][:, genes], counts[rows][:, genes], table.obs.iloc[rows]
            result.append(prepare_bin(line, name, *parts, ValueSettings(), seed))
    return result, table.var_names[genes].to_numpy()


def odds_ratio(graph: sparse.csr_matrix, known: sparse.csr_matrix) -> float:
    """Return the odds ratio of being known, edges against other pairs of genes."""
    n = graph.shape[0]
    edges, true = graph.nnz / 2, known.nnz / 2
    both = graph.multiply(known).nnz / 2
    rest = n * (n - 1) / 2 - edges - true + both
    return (both + 0.5) * (rest + 0.5) / (edges - both + 0.5) / (true - both + 0.5)


def known_pairs(path: str, genes: np.ndarray) -> sparse.csr_matrix:
    """Return the known interactions among genes, symmetric."""
    place = {gene: at for at, gene in enumerate(genes)}
    pairs = pd.read_csv(path, sep="\t").iloc[:, :2].itertuples(index=False)
    ends = np.array([(place[a], place[b]) for a, b in pairs if a in place and b in place and a != b])
    graph = sparse.coo_matrix((np.ones(len(ends), bool), ends.T), shape=(len(genes), len(genes))).tocsr()
    return ((graph + graph.T) > 0).tocsr()


def measure(bins: list[Expression], steps: int, seed: int, known: sparse.csr_matrix | None) -> dict:
    """Return the agreement of halves after a number of steps."""
    begin = time.process_time()
    task, _ = train(bins, SivaeSettings(n_steps=(0, 0, steps)), seed)
    seconds = (time.process_time() - begin) / len(bins)
    fitted = read_models(task)
    usable = [np.asarray(item.bin.inputs.any(axis=0)) for item in bins]
    graphs = [network(one.loadings, DENSITY, "dot", use) for one, use in zip(fitted, usable, strict=True)]
    centrality = np.nan_to_num(np.stack([one.centrality() for one in fitted], axis=1))
    similar = neighbour_jaccard(graphs)
    pairs = range(0, len(bins), 2)
    first, second = (stats.rankdata(centrality[:, at::2], axis=1) for at in (0, 1))
    between = [stats.pearsonr(a, b)[0] for a, b in zip(first, second, strict=True) if np.ptp(a) and np.ptp(b)]
    result = {
        "neighbours": np.mean([similar[at, at + 1] for at in pairs]),
        "others": np.mean([similar[at, other] for at in pairs for other in pairs if at != other]),
        "centrality": np.mean([stats.spearmanr(centrality[:, at], centrality[:, at + 1])[0] for at in pairs]),
        "between lines": np.mean(between) if len(pairs) > 3 else np.nan,
        "heldout": np.mean([one.total("heldout") for one in fitted]),
        "seconds": seconds,
    }
    if known is not None:
        result["odds ratio"] = np.median([odds_ratio(graph, known) for graph in graphs])
    return {key: round(float(value), 3) for key, value in result.items()}


def main() -> None:
    """Measure all numbers of steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("h5ad")
    parser.add_argument("--line", default="donor")
    parser.add_argument("--steps", type=int, nargs="+", default=[300, 150])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--genes", type=int, default=1000)
    parser.add_argument("--known")
    given = parser.parse_args()
    rows: dict[int, list[dict]] = {steps: [] for steps in given.steps}
    for seed in given.seeds:
        bins, genes = halves_of(given, seed)
        known = known_pairs(given.known, genes) if given.known else None
        for steps in given.steps:
            rows[steps].append(measure(bins, steps, seed, known))
            print(seed, steps, rows[steps][-1], flush=True)
    means = {steps: pd.DataFrame(part).mean().round(3).to_dict() for steps, part in rows.items()}
    print(json.dumps(means))


if __name__ == "__main__":
    main()
