"""How often two equally good graphs are called different at recovering a known network, or a better one.

Known networks of modules, dense within and with a few edges of hubs; two graphs of equal numbers of edges
find every module with a strength of their own, drawn from the same distribution (`better` is added to one of
them). Printed per setting: the share of pairs of graphs that differ by three rules, with its standard error:
z more than 2 apart (each against rewirings of the known network), the difference of both overlaps against
the same rewirings, and the paired comparison of `overlap/verdicts.tsv` (p < .05). The setting `single` draws
the strength of every edge, not of every module; `shared` is the part of the modules' strength that both
graphs have in common. The last line printed is one JSON object.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

SETTINGS = {
    "single": {"single": True},
    "modules": {},
    "modules-shared": {"shared": 0.8},
    "small-modules": {"modules": 40, "sizes": (4, 16)},
    "small-modules-better": {"modules": 40, "sizes": (4, 16), "better": 1.5},
    "modules-shared-better": {"shared": 0.8, "better": 1.5},
}


def draw(rng, genes, edges, *, modules=20, sizes=(5, 60), single=False, shared=0.0, better=0.0):
    """Return the edges of a known network, and two graphs."""
    from panscape.data.edge_lists import Graph

    hubs, chance = rng.gamma(0.7, 1, genes), rng.gamma(1, 1, genes)
    known = rng.random((genes, genes)) < np.minimum(np.outer(hubs, hubs) * 0.005, 1)
    weights = [rng.exponential(size=(genes, genes)) * np.sqrt(np.outer(chance, chance)) / 2 for _ in range(2)]
    order, at = rng.permutation(genes), 0
    for size in rng.integers(*sizes, modules):
        module = order[at : at + size]
        at += size
        inside = np.ix_(module, module)
        known[inside] |= rng.random((len(module),) * 2) < rng.uniform(0.2, 0.8)
        common = rng.normal()
        for weight, more in zip(weights, (better, 0.0), strict=True):
            own = 0 if single else np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal()
            weight[inside] += 1 + own + more + rng.normal(size=(len(module),) * 2)
    names = np.array([f"g{number}" for number in range(genes)], dtype=object)
    first, second = np.triu_indices(genes, 1)
    ends = np.stack([first, second], axis=1).astype(np.int32)
    graphs = [
        Graph(names, ends[np.sort(np.argpartition(-weight[first, second], edges)[:edges])])
        for weight in weights
    ]
    return Graph(names, ends[known[first, second]]), *graphs


def rules(known, one, two, rewirings: int, seed: int) -> list[bool]:
    """Return whether the graphs differ by z, by rewirings of the difference, and by the paired comparison."""
    from panscape.coscape.overlap.paired import KnownEdges, paired_difference
    from panscape.coscape.overlap.scores import rewired_null, standing
    from panscape.graph.rewire import adjacency_bits, count_shared

    def shared(edges) -> list[int]:
        bits = adjacency_bits(edges, len(known.genes))
        return [count_shared(graph.edges, *bits) for graph in (one, two)]

    options = {"rewirings": rewirings, "tries_per_edge": 10, "seed": seed}
    null, seen = rewired_null(known, shared, **options), shared(known.edges)
    z = [standing(value, null[:, at])["z"] for at, value in enumerate(seen)]
    apart = standing(seen[0] - seen[1], null[:, 0] - null[:, 1])["z"]
    paired = paired_difference(one, two, KnownEdges.of(known, [one, two], **options), seed=seed)
    return [abs(z[0] - z[1]) > 2, abs(apart) > 1.96, paired["pvalue"] < 0.05]


def main() -> None:
    """Measure every setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--genes", type=int, default=800)
    parser.add_argument("--edges", type=int, default=800)
    parser.add_argument("--rewirings", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows = []
    for name in args.settings:
        found = []
        for at in range(args.draws):
            rng = np.random.default_rng([args.seed, at])
            found.append(rules(*draw(rng, args.genes, args.edges, **SETTINGS[name]), args.rewirings, at))
        share = np.mean(found, axis=0)
        error = np.sqrt(share * (1 - share) / args.draws)
        row = {"setting": name}
        for rule, value, width in zip(("z_apart", "rewirings", "paired"), share, error, strict=True):
            row |= {rule: float(value), f"{rule}_se": float(width)}
        rows.append(row)
        print(row, flush=True)
    print(json.dumps({"benchmark": "overlap_verdicts", "draws": args.draws, "rows": rows}))


if __name__ == "__main__":
    main()
