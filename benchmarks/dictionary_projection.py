"""Is a study placed well that the dictionary was not fitted on? Each simulated study is left out in turn.

The dictionary is learned from the other studies with the defaults, and the left-out study's panclusters are
given an age. The ages of the demo (8 to 20 days) are stretched as well to 9 to 90 days, on which development
follows the logarithm of age. Printed for each are the error, the coverage of nominal 90 % intervals (of
panclusters whose age the reference covers; and of all, where intervals are read as open at the flagged edge),
how many panclusters within and beyond the reference's ages are flagged, and the median half-width beside that
of one width for all: the 90 % quantile of all left-out errors. The middle study lies within the ages of the
others, of the early and the late one a part lies beyond. The last line printed is one JSON object.
"""

import argparse
import json
from dataclasses import replace

import numpy as np
import pandas as pd
from _planted import plant

COVERAGE = 0.9
SCALES = {"8-20": lambda age: age, "9-90": lambda age: 9 * 10 ** ((age - 8) / 12)}


def finish(planted, left: str, seed: int):
    """Return the finished collection without a study, and the study's panclusters."""
    from panscape.coscape.dictionary.fit_stack import learn_stack, stack_elbow
    from panscape.coscape.dictionary.settings import DictionarySettings
    from panscape.coscape.dictionary.write import SavedDictionary, dictionary_to_anndata
    from panscape.coscape.project.collection import FinishedCollection

    settings = DictionarySettings(min_panclusters=5)
    stack = planted.stack(DictionarySettings(pair_support=1))
    inside = (planted.obs["study"] != left).to_numpy()
    fitted = planted.stack(settings).rows(inside)
    table = stack_elbow(fitted, settings, seed)
    k = int(table.loc[table["suggested"], "k"].iloc[0])
    choice, result = learn_stack(fitted, k, settings, seed)
    saved = SavedDictionary(dictionary_to_anndata(result, fitted, choice, {}))
    old, new = stack.rows(inside), stack.rows(~inside)
    return FinishedCollection(saved, old, np.zeros((len(old.obs), 2)), settings), new


def placed(finished, new, change) -> pd.DataFrame:
    """Place a study whose ages, and those of the reference, are on another scale."""
    from panscape.coscape.project.collection import project_stack

    aged = [replace(one, obs=one.obs.assign(age=change(one.obs["age"]))) for one in (finished.stack, new)]
    table = project_stack(replace(finished, stack=aged[0]), aged[1], coverage=COVERAGE)
    known = aged[0].obs["age"]
    return table.assign(
        beyond=~table["age_known"].between(known.min(), known.max()),
        one_width=one_width(replace(finished, stack=aged[0])),
    )


def one_width(finished) -> float:
    """Return the quantile of all errors of left-out studies, on the ages as they are."""
    from panscape.coscape.project.intervals import leave_studies_out
    from panscape.coscape.project.kriging import similarity_kernel
    from panscape.coscape.project.similarity import Similarity

    rows, codes = finished.stack.data, finished.saved.usage
    similarity = similarity_kernel(Similarity.cosine(rows, rows[:0]).known, codes, codes)
    age, study = (finished.stack.obs[name].to_numpy() for name in ("age", "study"))
    return float(np.quantile(leave_studies_out(similarity, age.astype(float), study).error, COVERAGE))


def measures(table: pd.DataFrame) -> dict:
    """Return what is printed of projected panclusters."""
    beyond, edge = table["beyond"].to_numpy(), table["age_edge"].to_numpy(dtype=str)
    known, low, high = (table[name].to_numpy() for name in ("age_known", "age_low", "age_high"))
    closed = (low <= known) & (known <= high)
    below, above = np.isin(edge, ["low", "both"]), np.isin(edge, ["high", "both"])
    opened = ((low <= known) | below) & ((known <= high) | above)
    error, half = np.abs(table["age"].to_numpy() - known), (high - low) / 2
    return {
        "panclusters": len(table),
        "beyond": float(beyond.mean()),
        "error": float(np.median(error)),
        "error_within": float(np.median(error[~beyond])),
        "coverage_within": float(closed[~beyond].mean()),
        "coverage_open": float(opened.mean()),
        "coverage_closed": float(closed.mean()),
        "flagged_within": float((edge[~beyond] != "").mean()),
        "flagged_beyond": float((edge[beyond] != "").mean()) if beyond.any() else None,
        "half_width": float(np.median(half)),
        "half_width_one_for_all": float(np.median(table["one_width"])),
        "negative": int((low < 0).sum()),
        "correlation": float(table[["age", "age_known"]].corr(method="spearman").iloc[0, 1]),
    }


def main() -> None:
    """Measure every seed and left-out study and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12])
    parser.add_argument("--modules", type=int, default=20)
    parser.add_argument("--min-cells", type=int, default=100, help="of a pancluster")
    args = parser.parse_args()
    tables = []
    for seed in args.seeds:
        planted = plant(seed, args.modules, args.min_cells)
        for left in planted.obs["study"].unique():
            finished, new = finish(planted, left, seed)
            for scale, change in SCALES.items():
                tables.append(placed(finished, new, change).assign(seed=seed, left=left, scale=scale))
                print(scale, seed, left, measures(tables[-1]), flush=True)
    together = pd.concat(tables, ignore_index=True)
    rows = [{"scale": name, **measures(part)} for name, part in together.groupby("scale", sort=False)]
    rows += [
        {"scale": scale, "left_out": left, **measures(part)}
        for (scale, left), part in together.groupby(["scale", "left"], sort=False)
    ]
    print(json.dumps({"benchmark": "dictionary_projection", "seeds": args.seeds, "rows": rows}))


if __name__ == "__main__":
    main()
