"""CPU time of the Weisfeiler-Lehman kernel of many gene networks, and its difference from GraKeL's.

Random graphs of equal numbers of edges; the kernel of all of them is timed, and on the first few also
GraKeL's on the same processor. The last line printed is one JSON object.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from panscape.graph.weisfeiler_lehman import wl_kernel
from panscape.sivae.networks.similarity import edge_jaccard, linear_cka, neighbour_jaccard


def random_graph(rng: np.random.Generator, nodes: int, edges: int) -> sparse.csr_matrix:
    """Draw a simple graph with exactly `edges` edges."""
    chosen = np.zeros(0, dtype=np.int64)
    while len(chosen) < edges:
        ends = np.sort(rng.integers(nodes, size=(2 * edges, 2)), axis=1)
        codes = (ends[:, 0] * nodes + ends[:, 1])[ends[:, 0] < ends[:, 1]]
        chosen = np.unique(np.concatenate([chosen, codes]))
    chosen = rng.permutation(chosen)[:edges]
    graph = sparse.coo_matrix((np.ones(edges, bool), (chosen // nodes, chosen % nodes)), shape=(nodes, nodes))
    return sparse.csr_matrix(graph + graph.T)


def timed(function, *args, **kwargs):
    """Return the CPU seconds of a call and its result."""
    start = time.process_time()
    result = function(*args, **kwargs)
    return time.process_time() - start, result


def grakel_kernel(graphs: list[sparse.csr_matrix], h: int) -> np.ndarray:
    """Return GraKeL's kernel with degrees as labels."""
    import grakel

    made = []
    for graph in graphs:
        around = {
            i: graph.indices[graph.indptr[i] : graph.indptr[i + 1]].tolist() for i in range(graph.shape[0])
        }
        made.append(grakel.Graph(around, node_labels={i: len(around[i]) for i in around}))
    return grakel.WeisfeilerLehman(n_iter=h, normalize=True).fit_transform(made)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", type=int, default=200)
    parser.add_argument("--nodes", type=int, default=2000)
    parser.add_argument("--edges", type=int, default=20_000)
    parser.add_argument("--dimensions", type=int, default=32)
    parser.add_argument("--h", type=int, default=5)
    parser.add_argument(
        "--compared", type=int, default=10, help="graphs that GraKeL also gets; 0 leaves it out"
    )
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    graphs = [random_graph(rng, args.nodes, args.edges) for _ in range(args.graphs)]
    outcome = {key: getattr(args, key) for key in ("graphs", "nodes", "edges", "h")}
    outcome["wl_degree_cpu_s"], _ = timed(wl_kernel, graphs, h=args.h)
    outcome["wl_name_cpu_s"], _ = timed(wl_kernel, graphs, labels="name", h=1)
    outcome["edges_cpu_s"], _ = timed(edge_jaccard, graphs)
    outcome["neighbours_cpu_s"], _ = timed(neighbour_jaccard, graphs)
    embeddings = [rng.normal(size=(args.nodes, args.dimensions)) for _ in graphs]
    outcome["cka_cpu_s"], _ = timed(linear_cka, embeddings)
    outcome["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if args.compared:
        some = graphs[: args.compared]
        selected, kernel = timed(wl_kernel, some, h=args.h)
        other, expected = timed(grakel_kernel, some, args.h)
        outcome |= {
            "compared": args.compared,
            "own_cpu_s": selected,
            "grakel_cpu_s": other,
            "times_faster": other / selected,
            "largest_difference": float(np.abs(kernel - expected).max()),
        }
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
