"""Is a study placed well that the dictionary was not fitted on? Each simulated study is left out in turn.

The dictionary is learned from the other studies with the defaults, and the left-out study's panclusters get
an age from their codes and neighbours. Beside the error stand those of the fitted studies: each left out of
the estimate of its age in turn (not of the fit), and, far too good because panclusters share cells, a tenth
of the panclusters at a time. The middle study lies within the ages of the others, of the early and the late
one a part lies beyond. The last line printed is one JSON object.
"""

import argparse
import json

import numpy as np
from _planted import plant


def errors(planted, left: str, seed: int, neighbours: int) -> dict:
    """Leave one study out, place it, and measure."""
    from panscape import dictionary

    settings = dictionary.DictionarySettings(min_panclusters=5)
    stack = planted.stack(dictionary.DictionarySettings(pair_support=1))
    inside = (planted.obs["study"] != left).to_numpy()
    fitted = planted.stack(settings).rows(inside)
    table = dictionary.stack_elbow(fitted, settings, seed)
    k = int(table.loc[table["suggested"], "k"].iloc[0])
    choice, result = dictionary.learn_stack(fitted, k, settings, seed)
    saved = dictionary.Saved(dictionary.to_anndata(result, fitted, choice, {}))
    options = {**settings.__dict__, "neighbours": neighbours, "coverage": 0.9}
    new, old = stack.rows(~inside), stack.rows(inside)
    placed = dictionary.project_stack(saved, old, new, options)
    error = (placed["age"] - placed["age_known"]).abs()
    aligned = dictionary.align(
        dictionary.Reference(
            result.entries, fitted.data, fitted.gene_a, fitted.gene_b, fitted.genes, old.obs["study"]
        ),
        fitted.data, fitted.gene_a, fitted.gene_b, list(fitted.genes),
    )  # fmt: skip
    codes = dictionary.project_codes(aligned, alpha=settings.alpha)[1]
    age = old.obs["age"].to_numpy()
    given = (codes, aligned.matrix)
    again, _ = dictionary.calibrate(*given, old.obs["study"].to_numpy(), age, k=neighbours)
    others, _ = dictionary.calibrate(*given, np.arange(len(age)) % 10, age, k=neighbours)
    within = placed["age_known"].between(placed["age_low"], placed["age_high"])
    edge = placed["age_edge"].astype(bool)
    beyond = ~placed["age_known"].between(age.min(), age.max())
    return {
        "left_out": left,
        "entries": len(saved.names),
        "beyond": float(beyond.mean()),
        "flagged_of_beyond": float(edge[beyond].mean()) if beyond.any() else None,
        "flagged_of_within": float(edge[~beyond].mean()),
        "error": float(error.median()),
        "error_within": float(error[~beyond].median()),
        "error_fitted_study_out": float(np.nanmedian(np.abs(again - age))),
        "error_fitted_tenth_out": float(np.nanmedian(np.abs(others - age))),
        "coverage": float(within.mean()),
        "correlation": float(placed[["age", "age_known"]].corr().iloc[0, 1]),
    }


def main() -> None:
    """Measure every seed and left-out study and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12])
    parser.add_argument("--modules", type=int, default=20)
    parser.add_argument("--min-cells", type=int, default=100, help="of a pancluster")
    parser.add_argument("--neighbours", type=int, default=15)
    args = parser.parse_args()
    rows = []
    for seed in args.seeds:
        planted = plant(seed, args.modules, args.min_cells)
        for left in planted.obs["study"].unique():
            rows.append({"seed": seed, **errors(planted, left, seed, args.neighbours)})
            print(rows[-1], flush=True)
    print(json.dumps({"benchmark": "dictionary_projection", "min_cells": args.min_cells, "rows": rows}))


if __name__ == "__main__":
    main()
