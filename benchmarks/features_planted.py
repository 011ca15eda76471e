"""Planted gene sets: do they pass, does the forest rank them first, and do the p-values hold.

Part 1: cells of several types; most genes of some of the gene sets are higher in one to three types. Printed
per seed: planted sets and other sets that pass, planted ones among the most important, and chosen sets that
are not planted. Part 2: how often each p is at most 0.05 (class: sets x classes; set: best class; entropy)
over many small systems in which every gene differs between types and donors, (a) for sets of random genes,
(b) for sets whose genes vary together, with labels shuffled within donors. The last line printed is one JSON
object.
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


def nothing_planted(seed: int, null: str, *, cells=450, genes=1200, sets=40, types=5, donors=3):
    """Return counts, gene sets, types and donors of a small system without any planted set.

    Parameters
    ----------
    null
        ``"random"``: sets of random genes, labels as they are. ``"labels"``: genes of a set vary together
        over cells, labels are shuffled within donors.
    """
    rng = np.random.default_rng([seed, null == "labels"])
    kind, donor = rng.integers(0, types, cells), rng.integers(0, donors, cells)
    log = np.tile(rng.normal(-0.5, 1.2, genes), (cells, 1))
    log += rng.normal(0, 0.7, (types, genes))[kind] + rng.normal(0, 0.4, (donors, genes))[donor]
    member = np.zeros((sets, genes), dtype=bool)
    for row in member:
        row[rng.choice(genes, rng.integers(20, 60), replace=False)] = True
        if null == "labels":
            log[:, row] += 0.8 * rng.standard_normal((cells, 1))
    if null == "labels":
        for name in range(donors):
            rows = np.flatnonzero(donor == name)
            kind[rows] = kind[rng.permutation(rows)]
    rate = np.exp(log)
    rate *= rng.lognormal(np.log(1500), 0.35, cells)[:, None] / rate.sum(axis=1, keepdims=True)
    counts = sparse.csr_matrix(rng.poisson(rate), dtype=np.float32)
    names = [np.array([f"{what}{code}" for code in codes]) for what, codes in (("t", kind), ("d", donor))]
    return counts, sparse.csr_matrix(member.astype(np.float64)), *names


def rates(seeds, null: str, settings: dict) -> dict:
    """Return the share of p at most 0.05 of every p that is printed."""
    from panscape.stats.aucell import top_count, weight_blocks
    from panscape.unicoord.features.assess import assess_sets
    from panscape.unicoord.features.classes import Classes
    from panscape.unicoord.features.settings import FeatureSettings

    settings = FeatureSettings(**settings)
    totals: dict[str, list] = {"class": [], "set": [], "entropy": []}
    for seed in seeds:
        counts, member, types, donors = nothing_planted(seed, null)
        n_up = top_count(counts.shape[1])
        weights = sparse.vstack([part for _, part in weight_blocks(counts, n_up)], format="csr")
        result = assess_sets(
            weights, member, n_up, np.random.default_rng(seed), settings=settings,
            detection=np.asarray((counts > 0).mean(axis=0)).ravel(),
            classes=Classes.of(types, donors),
        )  # fmt: skip
        totals["class"].append((result.classes["pvalue"] <= 0.05).mean())
        totals["set"].append((result.table["class_pvalue"] <= 0.05).mean())
        if null == "random":  # entropy does not look at labels
            totals["entropy"].append((result.table["entropy_pvalue"] <= 0.05).mean())
    return {name: round(float(np.mean(values)), 4) for name, values in totals.items() if values}


def planted(args: argparse.Namespace, seed: int) -> dict:
    """Choose features of one system with planted sets; return what was counted."""
    from panscape.stats.aucell import top_count, weight_blocks
    from panscape.unicoord.features.assess import assess_sets
    from panscape.unicoord.features.choose import choose
    from panscape.unicoord.features.classes import Classes
    from panscape.unicoord.features.settings import FeatureSettings

    counts, member, types = made_up(args, seed)
    n_up = top_count(args.genes)
    weights = sparse.vstack([part for _, part in weight_blocks(counts, n_up)], format="csr")
    settings = FeatureSettings()
    outcome = assess_sets(
        weights, member, n_up, np.random.default_rng(seed),
        detection=np.asarray((counts > 0).mean(axis=0)).ravel(), classes=Classes.of(types),
    )  # fmt: skip
    names = [f"set {at}" for at in range(args.sets)]
    table = outcome.table.assign(term=names, library="made up")
    result, forest = choose(table, outcome.scores, types, settings, seed=seed)
    passed = settings.passed(table)
    is_planted = result["term"].isin(names[: args.planted])
    return {
        "seed": seed,
        "planted_passed": int(passed[: args.planted].sum()),
        "others_passed": int(passed[args.planted :].sum()),
        "planted_passed_entropy": int((table["entropy_fdr"] <= settings.max_fdr)[: args.planted].sum()),
        "planted_in_top": int(is_planted[:30].sum()),
        "chosen": int(result["selected"].sum()),
        "chosen_not_planted": int((result["selected"] & ~is_planted).sum()),
        "forest_accuracy": round(forest.accuracy, 3),
    }


def main() -> None:
    """Run all seeds and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=3000)
    parser.add_argument("--genes", type=int, default=6000)
    parser.add_argument("--types", type=int, default=8)
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--planted", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.6, help="of a planted set's genes that differ")
    parser.add_argument("--effect", type=float, default=1.0, help="change of log expression")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--systems", type=int, default=200, help="small systems per null of part 2")
    args = parser.parse_args()

    runs = []
    for seed in args.seeds:
        runs.append(planted(args, seed))
        print(runs[-1], flush=True)
    small = {"random_sets": 100, "size_bins": 2, "detection_bins": 2}
    type_one = {}
    for null in ("random", "labels"):
        type_one[null] = rates(range(args.systems), null, small)
        print(null, type_one[null], flush=True)
    print(json.dumps({"planted": args.planted, "effect": args.effect, "runs": runs, "type_one": type_one}))


if __name__ == "__main__":
    main()
