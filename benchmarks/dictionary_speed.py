"""CPU time and memory of learning a dictionary, against scikit-learn's coordinate-descent one.

Both start from the same truncated singular value decomposition and run the same number of iterations on the
same simulated panclusters x pairs matrix (planted networks used by a third of the panclusters, chance edges
elsewhere). Each side runs in a process of its own, so that its peak memory is its own; what making the data
takes is measured apart. The last line printed is one JSON object.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))


def simulate(n: int, pairs: int, k: int, density: float, seed: int) -> sparse.csr_matrix:
    """Draw a CSR matrix with k planted networks and chance edges, about `density` of it not zero."""
    rng = np.random.default_rng(seed)
    owner = np.where(rng.random(pairs) < 0.1, rng.integers(k, size=pairs), -1)
    weight = rng.uniform(0.4, 1, pairs)
    groups = [np.flatnonzero(owner == j) for j in range(k)]
    rows = []
    for _ in range(n):
        used = np.flatnonzero(rng.random(k) < 0.35)
        edges = [groups[j][rng.random(len(groups[j])) < 0.9] for j in used]
        planted = np.concatenate([*edges, np.empty(0, int)])
        values = weight[planted] * rng.uniform(0.7, 1, len(planted))
        left = max(int(density * pairs) - len(planted), 0)
        chance = np.setdiff1d(rng.choice(pairs, left, replace=False), planted, assume_unique=False)
        columns = np.concatenate([planted, chance])
        values = np.concatenate(
            [values, rng.uniform(0.3, 0.6, len(chance)) * rng.choice([1, -1], len(chance))]
        )
        order = np.argsort(columns)
        rows.append((columns[order].astype(np.int32), values[order].astype(np.float32)))
    indptr = np.concatenate([[0], np.cumsum([len(c) for c, _ in rows])])
    columns, values = np.concatenate([c for c, _ in rows]), np.concatenate([v for _, v in rows])
    return sparse.csr_matrix((values, columns, indptr), shape=(n, pairs))


def run(args: argparse.Namespace) -> dict:
    """Run one side and return its measurements."""
    from panscape.coscape.dictionary.learn import learn_entries
    from panscape.coscape.dictionary.starts import singular_start

    data = simulate(args.panclusters, args.pairs, args.planted, args.density, args.seed)
    made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begin = time.process_time()
    start = singular_start(data, args.k, np.random.default_rng(args.seed))
    init = time.process_time() - begin
    options = {"alpha": args.alpha, "max_iter": args.iterations, "tol": 0.0}
    begin = time.process_time()
    if args.side == "panscape":
        fit = learn_entries(data, *start, **options)
        history = fit.history
    else:
        from sklearn.decomposition import dict_learning

        dense = data.toarray().astype(np.float64)
        begin = time.process_time()
        *_, history = dict_learning(
            dense, args.k, method="cd", positive_code=True, positive_dict=True,
            dict_init=start[0], code_init=start[1], random_state=0, **options,
        )  # fmt: skip
    spent = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "cpu_s": spent,
        "start_cpu_s": init,
        "iterations": len(history),
        "objective": float(history[-1]),
        "peak_mb": peak,
        "data_mb": made,
        "density": data.nnz / np.prod(data.shape),
    }


def main() -> None:
    """Run both sides and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panclusters", type=int, default=2400)
    parser.add_argument("--pairs", type=int, default=89_000)
    parser.add_argument("--density", type=float, default=0.07)
    parser.add_argument("--k", type=int, default=15)
    parser.add_argument(
        "--planted", type=int, default=40, help="networks in the data; more than k: slow to settle"
    )
    parser.add_argument("--alpha", type=float, default=0.1)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", choices=["both", "panscape", "scikit-learn"], default="both")
    args = parser.parse_args()
    if args.side != "both":
        print(json.dumps(run(args)))
        return
    sides = {}
    for side in ("panscape", "scikit-learn"):
        done = subprocess.run(
            [sys.executable, *sys.argv, "--side", side], capture_output=True, text=True, check=True
        )
        sides[side] = json.loads(done.stdout.splitlines()[-1])
        print(side, sides[side], flush=True)
    ours, theirs = sides["panscape"], sides["scikit-learn"]
    per_iteration = [side["cpu_s"] / side["iterations"] for side in (ours, theirs)]
    print(
        json.dumps(
            {
                "benchmark": "dictionary_speed",
                **{key: getattr(args, key) for key in ("panclusters", "pairs", "density", "k", "iterations")},
                "cpu_s": ours["cpu_s"],
                "cpu_s_scikit_learn": theirs["cpu_s"],
                "ratio_per_iteration": per_iteration[1] / per_iteration[0],
                "start_cpu_s": ours["start_cpu_s"],
                "peak_mb": ours["peak_mb"],
                "peak_mb_scikit_learn": theirs["peak_mb"],
                "objective_relative_difference": ours["objective"] / theirs["objective"] - 1,
            }
        )
    )


if __name__ == "__main__":
    main()
