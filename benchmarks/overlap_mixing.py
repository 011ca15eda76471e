"""Do ten tries per edge forget the graph they start from? Null of the overlap against the number of tries.

For graphs of several sizes, the share of edges kept and the mean and spread of the overlap with another graph
of the same genes are printed for growing numbers of tries; the largest number stands for the limit. In a
dense graph many edges come back by chance, so the share of edges kept has a floor that is not zero. The last
line printed is one JSON object.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from overlap_rewiring import random_graph

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))


def main() -> None:
    """Measure every size and print what depends on the number of tries."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--edges", type=int, nargs="+", default=[2334, 22_684, 155_780])
    parser.add_argument("--known", type=int, default=20_000, help="edges of the other graph")
    parser.add_argument("--tries", type=int, nargs="+", default=[1, 2, 5, 10, 20, 100], help="per edge")
    parser.add_argument("--rewirings", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    from panscape.graph.rewire import adjacency_bits, count_shared, rewire

    rng = np.random.default_rng(args.seed)
    rows = []
    for count in args.edges:
        edges = random_graph(rng, args.genes, count)
        # half of the known edges are the graph's own, so that a chain that stays near its start is seen
        chosen = edges[rng.permutation(count)[: min(count, args.known) // 2]]
        known = np.unique(np.concatenate([chosen, random_graph(rng, args.genes, args.known)]), axis=0)
        bits, words = adjacency_bits(known.astype(np.int32), args.genes)
        itself, _ = adjacency_bits(edges, args.genes)
        for tries in args.tries:
            shared, kept = [], []
            for index in range(args.rewirings):
                new = rewire(edges, args.genes, tries=tries * count, seed=args.seed + index)
                shared.append(count_shared(new, bits, words))
                kept.append(count_shared(new, itself, words) / count)
            rows.append(
                {
                    "edges": count,
                    "tries": tries,
                    "kept": float(np.mean(kept)),
                    "null_mean": float(np.mean(shared)),
                    "null_sd": float(np.std(shared, ddof=1)),
                    "observed": count_shared(edges, bits, words),
                }
            )
            print(rows[-1], flush=True)
    print(json.dumps({"benchmark": "overlap_mixing", "genes": args.genes, "sizes": rows}))


if __name__ == "__main__":
    main()
