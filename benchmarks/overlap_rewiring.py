"""CPU time of one degree-preserving rewiring, against igraph's ``rewire`` with the same number of tries.

Random graphs with hubs on a fixed number of genes, ten tries per edge. Compiling (cached on disk
afterwards) is measured apart. The last line printed is one JSON object.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))


def random_graph(rng: np.random.Generator, genes: int, edges: int) -> np.ndarray:
    """Draw a simple graph with uneven degrees, int32 (edges, 2)."""
    first, second = np.triu_indices(genes, 1)
    weight = rng.gamma(1.0, 1.0, genes)
    key = rng.exponential(size=len(first)) / (weight[first] * weight[second])
    chosen = np.sort(np.argpartition(key, edges)[:edges])
    return np.stack([first[chosen], second[chosen]], axis=1).astype(np.int32)


def cpu(function, repeats: int) -> float:
    """Return the median CPU time of a function in seconds."""
    spent = []
    for index in range(repeats):
        begin = time.process_time()
        function(index)
        spent.append(time.process_time() - begin)
    return float(np.median(spent))


def main() -> None:
    """Measure every size and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--edges", type=int, nargs="+", default=[2334, 22_684, 155_780])
    parser.add_argument("--tries", type=int, default=10, help="per edge")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    import igraph

    begin = time.process_time()
    from panscape.graph.rewire import rewire

    rewire(np.array([[0, 1], [2, 3]], dtype=np.int32), 4, tries=10, seed=0)
    start = time.process_time() - begin
    rng = np.random.default_rng(args.seed)
    random.seed(args.seed)
    rows = []
    for count in args.edges:
        edges = random_graph(rng, args.genes, count)
        tries = args.tries * count
        graph = igraph.Graph(n=args.genes, edges=edges)
        ours = cpu(lambda s, e=edges, t=tries: rewire(e, args.genes, tries=t, seed=s), args.repeats)
        theirs = cpu(lambda _, g=graph, t=tries: g.copy().rewire(n=t), max(args.repeats // 3, 1))
        new = rewire(edges, args.genes, tries=tries, seed=1)
        degrees = [np.bincount(part.ravel(), minlength=args.genes) for part in (edges, new)]
        code = [np.sort(part, axis=1).astype(np.int64) @ [args.genes, 1] for part in (edges, new)]
        rows.append(
            {
                "edges": count,
                "cpu_s": ours,
                "cpu_s_igraph": theirs,
                "ratio": theirs / ours,
                "degrees_kept": bool(np.array_equal(*degrees)),
                "simple": bool(len(np.unique(code[1])) == count and (new[:, 0] != new[:, 1]).all()),
                "edges_in_common": float(np.isin(code[1], code[0]).mean()),
            }
        )
        print(rows[-1], flush=True)
    print(
        json.dumps(
            {"benchmark": "overlap_rewiring", "genes": args.genes, "start_cpu_s": start, "sizes": rows}
        )
    )


if __name__ == "__main__":
    main()
