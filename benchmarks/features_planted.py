"""Planted gene sets: do they survive the entropy test, and does the forest rank them first.

Cells of several types; most genes of some of the gene sets are higher in one to three types. Told per seed:
planted sets that pass, other sets that pass, planted ones among the most important, and the number of groups
with exactly one chosen set. The last line printed is one JSON object.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))


def made_up(args: argparse.Namespace, seed: int):
    """Return counts, gene sets (CSR of ones; the first are planted) and the cells' types."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, args.types, args.cells)
    member = np.zeros((args.sets, args.genes), dtype=bool)
    for row in member:
        row[rng.choice(args.genes, rng.integers(50, 150), replace=False)] = True
    log = np.tile(rng.normal(-1.2, 1.2, args.genes), (args.cells, 1))
    for row in member[: args.planted]:
        genes = np.flatnonzero(row)
        genes = genes[rng.random(len(genes)) < args.share]
        up = rng.choice(args.types, rng.integers(1, 4), replace=False)
        log[:, genes] += args.effect * np.isin(kind, up)[:, None]
    rate = np.exp(log)
    rate *= rng.lognormal(np.log(2500), 0.35, args.cells)[:, None] / rate.sum(axis=1, keepdims=True)
    counts = sparse.csr_matrix(rng.poisson(rate), dtype=np.float32)
    types = np.array([f"type {code}" for code in kind], dtype=object)
    return counts, sparse.csr_matrix(member.astype(np.float64)), types


def main() -> None:
    """Run all seeds and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=3000)
    parser.add_argument("--genes", type=int, default=6000)
    parser.add_argument("--types", type=int, default=8)
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--planted", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.6, help="of a planted set's genes that differ")
    parser.add_argument("--effect", type=float, default=1.0, help="change of log expression")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()

    from panscape import features

    rows = []
    for seed in args.seeds:
        counts, member, types = made_up(args, seed)
        n_up = features.top_count(args.genes)
        weights = sparse.vstack([part for _, part in features.weight_blocks(counts, n_up)], format="csr")
        settings = features.FeatureSettings()
        table, scores = features.entropy_test(weights, member, n_up, np.random.default_rng(seed))
        names = [f"set {at}" for at in range(args.sets)]
        result, forest = features.choose(
            table.assign(term=names, library="made up"), scores, types, settings, seed=seed
        )
        passed = settings.passed(table)
        chosen = result[result["group"].notna()].groupby("group")["selected"].sum()
        rows.append(
            {
                "seed": seed,
                "planted_passed": int(passed[: args.planted].sum()),
                "others_passed": int(passed[args.planted :].sum()),
                "planted_in_top": int(result["term"][:30].isin(names[: args.planted]).sum()),
                "groups": len(chosen),
                "groups_with_one_chosen": int((chosen == 1).sum()),
                "forest_accuracy": round(forest.accuracy, 3),
            }
        )
        print(rows[-1], flush=True)
    print(json.dumps({"planted": args.planted, "effect": args.effect, "runs": rows}))


if __name__ == "__main__":
    main()
