"""Annotation of a left-out donor, library or simulated batch: UniCoord beside logistic regression and k-NN.

Every batch of a data set is left out in turn; the model is trained on the others, a tenth of whose cells
calibrate it, and predicts the left-out one as a new batch (``aligned``) and without saying so (``plain``).
Real data are in the folder named by PANSCAPE_DATA. Scores: accuracy and macro-F1 of cells whose type the
other batches have (F1 over all predicted and true classes), the mean probability of the
predicted types, expected calibration error, and the fraction of cells called unknown. The last line printed
is one JSON object.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import pandas as pd
import torch
from unicoord_real import LEAST, fit, read, splits

from panscape.simulate import simulate_treatments
from panscape.unicoord.baselines import label_baselines
from panscape.unicoord.calibrate import calibration_error
from panscape.unicoord.evaluate import classification

REAL = {
    "human islets": ("pancreas_human_baron2016", "cell_type", "donor"),
    "mouse islets": ("pancreas_mouse_baron2016", "cell_type", "donor"),
    "marrow": ("hema_mouse_bm_inDrops_springHPC", "cell_type_derived", "batch"),
}
SIMULATED = {
    "cells": 3000, "n_genes": 1000, "types": 10, "rare": 2, "rare_fraction": 0.02, "treatments": ("control",),
    "batches": 4, "batch_effect": 0.4, "batch_interaction": 0.3, "confounding": 0.3,
}  # fmt: skip


def data(name, seed):
    """Return cells of a data set with the columns kind and group."""
    if name == "simulated":
        cells, label, batch = simulate_treatments(seed=seed, **SIMULATED), "cell_type", "batch"
    else:
        file, label, batch = REAL[name]
        cells = read(file, [label, batch])
    kind = cells.obs[label].astype(object)
    common = kind.value_counts().loc[lambda n: n >= LEAST].index
    cells.obs = pd.DataFrame({"kind": kind.where(kind.isin(common)), "group": cells.obs[batch].astype(str)})
    return cells[cells.obs["kind"].notna()].copy()


def judged(truth, guess, probability=None, unknown=None):
    """Return the scores of one method."""
    scores = classification(truth, guess)
    row = {"accuracy": scores["accuracy"], "macro_f1": scores["macro_f1"]}
    if probability is not None:
        right = (np.asarray(guess, dtype=str) == np.asarray(truth, dtype=str)).astype(float)
        row |= {"confidence": float(np.mean(probability)), "ece": calibration_error(probability, right)}
        row["called_unknown"] = float(np.mean(unknown))
    return row


def left_out(cells, group, seed, settings):
    """Return rows of scores, method by method, of a batch that is left out of training."""
    out = (cells.obs["group"] == group).to_numpy()
    split = splits(len(cells), np.flatnonzero(out), seed, cells.obs["kind"])
    label = {"name": "kind", "kind": "discrete", "min_cells": 1}
    model, _ = fit(cells, [label], split, seed, settings)
    known = out & cells.obs["kind"].isin(model.layout["kind"].classes).to_numpy()
    new, learned = cells[known].copy(), cells[split != "test"]
    truth, rows = new.obs["kind"].astype(str), []
    for name, batch in (("aligned", "group"), ("plain", None)):
        table = model.predict(new, batch=batch)
        scores = judged(truth, table["value"], table["probability"].to_numpy(float), table["unknown"])
        rows.append({"method": f"UniCoord, {name}"} | scores)
    guesses = label_baselines(model.normalised(learned), learned.obs["kind"], model.normalised(new))
    rows += [{"method": name} | judged(truth, guess.labels) for name, guess in guesses.items()]
    return [{"left out": group, "cells": len(new)} | row for row in rows]


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=[*REAL, "simulated"], choices=[*REAL, "simulated"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON of settings that differ")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for seed in given.seeds:
        for name in given.data:
            cells = data(name, seed)
            for group in sorted(cells.obs["group"].unique()):
                for row in left_out(cells, group, seed, given.settings):
                    rows.append({"data": name, "seed": seed} | row)
                    print(json.dumps(rows[-1]), flush=True)
    table = pd.DataFrame(rows)
    values = ["accuracy", "macro_f1", "confidence", "ece", "called_unknown"]
    for keys in (["data", "left out", "method"], ["data", "method"]):
        mean = table.groupby(keys, sort=False)[values].mean().round(3)
        print(mean.to_string())
    print(json.dumps({" / ".join(key): row.to_dict() for key, row in mean.iterrows()}))


if __name__ == "__main__":
    main()
