"""CPU time and memory of a dictionary with the choice of its size and all starts, by panclusters.

Panclusters are simulated as in a large collection: `--planted` groups of genes, each used by a third of the
panclusters, and chance pairs of uneven genes, 7 % of all pairs in each pancluster. Every size runs in a
process of its own, with one thread. Printed: CPU seconds of the elbow and of the fit (five starts) by
default settings, peak memory, the suggested number of entries and how many groups an entry recovers (cosine
above .9). The last line printed is one JSON object with the slope of CPU seconds by number of values, on a
logarithmic scale.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

GENES, IN_GROUP, DENSITY, USED = 2000, 30, 0.07, 0.35


def simulate(n: int, pairs: int, planted: int, seed: int):
    """Return a stack of n panclusters, and the groups of genes."""
    from panscape.coscape.dictionary.stack import Stack

    rng = np.random.default_rng(seed)
    groups = [np.sort(rng.choice(GENES, IN_GROUP, replace=False)) for _ in range(planted)]
    own = [np.stack(np.triu_indices(IN_GROUP, 1), axis=1) for _ in groups]
    own = [group[ends] for group, ends in zip(groups, own, strict=True)]
    hubs = rng.gamma(1.0, 1.0, GENES)
    chance = np.sort(rng.choice(GENES, size=(2 * pairs, 2), p=hubs / hubs.sum()), axis=1)
    chance = chance[chance[:, 0] < chance[:, 1]]
    ends = np.concatenate([*own, chance])
    code, place = np.unique(ends[:, 0] * GENES + ends[:, 1], return_inverse=True)
    columns = np.split(place[: sum(map(len, own))], np.cumsum([len(part) for part in own])[:-1])
    left = rng.permutation(np.setdiff1d(np.arange(len(code)), np.concatenate(columns)))
    kept = np.sort(np.concatenate([*map(np.unique, columns), left])[:pairs])
    number = np.full(len(code), -1)
    number[kept] = np.arange(len(kept))
    rows = []
    for _ in range(n):
        used = np.flatnonzero(rng.random(planted) < USED)
        inside = [number[columns[k]] for k in used]
        inside = [part[(part >= 0) & (rng.random(len(part)) < 0.9)] for part in inside]
        values = [rng.uniform(0.3, 0.9) * rng.uniform(0.8, 1.2, len(part)) for part in inside]
        more = rng.choice(len(kept), int(DENSITY * len(kept)), replace=False)
        column = np.concatenate([*inside, more])
        value = np.concatenate([*values, rng.uniform(0.2, 0.4, len(more)) * rng.choice([1, -1], len(more))])
        column, first = np.unique(column, return_index=True)
        rows.append((column, value[first]))
    indptr = np.concatenate([[0], np.cumsum([len(column) for column, _ in rows])])
    parts = [np.concatenate(part) for part in zip(*rows, strict=True)]
    data = sparse.csr_matrix((parts[1], parts[0], indptr), shape=(n, len(kept)))
    norm = sparse.diags(1 / np.sqrt(np.asarray(data.multiply(data).sum(axis=1)).ravel()))
    genes = np.array([f"g{at:04d}" for at in range(GENES)], dtype=object)
    first, second = np.divmod(code[kept], GENES)
    obs = pd.DataFrame({"study": "one"}, index=[f"c{at}" for at in range(n)])
    times = np.ones(n, dtype=int)
    return Stack(sparse.csr_matrix(norm @ data), genes[first], genes[second], genes, obs, obs, times), groups


def run(args: argparse.Namespace, n: int) -> dict:
    """Learn one dictionary and return its measurements."""
    from panscape.coscape.dictionary.fit_stack import learn_stack, stack_elbow
    from panscape.coscape.dictionary.settings import DictionarySettings

    settings = DictionarySettings()
    stack, groups = simulate(n, args.pairs, args.planted, args.seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begin = time.process_time()
    table = stack_elbow(stack, settings, args.seed)
    k = int(table.loc[table["suggested"], "k"].iloc[0])
    elbow = time.process_time() - begin
    choice, _ = learn_stack(stack, k, settings, args.seed)
    spent = time.process_time() - begin
    member = [pd.Index(stack.genes[group]) for group in groups]
    truth = np.array([np.isin(stack.gene_a, x) & np.isin(stack.gene_b, x) for x in member], dtype=float)
    truth /= np.linalg.norm(truth, axis=1, keepdims=True)
    entries = choice.fit.entries / np.linalg.norm(choice.fit.entries, axis=1, keepdims=True)
    return {
        "panclusters": n,
        "pairs": stack.data.shape[1],
        "values": int(stack.data.nnz),
        "elbow_cpu_s": elbow,
        "fit_cpu_s": spent - elbow,
        "k": k,
        "recovered": int(((truth @ entries.T).max(axis=1) > 0.9).sum()),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "data_mb": before,
    }


def main() -> None:
    """Measure every size and print the slope."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panclusters", type=int, nargs="+", default=[600, 1200, 2400])
    parser.add_argument("--pairs", type=int, default=89_000, help="of genes")
    parser.add_argument("--planted", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="one size in this process")
    args = parser.parse_args()
    if args.only:
        print(json.dumps(run(args, args.only)))
        return
    rows = []
    for n in args.panclusters:
        command = [sys.executable, *sys.argv, "--only", str(n)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    result = {"benchmark": "dictionary_scale", "rows": rows}
    if len(rows) > 1:
        spent = [np.log(row["elbow_cpu_s"] + row["fit_cpu_s"]) for row in rows]
        values = [np.log(row["values"]) for row in rows]
        result["slope"] = float(np.polyfit(values, spent, 1)[0])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
