"""Are planted modules found from cells? The demo's system with other seeds and numbers of modules.

Cells are drawn and run through quality control, panclustering and coexpression; the dictionary is learned
with the defaults. A module is found if an entry has a cosine of at least .9 with the leading pattern of the
module's own pairs, and could be seen if at least ten panclusters have some of its pairs. The last line
printed is one JSON object.
"""

import argparse
import json
import time

import numpy as np
from _planted import expected_entries, modules_of, plant


def measure(planted, entries: str, seed: int) -> dict:
    """Learn a dictionary and compare it with the modules."""
    from panscape.coscape.dictionary.choose import match_entries
    from panscape.coscape.dictionary.fit_stack import learn_stack, stack_elbow
    from panscape.coscape.dictionary.settings import DictionarySettings

    extra = {"elbow_factor": 2.0} if entries == "free" else {}
    settings = DictionarySettings(entries=entries, **extra)
    stack = planted.stack(settings)
    names, owner = modules_of(stack, planted.module)
    expected = expected_entries(stack, owner, len(names))
    seen = np.array(
        [(np.diff(stack.data[:, np.flatnonzero(owner == at)].indptr) > 0).sum() for at in range(len(names))]
    )
    begin = time.process_time()
    table = stack_elbow(stack, settings, seed)
    k = int(table.loc[table["suggested"], "k"].iloc[0])
    choice, result = learn_stack(stack, k, settings, seed)
    spent = time.process_time() - begin
    kept = result.entries.toarray()
    cosine = match_entries(expected, kept)[1]
    inside = np.array([[(row[owner == at] ** 2).sum() for at in range(len(names))] for row in kept])
    return {
        "entries": entries,
        "panclusters": stack.data.shape[0],
        "pairs": stack.data.shape[1],
        "modules": len(names),
        "modules_seen": int((seen >= 10).sum()),
        "suggested": k,
        "kept": len(kept),
        "found": int((cosine >= 0.9).sum()),
        "found_of_seen": int((cosine[seen >= 10] >= 0.9).sum()),
        "median_cosine_of_seen": float(np.median(cosine[seen >= 10])),
        "entries_in_no_module": int((inside.max(axis=1) <= 0.8).sum()),
        "least_stability": float(result.table.loc[result.table["kept"], "stability"].min()),
        "error": choice.fit.error,
        "cpu_s": spent,
    }


def main() -> None:
    """Measure every seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12])
    parser.add_argument("--modules", type=int, default=20)
    parser.add_argument("--min-cells", type=int, default=100, help="of a pancluster")
    parser.add_argument("--entries", nargs="+", default=["products", "free"])
    parser.add_argument("--estimators", nargs="+", default=["pearson"], help="of coexpression")
    parser.add_argument("--eta", type=float, default=0.2, help="smallest absolute correlation")
    args = parser.parse_args()
    rows = []
    for seed in args.seeds:
        for estimator in args.estimators:
            how = {"estimator": estimator, "eta": args.eta}
            planted = plant(seed, args.modules, args.min_cells, how)
            for entries in args.entries:
                rows.append({"seed": seed, **how, **measure(planted, entries, seed)})
                print(rows[-1], flush=True)
    print(json.dumps({"benchmark": "dictionary_planted", "min_cells": args.min_cells, "rows": rows}))


if __name__ == "__main__":
    main()
